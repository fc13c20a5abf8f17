"""Speed of numbarnn by commit (the asv suite), compared with other libraries (`rivals`, `gpu_rivals`) and `targets`.

The modules of this folder are the asv suite, one for each subject. They use the public API, so that they also run at
older commits; data is seeded, and `setup` calls everything once, so that nothing compiles while it is timed unless its
name says so. Every module imports with numbarnn's own dependencies alone, which asv's discovery requires.
"""

from __future__ import annotations

from benchmarks.measuring.cache import own_cache

own_cache()
