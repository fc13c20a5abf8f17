"""Initial weights."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from numbarnn.cells.form import form_of

SPECTRAL_RADIUS = 1.1
INPUT_SCALE = 0.1


def draw_weights(
    cell_class: Any, n_inputs: int, n_units: int, dtype: Any, random_state: Any, n_outputs: int | None = None
) -> Any:
    """Return a cell with Glorot-uniform input and orthogonal recurrent weights.

    Biases and unit parameters are zero, the gains of a normalisation one. A projection, to `n_outputs` or as many
    as there are units, is Glorot-uniform, too. The block of each gate is drawn on its own, in float64, so that float32
    weights are the float64 weights rounded.

    Parameters
    ----------
    cell_class : type
        A class of cells.
    n_inputs, n_units : int
        Inputs per step and hidden units, both at least 1.
    dtype : {"float32", "float64"}
    random_state : int, RandomState instance, Generator or None
    n_outputs : int, default=None
        Outputs of a projection; None is `n_units`.

    Returns
    -------
    NamedTuple
        A cell of the class.

    Raises
    ------
    ValueError
        If a size is below one, the dtype is neither float32 nor float64, or `random_state` is none of the above.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.cells.initial import draw_weights
    >>> draw_weights(LSTM, 3, 5, "float32", 0).W.shape
    (3, 20)
    """
    n_outputs = n_units if n_outputs is None else n_outputs
    for name, size in (("n_inputs", n_inputs), ("n_units", n_units), ("n_outputs", n_outputs)):
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {size!r}")
    try:
        fits = np.dtype(dtype) in (np.float32, np.float64)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    random = random_of(random_state)
    form = form_of(cell_class)
    W = np.hstack([glorot_uniform(n_inputs, n_units, random) for _ in form.input_gates])
    R = np.hstack([orthogonal(max(n_outputs, n_units), random)[:n_outputs, :n_units] for _ in form.recurrent_gates])
    b = np.zeros(form.n_gates * n_units, dtype)
    units = (np.zeros(n_units, dtype) for _ in form.unit_parameters)
    cell = [W.astype(dtype), R.astype(dtype), b, *units]
    gains = [np.ones(n_gates * n_units, dtype) for n_gates in (form.n_gates, form.n_gates, 1)]
    cell += [*gains, np.zeros(n_units, dtype)][: len(form.normalisation)]
    if form.projection:
        projection = [glorot_uniform(n_units, n_outputs, random).astype(dtype), np.zeros(n_outputs, dtype)]
        cell += projection[: len(form.projection)]
    return cell_class(*cell)


def random_of(random_state: Any) -> Any:
    """Return the random number generator of a seed, as scikit-learn's `check_random_state` does.

    scikit-learn itself takes a second to import. A `numpy.random.Generator` is returned as it is.
    """
    if random_state is None or random_state is np.random:
        return np.random.mtrand._rand
    if isinstance(random_state, Integral):
        return np.random.RandomState(int(random_state))
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    raise ValueError(f"random_state must be an integer, a RandomState, a Generator or None, got {random_state!r}")


def glorot_uniform(n_inputs: int, n_outputs: int, random: Any) -> np.ndarray:
    """Return weights uniform in +-sqrt(6 / (n_inputs + n_outputs)) (Glorot & Bengio 2010, eq. 16)."""
    bound = np.sqrt(6 / (n_inputs + n_outputs))
    return random.uniform(-bound, bound, (n_inputs, n_outputs))


def orthogonal(size: int, random: Any) -> np.ndarray:
    """Return a random orthogonal matrix, uniform over the group (Saxe et al. 2014; Mezzadri 2007)."""
    q, r = np.linalg.qr(random.standard_normal((size, size)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def sparse(n_inputs: int, n_outputs: int, random: Any, n_connections: int = 15) -> np.ndarray:
    """Return weights of which each output has a few, standard normal over the root of their number.

    Few connections of fixed number let units differ, and keep the sum of their inputs of size one for any number of
    inputs (Martens 2010, section 5).

    Parameters
    ----------
    n_inputs, n_outputs : int
    random : RandomState or Generator
    n_connections : int, default=15
        Weights of each output that are not zero; all of them if there are fewer inputs.

    Returns
    -------
    weights : ndarray of shape (n_inputs, n_outputs), float64
    """
    n_connections = min(n_connections, n_inputs)
    weights = np.zeros((n_inputs, n_outputs))
    for column in weights.T:
        column[random.permutation(n_inputs)[:n_connections]] = random.standard_normal(n_connections)
    return weights / np.sqrt(n_connections)


def draw_sparse(views: dict[str, np.ndarray], random: Any) -> None:
    """Draw the matrices of a network anew, in place, as second-order methods need them for recurrent networks.

    All are sparse. The recurrent ones of each gate have a spectral radius of 1.1 (Sutskever et al. 2013, section 3.1),
    so that a state neither dies out nor explodes; those of the inputs of recurrent layers are a tenth of the others,
    so that units start where tanh is linear, and remember.

    Parameters
    ----------
    views : dict of str to ndarray
        Arrays by their dotted names, of which "R" is recurrent.
    random : RandomState or Generator
    """
    for name, view in views.items():
        if view.ndim != 2:
            continue
        view[:] = sparse(*view.shape, random)
        layer, _, kind = name.rpartition(".")
        size, width = view.shape
        if kind == "W" and f"{layer}.R" in views:
            view[:] *= INPUT_SCALE
        elif kind == "R" and width % size == 0:  # not of a projection
            for gate in (slice(first, first + size) for first in range(0, width, size)):
                view[:, gate] *= SPECTRAL_RADIUS / max(np.abs(np.linalg.eigvals(view[:, gate])).max(), 1e-3)
