"""Decoder: a cell that attends to a memory at each step, and reads the resulting context at the next step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.backend import backend_of, zeros_like
from numbarnn.kernels.cpu import decoder_passes
from numbarnn.kernels.cpu.memory import memory_of
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.attention import (
    KINDS,
    AdditiveAttention,
    GeneralAttention,
    parameters_of,
    params_from,
    projections_of,
)
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, Pair, Paired, Parameter, PassSettings, Tangent
from numbarnn.layers.checks import check_sizes
from numbarnn.layers.masks import apply_mask
from numbarnn.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]
    State = tuple[Array, ...]


class DecoderParameters(NamedTuple):
    """Weights of the cell, weights of the attention (empty for "dot"), and the learned initial state, if any."""

    cell: Any
    attention: Any
    state: tuple[Any, ...]


class DecoderMasks(NamedTuple):
    """What is dropped from the decoder, as in `CellMasks`, and what draws the rows of hard attention.

    Attributes
    ----------
    weights : ndarray of the shape of R, or None
    recurrence : RecurrentMasks or None
    draws : ndarray of shape (T, B), or None
        Numbers in [0, 1), one for each step; with None, attention is soft.
    """

    weights: Any = None
    recurrence: Any = None
    draws: Any = None


class DecoderTape(NamedTuple):
    """Tape of the kernels, attention weights, masks, and whether the pass started from the layer's own state."""

    passes: decoder_passes.DecoderTape
    attention_weights: Any
    masks: DecoderMasks
    from_initial: bool
    like: Any


class DecoderStep(NamedTuple):
    """Outputs `(n, N + M)`, state, and attention weights `(n, S)` of one step."""

    y: Any
    state: tuple[Any, ...]
    attention_weights: Any


