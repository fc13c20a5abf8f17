"""The certificates where the kernels are not the ones of this machine: the JIT off, other processors' registers."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from numbarnn.kernels.cpu import simd


def check_certificates(cases, **environment):
    """Certify the cases whose names fit in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "tests/test_recurrence_certificates.py", "-k", cases],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
def test_without_the_jit():
    check_certificates("small or one_of_everything or no_", NUMBA_DISABLE_JIT="1")


# Numba takes the features of this machine unless they are given beside the processor's name.
PROCESSORS = {
    "128 bits": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "256 bits": {"NUMBA_CPU_NAME": "sandybridge", "NUMBA_CPU_FEATURES": "+avx"},
    "256 bits, fused": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
}


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="these are x86 processors")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_on_other_processors(processor, tmp_path):
    environment = PROCESSORS[processor] | {"NUMBA_CACHE_DIR": str(tmp_path)}
    code = "from numbarnn.kernels.cpu import simd; print(simd.REGISTER_BITS, 'bits')"
    bits = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, **environment}, text=True)
    assert processor.startswith(bits.strip())
    if processor == "256 bits, fused" and simd.REGISTER_BITS == 256:
        pytest.skip("the other tests run on such a processor")
    check_certificates("test_", **environment)
