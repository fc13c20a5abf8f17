"""The arrays that the kernels over time take, in bulk: a NamedTuple is one argument of a kernel.

T is the number of time steps, B that of sequences, H that of units, N that of outputs (H unless they are projected).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Weights(NamedTuple):
    """The weights of a step.

    Attributes
    ----------
    packed : array of shape (K,)
        From `numbarnn.kernels.cuda.packing.pack`; for the adjoint pass from `pack_transposed`.
    units : array of shape (1, 1, n, H)
        From `numbarnn.kernels.cuda.packing.unit_parameters`.
    """

    packed: Any
    units: Any


class TapeArrays(NamedTuple):
    """The arrays that the forward pass writes and the other two passes read.

    Attributes
    ----------
    lengths : array of shape (B,), intp
    h : array of shape (T + 1, B, N)
        The initial h, then the outputs.
    record : array of shape (T + 1, B, n, H)
        The other parts of the state, the numbers that the steps saved and, with zoneout, the states before mixing.
        Without a tape (1, B, n_memory, H): the current state only.
    """

    lengths: Any
    h: Any
    record: Any


class NormalisedTape(NamedTuple):
    """The tape of a cell with normalisation, for the tangent and the adjoint pass.

    Attributes
    ----------
    lengths, h, record : array
        As in `TapeArrays`.
    statistics : array of shape (3, T, B)
        From `numbarnn.kernels.cuda.normalisation.statistics`.
    """

    lengths: Any
    h: Any
    record: Any
    statistics: Any


class Modifiers(NamedTuple):
    """The options of a recurrence; each is an empty tuple if it is absent, as kernels take no None.

    Attributes
    ----------
    recurrent : tuple of one array of shape (B, N)
        Recurrent mask: h is multiplied by it before it enters the product with R.
    zoneout : tuple of arrays of shape (T, B, H)
        For each part of the state the fraction that stays as it was.
    clip : tuple of one number
        Bound of the pre-activations.
    """

    recurrent: Any
    zoneout: Any
    clip: Any


class Dots(NamedTuple):
    """The tangents that the tangent pass reads and writes.

    Attributes
    ----------
    units : array of shape (1, 1, n, H)
        Of the parameters of the units.
    a : array of shape (T, B, n_gates, H)
        Of the pre-activations, without the term of the tangent of h.
    h : array of shape (T + 1, B, N)
        `h[0]` is the tangent of the initial h. `h[t + 1]`, before zero or a term of the projection's tangent, becomes
        that of the output of step t.
    memory : array of shape (1, B, n_memory, H)
        Of the rest of the initial state; becomes that of the final state.
    """

    units: Any
    a: Any
    h: Any
    memory: Any


class NormalisedDots(NamedTuple):
    """The tangents of a cell with normalisation.

    Attributes
    ----------
    units, a, h, memory : array
        As in `Dots`.
    z : array of shape (T, B, n_gates, H)
        Of the centred `h_(t-1) R`, without the term of the tangent of h.
    """

    units: Any
    a: Any
    h: Any
    memory: Any
    z: Any


class Bars(NamedTuple):
    """The adjoints that the adjoint pass reads and writes.

    Attributes
    ----------
    y : array of shape (T, B, N) or (0, B, N)
        Of the outputs; zero if it has no steps.
    h : array of shape (B, N)
        Of the final h; becomes that of the initial h.
    memory : array of shape (1, B, n_memory, H)
        Of the rest of the final state; becomes that of the initial state.
    a : array of shape (T, B, n_gates, H)
        Becomes the adjoint of the pre-activations, up to the ends of the sequences.
    units : array of shape (1, B, n, H)
        Each sequence's term of the adjoint of the parameters of the units is added to it.
    outputs : array of shape (T, B, N) or (0, B, N)
        If the outputs are projections, becomes their adjoint, up to the ends of the sequences.
    """

    y: Any
    h: Any
    memory: Any
    a: Any
    units: Any
    outputs: Any


class NormalisedBars(NamedTuple):
    """The adjoints of a cell with normalisation.

    Attributes
    ----------
    y, h, memory, a, units : array
        As in `Bars`; units are the gain and the bias of c.
    z : array of shape (T, B, n_gates, H)
        Becomes the adjoint of the centred `h_(t-1) R`, up to the ends of the sequences.
    """

    y: Any
    h: Any
    memory: Any
    a: Any
    units: Any
    z: Any
