"""Kernels compiled ahead of time, as for a container image."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from numbarnn.cells import cell_class
from numbarnn.estimators import RNNClassifier, RNNRegressor
from numbarnn.recurrence import passes
from numbarnn.recurrence.streaming import stream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    Cell = str | type


def compile_kernels(
    cells: Cell | Iterable[Cell] | None = None,
    dtypes: DTypeLike | Iterable[DTypeLike] = ("float32", "float64"),
    *,
    tangent: bool = False,
    step: bool = False,
    verbose: bool = False,
) -> None:
    """Compile the kernels of some cells and store them in the cache on disk, for later processes.

    These are the kernels of `forward` and `adjoint`, and those that `fit` and `predict` of `RNNClassifier` and
    `RNNRegressor` use by default. Other options, such as another loss, may compile further small kernels at their first
    use, each in less than a second.

    Parameters
    ----------
    cells : str, type or list of them, default=None
        Names of cells or their classes. If None, the default cells of `RNNClassifier` and `RNNRegressor`. The kernels
        of a class of your own are compiled for this process only; they are not kept on disk.
    dtypes : {'float32', 'float64'} or list of them, default=('float32', 'float64')
        Precisions. The estimators compute in float32 if X is float32, and in float64 otherwise.
    tangent : bool, default=False
        Whether to compile `tangent` as well, on which `jacobian_vector_product` and `lyapunov_exponents` rest.
    step : bool, default=False
        Whether to compile `step` as well.
    verbose : bool, default=False
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If the name of a cell is unknown, the attributes of a class of cells, such as `n_saved`, do not match what its
        methods return, or a dtype is neither float32 nor float64.
    TypeError
        If `cells` contains anything other than names and classes of cells.

    Warns
    -----
    RuntimeWarning
        If a kernel cannot be written to the cache, such as on a full disk. If there is no folder for a cache at all,
        the warning comes when the kernels are imported, and every process compiles its own.

    Notes
    -----
    The environment variable NUMBA_CACHE_DIR names the folder of the cache. It must be writable also when kernels are
    only loaded, since Numba ignores a read-only cache. Numba compiles for the processor at hand, unless NUMBA_CPU_NAME
    and NUMBA_CPU_FEATURES name another one, and uses a kernel of the cache only for the processor it was compiled for.

    Examples
    --------
    >>> import numbarnn
    >>> numbarnn.compile_kernels("elman", "float64")
    """
    kinds = [cell_class(cell) for cell in (_default_cells() if cells is None else _listed(cells))]
    precisions = [_checked_dtype(dtype) for dtype in _listed(dtypes)]
    pairs = [(kind, dtype) for kind in kinds for dtype in precisions]
    with tqdm(total=len(pairs), unit="kernel set", disable=not verbose or sys.stderr is None) as bar:
        for kind, dtype in pairs:
            bar.set_description(f"{kind.__name__} {dtype.name}")
            _run_passes(kind, dtype, tangent=tangent, step=step)
            _run_estimators(kind, dtype)
            bar.update()


def _default_cells() -> list[Cell]:
    return [RNNClassifier().cell, RNNRegressor().cell]


def _listed(values: Any) -> list[Any]:
    """Return a list of what was given, one or several; a cell, which is a tuple, is one."""
    several = isinstance(values, Iterable) and not isinstance(values, str) and not hasattr(values, "n_gates")
    return list(values) if several else [values]


def _checked_dtype(dtype: Any) -> np.dtype:
    try:
        fits = dtype is not None and np.dtype(dtype) in (np.float32, np.float64)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"dtypes must be 'float32', 'float64' or a list of them, got {dtype!r}")
    return np.dtype(dtype)


def _run_passes(kind: Any, dtype: np.dtype, *, tangent: bool, step: bool) -> None:
    cell = kind.init(2, 3, dtype=dtype, random_state=0)
    x = np.zeros((2, 3, 2), dtype)
    passes.forward(cell, x, keep_tape=False)
    run: Any = passes.forward(cell, x, lengths=[2, 2, 1])
    passes.adjoint(cell, run.tape, y_bar=run.y)
    if tangent:
        passes.tangent(cell, run.tape, x_dot=x)
    if step:
        stream(cell).step(x[0, :1])


def _run_estimators(kind: Any, dtype: np.dtype) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3, 2)).astype(dtype)  # more than one batch
    y = np.arange(40) % 2
    until_it_converges: dict[str, Any] = {"tol": 1e9, "n_iter_no_change": 1, "random_state": 0}
    for estimator in RNNClassifier, RNNRegressor:
        estimator(3, cell=kind, **until_it_converges).fit(X, y).predict(X)
