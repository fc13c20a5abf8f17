from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the default tests from a cold JIT cache."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs, env=_cold_cache(session))


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests, with PyTorch and ONNX Runtime."""
    session.install("-e", ".[test,parity,examples]")
    session.run("python", "-m", "pytest", "-m", "slow", *session.posargs, env=_cold_cache(session))


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the default tests with the oldest versions that setup.cfg allows."""
    session.install("-e", ".[test]", "-c", ".ci/oldest.txt")
    session.run("python", "-m", "pytest", *session.posargs, env=_cold_cache(session))


@nox.session
def cuda(session: nox.Session) -> None:
    """Run the tests of the CUDA kernels, in the simulator and by the compiler."""
    session.install("-e", ".[test,cuda]")
    tests = "python", "-m", "pytest", "-m", "cuda", "tests/cuda"
    session.run(*tests, *session.posargs, env=_cold_cache(session) | {"NUMBA_ENABLE_CUDASIM": "1"})
    session.run(*tests, *session.posargs, env=_cold_cache(session))


@nox.session
def lint(session: nox.Session) -> None:
    """Run Ruff, mypy and the import contract."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build; warnings are errors."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the source distribution and the wheel, check them, and fit a network from the wheel alone."""
    session.install("build", "twine")
    out = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", out)
    built = sorted(map(str, Path(out).glob("numbarnn-*")))
    session.run("twine", "check", "--strict", *built)
    session.install(next(name for name in built if name.endswith(".whl")))
    session.chdir(out)  # where there is no other numbarnn to import
    session.run("python", "-c", "import numbarnn; numbarnn.RNNRegressor(4).fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0])")


def _cold_cache(session: nox.Session) -> dict[str, str]:
    # Numba's cache does not notice a change in a function of another file.
    return {"NUMBA_CACHE_DIR": session.create_tmp(), "MPLBACKEND": "Agg"}
