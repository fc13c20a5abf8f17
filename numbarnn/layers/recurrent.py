"""The recurrent layer: one cell over a batch of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.analysis import gradient_flow
from numbarnn.cells import check_cell, decays
from numbarnn.cells.form import form_of
from numbarnn.kernels.backend import backend_of, zeros_like
from numbarnn.kernels.cpu.masks import of_steps
from numbarnn.kernels.devices import place_like
from numbarnn.kernels.masks import RecurrentMasks
from numbarnn.kernels.tape import Settings
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, Parameter, PassSettings, Tangent
from numbarnn.layers.checks import check_number, check_probability, check_sizes
from numbarnn.layers.masks import apply_mask
from numbarnn.recurrence import Stream, stream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]
    State = tuple[Array, ...]


class RecurrentParameters(NamedTuple):
    """The weights of a cell, and its learned initial state: `(H,)` for each part, or nothing."""

    cell: Any
    state: tuple[Any, ...]


class CellMasks(NamedTuple):
    """What is dropped from a recurrent layer; None is nothing.

    Attributes
    ----------
    inputs : ndarray of shape (B, I), or None
        Factors of the inputs, the same at all steps.
    weights : ndarray of the shape of R, or None
        Factors of the recurrent weights.
    recurrence : RecurrentMasks or None
        What acts within a step.
    """

    inputs: Any = None
    weights: Any = None
    recurrence: RecurrentMasks | None = None


class RecurrentTape(NamedTuple):
    """The tape of the recurrence, the masks, and whether the sequences started from the layer's own initial state."""

    recurrence: Any
    masks: CellMasks
    from_initial: bool