@dataclass(frozen=True)
class AttentionDecoder:
    r"""Recurrent layer that attends to a memory at each step, with input feeding (Luong et al. 2015 [1]_).

    With :math:`e_t` the inputs of step t and :math:`m_1 .. m_S` the rows of the memory, such as the outputs of an
    encoder, the layer computes

    .. math::

        x_t = [e_t, c_{t-1}], \quad s_t = \mathrm{cell}(x_t, s_{t-1}), \quad c_t = \mathrm{attend}(h_t, m), \quad
        y_t = [h_t, c_t]

    where :math:`h_t` is the output of the cell, the first part of its state. The hidden layer
    :math:`\tanh(W_c [c_t; h_t])` and the softmax of equations 5 and 6 of the paper are separate layers here, which a
    `Stack` applies to all steps at once. The layer feeds back the context, whereas section 3.3 of the paper feeds back
    the hidden layer. The scores are those of `numbarnn.layers.attend`.

    With `hard` attention (Xu et al. 2015 [2]_, section 4.1), the context of a step in training is a single row of the
    memory, drawn with the attention weights as probabilities. The passes then are those for the rows that were drawn,
    and the scores only learn from a derivative with respect to the weights, see `HardAttentionProblem`. Without masks,
    as in predictions, the context is its expectation, the weighted mean, as in soft attention.

    The layer takes `Paired` batches: `source` is the memory ``(S, B, M)``, and `target` the inputs ``(T, B, E)``; each
    has its own lengths. The state of the layer is the state of the cell, followed by the context ``(B, M)``. The layer
    is computed on the CPU; values on a CUDA device are copied there and back.

    Parameters
    ----------
    cell : type
        A cell class, such as `numbarnn.LSTM` or a custom one.
    n_inputs : int
        Inputs per step, E, without the context.
    n_units : int
        Hidden units, H.
    n_memory : int
        Features of a row of the memory, M.
    attention : {"additive", "general", "dot"}, default="additive"
        Kind of score; with ``"dot"``, the cell must have as many outputs as the memory has features.
    n_attention_units : int, default=None
        Hidden units of additive scores, A; None means `n_units`.
    n_projected : int, default=None
        Outputs of a cell with a projection, N; None means `n_units`. Other cells have as many outputs as units.
    learn_initial_state : bool, default=False
        Whether the initial state, including the context, is a parameter rather than zero.
    recurrent_dropout, weight_dropout, preactivation_clip
        As in `Recurrent`.
    hard : bool, default=False
        Whether `draw_masks` draws numbers for hard attention.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, the kind of attention is unknown or does not fit the sizes, or another
        argument is not valid for `Recurrent`.

    References
    ----------
    .. [1] M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches to attention-based neural machine translation",
       EMNLP 2015.
    .. [2] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import AttentionDecoder
    >>> layer = AttentionDecoder(LSTM, n_inputs=2, n_units=4, n_memory=3)
    >>> layer.parameters.cell.W.shape, layer.parameters.attention.U.shape, layer.n_outputs
    ((5, 16), (3, 4), 7)
    """

    cell: type[Any]
    n_inputs: int
    n_units: int
    n_memory: int
    attention: str = "additive"
    n_attention_units: int | None = None
    n_projected: int | None = None
    learn_initial_state: bool = False
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0
    preactivation_clip: float | None = None
    hard: bool = False

    def __post_init__(self) -> None:
        check_sizes(n_inputs=self.n_inputs, n_units=self.n_units, n_memory=self.n_memory)
        if self.attention not in KINDS:
            raise ValueError(f"attention must be 'additive', 'general' or 'dot', got {self.attention!r}")
        if self.n_attention_units is not None:
            check_sizes(n_attention_units=self.n_attention_units)
            if self.attention != "additive":
                raise ValueError(f"n_attention_units must be None for attention={self.attention!r}")
        width = self._recurrent.n_outputs
        if self.attention == "dot" and width != self.n_memory:
            raise ValueError(
                f"attention='dot' needs as many outputs of the cell as features of the memory, got {width} and "
                f"{self.n_memory}; 'general' and 'additive' take any"
            )

    @cached_property
    def _recurrent(self) -> Recurrent:
        """Recurrent layer of the cell; its inputs include the context."""
        return Recurrent(
            self.cell,
            self.n_inputs + self.n_memory,
            self.n_units,
            self.n_projected,
            recurrent_dropout=self.recurrent_dropout,
            weight_dropout=self.weight_dropout,
            preactivation_clip=self.preactivation_clip,
        )

    @property
    def n_outputs(self) -> int:
        """Number of outputs per step, N + M: those of the cell and the features of the memory."""
        return self._recurrent.n_outputs + self.n_memory

    @property
    def state_widths(self) -> tuple[int, ...]:
        """Widths of the parts of the cell's state, and of the context."""
        return (*self._recurrent.state_widths, self.n_memory)

    @property
    def parameters(self) -> DecoderParameters:
        """Shapes of the weights of the cell and of the attention, and of the learned initial state."""
        n_query, n_units = self._recurrent.n_outputs, self.n_attention_units or self.n_units
        attention = parameters_of(self.attention, n_query, self.n_memory, n_units)
        learned = tuple(Parameter((width,), decays=False) for width in self._learned_widths)
        return DecoderParameters(self._recurrent.parameters.cell, attention, learned)

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> DecoderParameters:
        """Draw the weights of the cell, then those of the attention; a learned initial state starts at zero."""
        cell = self._recurrent.init(dtype, random_state).cell
        n_query = self._recurrent.n_outputs
        attention: Any = ()
        if self.attention == "additive":
            n_units = self.n_attention_units or self.n_units
            attention = AdditiveAttention.init(n_query, self.n_memory, n_units, dtype, random_state)
        elif self.attention == "general":
            attention = GeneralAttention.init(n_query, self.n_memory, dtype, random_state)
        return DecoderParameters(cell, attention, tuple(np.zeros(width, dtype) for width in self._learned_widths))

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the leading axes `(T, B)` of the targets."""
        return rows

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> DecoderMasks:
        """Draw masks for targets of `rows = (T, B)`."""
        _, weights, recurrence = self._recurrent.draw_masks(rows, generator)
        return DecoderMasks(weights, recurrence, generator.uniform(*rows) if self.hard else None)

    def slice_masks(self, masks: DecoderMasks, steps: slice) -> DecoderMasks:
        """Return the masks of a slice of the steps."""
        return masks if masks.draws is None else masks._replace(draws=masks.draws[steps])

    def forward(
        self,
        parameters: DecoderParameters,
        x: Paired,
        state: State | None = None,
        *,
        masks: DecoderMasks | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run the cell over the targets, from the initial state if `state` is None.

        The whole tape is kept, whatever `settings.tape_bytes` is.
        """
        memory, target = x
        like = target.values
        own, values, memory = to_host((parameters, target.values, memory))
        masks = DecoderMasks() if masks is None else masks
        projections = projections_of(own.attention)
        y, final, attention_weights, tape = decoder_passes.forward(
            self._dropped(own.cell, masks),
            projections,
            memory_of(projections, memory.values, _ends(memory)),
            None,
            values,
            self._initial(own, to_host(state), values),
            _ends(target),
            self._recurrent_mask(masks),
            self._recurrent._clip(values.dtype),
            masks.draws,
            settings.keep_tape,
            settings.n_threads,
        )
        y, final = place_like(like, (y, final))
        own_tape = DecoderTape(tape, attention_weights, masks, state is None, like) if settings.keep_tape else None
        return Forward(Padded(y, target.lengths), final, own_tape)

    def tangent(
        self,
        parameters: DecoderParameters,
        tape: DecoderTape,
        parameters_dot: DecoderParameters | None = None,
        x_dot: Pair | None = None,
        state_dot: State | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final state; `x_dot` is a Pair."""
        own, own_dot, x_dot, state_dot = to_host((parameters, parameters_dot, x_dot, state_dot))
        memory_dot, target_dot = x_dot or (None, None)
        if tape.from_initial and own_dot is not None:
            state_dot = backend_of(tape.passes.steps.x).for_each(own_dot.state, tape.passes.steps.x.shape[1])
        y_dot, final_dot = decoder_passes.tangent(
            self._dropped(own.cell, tape.masks),
            tape.passes,
            None if own_dot is None else self._dropped(own_dot.cell, tape.masks),
            None if own_dot is None else projections_of(own_dot.attention),
            memory_dot,
            target_dot,
            state_dot,
            n_threads,
        )
        return Tangent(*place_like(tape.like, (y_dot, final_dot)))

    def adjoint(
        self,
        parameters: DecoderParameters,
        tape: DecoderTape,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the parameters, of memory and targets (a Pair), and of the initial state.

        If `inputs` is false, the second one is None.
        """
        result = self.adjoint_with_weights(parameters, tape, y_bar, state_bar, targets=inputs, n_threads=n_threads)
        return result if inputs else result._replace(x=None)

    def adjoint_with_weights(
        self,
        parameters: DecoderParameters,
        tape: DecoderTape,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        weights_bar: Array | None = None,
        targets: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the same as `adjoint`, for a loss that also depends on the attention weights.

        Parameters
        ----------
        weights_bar : ndarray of shape (T, B, S), default=None
            Derivative of the loss with respect to the weights, such as that of `doubly_stochastic_penalty` or
            `score_function_gradient`; None is zero.
        targets : bool, default=True
            Whether to return the adjoint of the targets. That of the memory is always returned.
        """
        like = tape.like
        own, y_bar, state_bar, weights_bar = to_host((parameters, y_bar, state_bar, weights_bar))
        cell_bar, projections_bar, memory_bar, x_bar, first_bar = decoder_passes.adjoint(
            self._dropped(own.cell, tape.masks), tape.passes, y_bar, weights_bar, state_bar, targets, n_threads
        )
        # dropped.R = cell.R * masks.weights
        cell_bar = self._dropped(cell_bar, tape.masks)
        # initial = for_each(parameters.state)
        backend = backend_of(memory_bar)
        learned_bar = tuple(map(zeros_like, own.state))
        if tape.from_initial and own.state:
            learned_bar = tuple(map(backend.sum_over_sequences, first_bar))
        attention_bar = params_from(self.attention, projections_bar) or ()
        parameters_bar = DecoderParameters(cell_bar, attention_bar, learned_bar)
        return Adjoint(*place_like(like, (parameters_bar, Pair(memory_bar, x_bar), first_bar)))

    def attention_weights(self, tape: DecoderTape) -> Array:
        """Return the attention weights of each step, `(T, B, S)`, from the tape of a forward pass."""
        return place_like(tape.like, np.ascontiguousarray(tape.attention_weights))

    def attention_sample(self, tape: DecoderTape) -> Array:
        """Return the rows drawn by hard attention, one-hot encoded, `(T, B, S)`, for `score_function_gradient`.

        Raises
        ------
        ValueError
            If the pass had no masks with draws.
        """
        if tape.masks.draws is None:
            raise ValueError("tape must be of a pass with masks of a layer with hard=True, but it has no draws")
        draws: Any = tape.passes.attending.draws
        rows = np.arange(tape.attention_weights.shape[2])
        sample = (rows == draws.chosen.T[..., np.newaxis]).astype(tape.attention_weights.dtype)
        return place_like(tape.like, sample)

    def project_memory(self, parameters: DecoderParameters, memory: Padded) -> Any:
        """Return a memory with its projection to keys, for use in `step`."""
        own, memory = to_host((parameters, memory))
        return memory_of(projections_of(own.attention), memory.values, _ends(memory))

    def step(
        self,
        parameters: DecoderParameters,
        memory: Any,
        x: Array,
        state: State,
        rows: Array | None = None,
        *,
        n_threads: int = 1,
    ) -> DecoderStep:
        """Run one step for the rows of a batch, several of which may attend to the same sequence of the memory.

        The encoder and the projection of the memory are not computed again, which makes generation step by step fast.

        Parameters
        ----------
        parameters : DecoderParameters
        memory : Memory
            From `project_memory`.
        x : ndarray of shape (n, E)
            Inputs of the step. All arrays here must be NumPy arrays.
        state : tuple of ndarray of shape (n, ..)
        rows : ndarray of int of shape (n,), default=None
            Index of the sequence of the memory that each row attends to; None means that row i attends to sequence i.
        n_threads : int, default=1

        Returns
        -------
        DecoderStep
            ``(y, state, attention_weights)``.

        Raises
        ------
        ValueError
            If `rows` does not hold one valid index for each row of x.
        """
        n, own = len(x), to_host(parameters)
        rows = np.arange(n) if rows is None else np.array(rows, np.intp)
        n_sequences = len(memory.values)
        if rows.shape != (n,) or (n and not 0 <= rows.min() <= rows.max() < n_sequences):
            raise ValueError(
                f"rows must be {n} numbers from 0 to {n_sequences - 1}, one for each row of x, got shape {rows.shape}: "
                f"{rows}"
            )
        y, final, attention_weights, _ = decoder_passes.forward(
            own.cell,
            projections_of(own.attention),
            memory,
            rows,
            np.ascontiguousarray(x)[np.newaxis],
            tuple(state),
            np.ones(n, np.intp),
            None,
            self._recurrent._clip(x.dtype),
            None,
            keep_tape=False,
            n_threads=n_threads,
        )
        return DecoderStep(y[0], final, np.ascontiguousarray(attention_weights[0]))

    @property
    def _learned_widths(self) -> tuple[int, ...]:
        return self.state_widths if self.learn_initial_state else ()

    def _initial(self, parameters: DecoderParameters, state: State | None, values: Array) -> State:
        """Return the initial state, with one row for each sequence of `values (T, B, E)`."""
        if state is not None:
            return tuple(state)
        rows = backend_of(values).for_each(parameters.state, values.shape[1])
        if rows is None:
            rows = tuple(np.zeros((values.shape[1], width), values.dtype) for width in self.state_widths)
        return rows

    def _dropped(self, cell: Any, masks: DecoderMasks) -> Any:
        """Return a cell, its tangent or its adjoint, with R multiplied by the mask."""
        return cell if masks.weights is None else cell._replace(R=apply_mask(cell.R, masks.weights))

    def _recurrent_mask(self, masks: DecoderMasks) -> Array | None:
        return None if masks.recurrence is None else masks.recurrence.recurrent


def _ends(x: Padded) -> Array:
    """Return the lengths of sequences; T for all if they are not given."""
    n_steps, n_sequences, _ = x.values.shape
    return np.full(n_sequences, n_steps, np.intp) if x.lengths is None else x.lengths
