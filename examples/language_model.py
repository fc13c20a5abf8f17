"""Language models of characters
=============================

Train character-level language models on names of Python's standard library and on its documentation.

The first model is trained on names, each a short sequence, and generates new ones. The second is trained on a single
long text in windows, with the state carried from one window to the next.

Run with ``python examples/language_model.py``; it takes less than a minute.
"""

from __future__ import annotations

import builtins
import keyword
import sys
from pydoc_data.topics import topics

from numbarnn.estimators import RNNLanguageModel

names = sorted({name.strip("_").lower() for name in (*sys.stdlib_module_names, *dir(builtins), *keyword.kwlist)})
held_out, known = names[::10], [name for i, name in enumerate(names) if i % 10]
model = RNNLanguageModel(64, dropout=0.2, learning_rate="cosine", learning_rate_init=0.01, max_iter=60, random_state=0)
model.fit(known)
print(f"{len(known)} names; perplexity per character {model.perplexity(held_out):.2f} on {len(held_out)} other names")
drawn = model.sample(40, max_length=20, temperature=0.8, random_state=0)
print("made up:", ", ".join(sorted({name for name in drawn if name not in names})[:12]))
found, scores = model.beam_search("imp", n_beams=3)
print(
    "most probable after 'imp':", ", ".join(f"{name} ({score:.1f})" for name, score in zip(found, scores, strict=True))
)

lines = "\n".join(topics[name] for name in sorted(topics)).splitlines()
lines = [" ".join(line.split()) for line in lines if not line.lstrip().startswith(("|", "+-", "="))]  # no tables
text = "\n".join(lines)
end = len(text) * 9 // 10
model = RNNLanguageModel(96, learning_rate="cosine", learning_rate_init=0.01, max_iter=8, random_state=0, n_jobs=-1)
model.fit([text[:end]])
print(
    f"\n{end} characters; perplexity per character {model.perplexity([text[end:]]):.2f} on the {len(text) - end} after"
)
(sample,) = model.sample(prompt="The ", max_length=300, temperature=0.6, random_state=1)
print(sample)

stream = model.stream("The retur")
best = sorted(zip(stream.log_probabilities, model.vocabulary_.labels, strict=False), reverse=True)[:3]
print("\nafter 'The retur':", ", ".join(f"{label!r} with log-probability {value:.2f}" for value, label in best))