@dataclass(frozen=True)
class Recurrent:
    """One cell that reads sequences from their first step to their last.

    Parameters
    ----------
    cell : type
        A cell class, such as `numbarnn.LSTM`, or one of your own.
    n_inputs : int
        Inputs per step, I.
    n_units : int
        Hidden units, H.
    n_projected : int, default=None
        Outputs of a cell with a projection; None is `n_units`. Other cells have as many outputs as units.
    return_sequences : bool, default=True
        Whether the output is that of every step, ``(T, B, N)``, or the one after each sequence's last step, ``(B, N)``.
    learn_initial_state : bool, default=False
        Whether the state before the first step is a parameter rather than zero.
    input_dropout : float, default=0.0
        Probability that an input is dropped, at all steps of a sequence alike (variational dropout [1]_).
    recurrent_dropout : float, default=0.0
        Probability that the recurrent weights do not see an output of the step before, at all steps of a sequence alike
        (variational dropout [1]_).
    weight_dropout : float, default=0.0
        Probability that an entry of the recurrent weights is dropped, for a whole batch (DropConnect [2]_; on recurrent
        weights [3]_).
    zoneout : float or tuple of float, default=0.0
        Probability that a unit keeps its state of the step before [4]_: one for the whole state, or one for each part,
        ``(h, c)``. Without masks the state is the mean over them: ``z * before + (1 - z) * after``.
    preactivation_clip : float, default=None
        Pre-activations are clipped to [-clip, clip], with masks and without, as in ONNX. None clips nothing.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least one, a probability not a number in [0, 1), the clip not positive, or
        `zoneout` or `n_projected` does not fit the cell.

    References
    ----------
    .. [1] Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
       NIPS 2016.
    .. [2] L. Wan, M. Zeiler, S. Zhang, Y. LeCun and R. Fergus, "Regularization of neural networks using DropConnect",
       ICML 2013.
    .. [3] S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language models", ICLR 2018.
    .. [4] D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import Padded, Recurrent
    >>> layer = Recurrent(LSTM, n_inputs=3, n_units=5)
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> y, (h, c), tape = layer.forward(parameters, Padded(np.ones((7, 2, 3)), np.array([7, 4])))
    >>> y.values.shape, h.shape
    ((7, 2, 5), (2, 5))
    """

    cell: type[Any]
    n_inputs: int
    n_units: int
    n_projected: int | None = None
    return_sequences: bool = True
    learn_initial_state: bool = False
    input_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0
    zoneout: float | tuple[float, ...] = 0.0
    preactivation_clip: float | None = None

    def __post_init__(self) -> None:
        kind: Any = self.cell
        zoneout: Any = self.zoneout
        check_cell(kind)
        check_sizes(n_inputs=self.n_inputs, n_units=self.n_units)
        if self.n_projected is not None:
            check_sizes(n_projected=self.n_projected)
            if not form_of(kind).projection:
                raise ValueError(f"n_projected must be None for {self.cell.__name__}, got {self.n_projected!r}")
        for name in ("input_dropout", "recurrent_dropout", "weight_dropout"):
            check_probability(name, getattr(self, name))
        if not isinstance(zoneout, Real):
            object.__setattr__(self, "zoneout", tuple(zoneout))
        self._check_zoneout()
        if self.preactivation_clip is not None:
            check_number("preactivation_clip", self.preactivation_clip)
            if not 0 < self.preactivation_clip < np.inf:
                raise ValueError(f"preactivation_clip must be above 0 and finite, got {self.preactivation_clip!r}")

    @property
    def n_outputs(self) -> int:
        """Features of the output: `n_units`, or `n_projected` of a cell with a projection."""
        return self.n_units if self.n_projected is None else self.n_projected

    @property
    def state_widths(self) -> tuple[int, ...]:
        """Widths of the parts of the state."""
        kind: Any = self.cell
        return (self.n_outputs, *[self.n_units] * (kind.state_size - 1))

    @property
    def parameters(self) -> RecurrentParameters:
        """Shapes of the weights of the cell and of the learned initial state."""
        kind: Any = self.cell
        decaying = decays(kind)
        shapes = form_of(kind).shapes(self.n_inputs, self.n_outputs, self.n_units)
        weights = kind(**{field: Parameter(shape, decaying[field]) for field, shape in shapes.items()})
        return RecurrentParameters(weights, tuple(Parameter((width,), decays=False) for width in self._learned_widths))

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> RecurrentParameters:
        """Draw the weights as the cell does; a learned initial state starts from zero."""
        kind: Any = self.cell
        projection = {} if self.n_projected is None else {"n_outputs": self.n_projected}
        cell = kind.init(self.n_inputs, self.n_units, dtype=dtype, random_state=random_state, **projection)
        return RecurrentParameters(cell, tuple(np.zeros(width, dtype) for width in self._learned_widths))

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return `(T, B)` for sequences, `(B,)` for last outputs."""
        return rows if self.return_sequences else rows[1:]

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> CellMasks:
        """Draw masks for a batch of `rows = (T, B)`."""
        n_sequences = rows[1]
        inputs = generator.dropout(self.input_dropout, n_sequences, self.n_inputs)
        shape = self.parameters.cell.R.shape if self.weight_dropout else ()
        weights = generator.dropout(self.weight_dropout, *shape)
        recurrent = generator.dropout(self.recurrent_dropout, n_sequences, self.n_outputs)
        zoneout: Any = None
        if any(self._zoneouts):
            widths = self.state_widths
            zoneout = tuple(
                generator.indicator(p, *rows, width) if p else np.zeros((1, 1, width), generator.dtype)
                for p, width in zip(self._zoneouts, widths, strict=True)
            )
        return CellMasks(inputs, weights, _recurrent_masks(recurrent, zoneout))

    def slice_masks(self, masks: CellMasks, steps: slice) -> CellMasks:
        """Return the masks of a slice of the steps."""
        return masks._replace(recurrence=of_steps(masks.recurrence, steps))

    def forward(
        self,
        parameters: RecurrentParameters,
        x: Padded,
        state: State | None = None,
        *,
        masks: CellMasks | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run the cell over the sequences, from the initial state if `state` is None."""
        backend = backend_of(x.values)
        masks = self._placed(masks, x.values)
        cell, values = _dropped(parameters.cell, masks.weights), apply_mask(x.values, masks.inputs)
        initial = backend.for_each(parameters.state if state is None else state, values.shape[1])
        y, final, tape = backend.forward(
            cell,
            values,
            initial,
            backend.valid_steps(values, x.lengths),
            Settings(
                keep_tape=settings.keep_tape,
                n_threads=settings.n_threads,
                tape_bytes=settings.tape_bytes,
                outputs=self.return_sequences,
                masks=masks.recurrence,
                preactivation_clip=self._clip(values.dtype),
            ),
        )
        outputs = Padded(y, x.lengths) if self.return_sequences else Padded(final[0])
        return Forward(outputs, final, RecurrentTape(tape, masks, state is None) if settings.keep_tape else None)

    def tangent(
        self,
        parameters: RecurrentParameters,
        tape: RecurrentTape,
        parameters_dot: RecurrentParameters | None = None,
        x_dot: Array | None = None,
        state_dot: State | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final state."""
        recurrence, masks, from_initial = tape
        backend = backend_of(recurrence.x)
        if from_initial and parameters_dot is not None:
            state_dot = backend.for_each(parameters_dot.state, recurrence.x.shape[1])
        y_dot, final_dot = backend.tangent(
            _dropped(parameters.cell, masks.weights),
            recurrence,
            None if parameters_dot is None else _dropped(parameters_dot.cell, masks.weights),
            None if x_dot is None else apply_mask(x_dot, masks.inputs),
            state_dot,
            n_threads,
        )
        return Tangent(y_dot if self.return_sequences else final_dot[0], final_dot)

    def adjoint(
        self,
        parameters: RecurrentParameters,
        tape: RecurrentTape,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the parameters, of the inputs and of the initial state (BPTT)."""
        recurrence, masks, from_initial = tape
        backend = backend_of(recurrence.x)
        y_bar, state_bar = self._split(y_bar, state_bar)
        cell_bar, x_bar, first_bar = backend.adjoint(
            _dropped(parameters.cell, masks.weights), recurrence, y_bar, state_bar, inputs, n_threads
        )
        # dropped.R = cell.R * masks.weights
        cell_bar = _dropped(cell_bar, masks.weights)
        # values = x.values * masks.inputs
        x_bar = None if x_bar is None else apply_mask(x_bar, masks.inputs)
        # initial = for_each(parameters.state)
        if from_initial:
            learned_bar = tuple(
                backend.sum_over_sequences(part_bar) for part_bar, _ in zip(first_bar, parameters.state, strict=False)
            )
        else:
            learned_bar = tuple(map(zeros_like, parameters.state))
        return Adjoint(RecurrentParameters(cell_bar, learned_bar), x_bar, first_bar)

    def gradient_flow(
        self,
        parameters: RecurrentParameters,
        tape: RecurrentTape,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        n_threads: int = 1,
    ) -> dict[str, Array]:
        """Return the norms ``(T, B)`` of the derivative of a loss by the outputs h of every step, under the name ""."""
        recurrence, masks, _ = tape
        y_bar, state_bar = self._split(y_bar, state_bar)
        cell = _dropped(parameters.cell, masks.weights)
        return {"": gradient_flow(cell, recurrence, y_bar, state_bar, n_jobs=n_threads)[0][1:]}

    def stream(self, parameters: RecurrentParameters, n_sequences: int = 1, state: State | None = None) -> Stream:
        """Return a stream of the cell, with the mean of zoneout, from the initial state if `state` is None.

        Parameters
        ----------
        parameters : RecurrentParameters
        n_sequences : int, default=1
        state : tuple of ndarray of shape (B, H), default=None

        Returns
        -------
        Stream
        """
        if state is None and parameters.state:
            state = tuple(np.tile(part, (n_sequences, 1)) for part in parameters.state)
        masks = self._placed(None, parameters.cell.W).recurrence
        return stream(parameters.cell, n_sequences, state, masks=masks, preactivation_clip=self.preactivation_clip)

    def _split(self, y_bar: Array | None, state_bar: State | None) -> tuple[Array | None, State | None]:
        """Return the cotangents of the outputs of all steps and of the final state.

        Without `return_sequences` the output is the h of the final state.
        """
        if self.return_sequences or y_bar is None:
            return y_bar, state_bar
        h_bar, *rest = state_bar or (None,) * len(self.state_widths)
        h_bar = y_bar if h_bar is None else backend_of(y_bar).total([h_bar, y_bar])
        return None, (h_bar, *rest)

    @property
    def _learned_widths(self) -> tuple[int, ...]:
        return self.state_widths if self.learn_initial_state else ()

    @property
    def _zoneouts(self) -> tuple[float, ...]:
        """The probability of zoneout of each part of the state."""
        kind: Any = self.cell
        return self.zoneout if isinstance(self.zoneout, tuple) else (self.zoneout,) * kind.state_size

    def _check_zoneout(self) -> None:
        kind: Any = self.cell
        if not isinstance(self.zoneout, tuple):
            check_probability("zoneout", self.zoneout)
        elif len(self.zoneout) != kind.state_size:
            parts = "h, c" if kind.state_size == 2 else "h"
            raise ValueError(
                f"zoneout must be one number, or one for each part ({parts}) of the state of {kind.__name__}, "
                f"got {self.zoneout!r}"
            )
        for p in self._zoneouts:
            check_probability("zoneout", p)
        if any(self._zoneouts) and form_of(kind).normalisation:
            raise ValueError(f"zoneout must be 0 for {kind.__name__}, whose h is made after its step")

    def _clip(self, dtype: Any) -> Any:
        return None if self.preactivation_clip is None else np.dtype(dtype).type(self.preactivation_clip)

    def _placed(self, masks: CellMasks | None, values: Array) -> CellMasks:
        """Return the masks where the values are; masks of None are the mean of zoneout."""
        if masks is None:
            masks = CellMasks()
            if any(self._zoneouts):
                pairs = zip(self._zoneouts, self.state_widths, strict=True)
                zoneout = tuple(np.full((1, 1, width), p, values.dtype) for p, width in pairs)
                masks = CellMasks(recurrence=RecurrentMasks(None, zoneout))
        return place_like(values, masks)


def _recurrent_masks(recurrent: Array | None, zoneout: tuple[Array, ...] | None) -> RecurrentMasks | None:
    """Return what the recurrence takes; None if that is nothing."""
    return None if recurrent is None and zoneout is None else RecurrentMasks(recurrent, zoneout)


def _dropped(cell: Any, mask: Array | None) -> Any:
    """Return a cell, or its tangent or adjoint, with R multiplied by the mask."""
    return cell if mask is None else cell._replace(R=apply_mask(cell.R, mask))
