"""How fast numbarnn is: by commit (the asv suite), beside others (`rivals`, `gpu_rivals`), beside targets (`targets`).

The modules of this folder are the asv suite, one for each subject. They use the public API, so that they run at old
commits too; data is seeded, and `setup` calls everything once: nothing that is timed compiles unless its name says so.
Every module imports with numbarnn's own dependencies alone, as asv's discovery demands.
"""

from __future__ import annotations

from benchmarks.measuring.cache import own_cache

own_cache()
