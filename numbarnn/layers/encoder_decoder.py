"""Encoder-decoder: a network that reads a sequence, and another one that starts from its final state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.backend import backend_of, zeros_like
from numbarnn.layers.attention_decoder import AttentionDecoder, DecoderStep
from numbarnn.layers.base import (
    DEFAULTS,
    Adjoint,
    Forward,
    Layer,
    Padded,
    Pair,
    Paired,
    PassSettings,
    Tangent,
    check_layer,
)
from numbarnn.layers.bidirectional import Bidirectional
from numbarnn.layers.dense import Dense
from numbarnn.layers.parameters import leaves, rebuild
from numbarnn.layers.recurrent import Recurrent
from numbarnn.layers.stack import Stack

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]
    State = tuple[Any, ...]


class EncoderDecoderParts(NamedTuple):
    """Items for each part of an encoder-decoder, such as its parameters; empty for missing parts."""

    encoder: Any
    bridge: Any
    embedding: Any
    decoder: Any


class Encoded(NamedTuple):
    """Encoded source sequences, from which `EncoderDecoder.step` generates.

    Attributes
    ----------
    memory : Memory or None
        Outputs of the encoder with their projection; None without attention.
    state : tuple of ndarray
        Initial state of the decoder, one row for each source sequence.
    """

    memory: Any
    state: tuple[Any, ...]


@dataclass(frozen=True)
class EncoderDecoder:
    """Encoder that reads the source, and decoder that starts from its final state (Sutskever et al. 2014 [1]_).

    The layer takes `Paired` batches, and has one output for each step of the targets. An `AttentionDecoder` attends to
    the outputs of the encoder (Bahdanau et al. 2015 [2]_). A decoder that is a `Recurrent` layer only sees the final
    state of the encoder. Further layers, such as a `Dense` readout, follow in a `Stack`.

    The state of the layer is a pair, the state of the encoder and that of the decoder. If a state is given, both
    continue from it, and the decoder does not start from the final state of the encoder.

    Parameters
    ----------
    encoder : Layer
        A `Recurrent` or `Bidirectional` layer, or a `Stack` whose last layer with a state is one of these. For an
        `AttentionDecoder`, it must return sequences.
    decoder : AttentionDecoder or Recurrent
    embedding : Layer, default=None
        A layer without state, such as an `Embedding`, that is applied to the targets before the decoder reads them.
    bridge : {"auto", "dense", "none"}, default="auto"
        How the final state of the encoder becomes the initial state of the decoder's cell. ``"dense"`` applies a dense
        layer to all parts of the state, concatenated. ``"auto"`` passes the state on unchanged if the widths are the
        same, and otherwise is ``"dense"``. With ``"none"``, the decoder starts from its own initial state. With
        ``"auto"`` and ``"dense"``, the context of an `AttentionDecoder` starts at zero.

    Raises
    ------
    TypeError, ValueError
        If a part is not a layer as described, or the parts do not fit together.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural networks", NIPS 2014.
    .. [2] D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
       ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import EncoderDecoder, Padded, Paired, Recurrent
    >>> layer = EncoderDecoder(Recurrent(LSTM, n_inputs=3, n_units=4), Recurrent(LSTM, n_inputs=2, n_units=5))
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> parameters.bridge.W.shape
    (8, 10)
    >>> x = Paired(Padded(np.ones((6, 1, 3))), Padded(np.ones((5, 1, 2))))
    >>> layer.forward(parameters, x).y.values.shape
    (5, 1, 5)
    """

    encoder: Layer
    decoder: AttentionDecoder | Recurrent
    embedding: Layer | None = None
    bridge: str = "auto"

    def __post_init__(self) -> None:
        check_layer(self.encoder)
        if not isinstance(self._reader, Recurrent | Bidirectional):
            raise TypeError(f"encoder must be a recurrent layer, or a Stack with one, got {self.encoder!r}")
        if not isinstance(self.decoder, AttentionDecoder | Recurrent):
            raise TypeError(f"decoder must be an AttentionDecoder or a Recurrent layer, got {self.decoder!r}")
        if len(self.decoder.output_rows((1, 1))) != 2:
            raise ValueError("decoder must return sequences")
        if self.bridge not in ("auto", "dense", "none"):
            raise ValueError(f"bridge must be 'auto', 'dense' or 'none', got {self.bridge!r}")
        if self.bridge != "none" and self.decoder.learn_initial_state:
            raise ValueError("decoder must not learn its initial state unless bridge='none', since it is the encoder's")
        if isinstance(self.decoder, AttentionDecoder):
            self._check_memory(self.decoder)
        if self.embedding is not None:
            self._check_embedding(self.embedding)

    def _check_memory(self, decoder: AttentionDecoder) -> None:
        if len(self.encoder.output_rows((1, 1))) != 2:
            raise ValueError("encoder must return sequences, which an AttentionDecoder attends to")
        if self.encoder.n_outputs != decoder.n_memory:
            raise ValueError(
                f"n_memory of the decoder must be the {self.encoder.n_outputs} outputs of the encoder, got "
                f"{decoder.n_memory}"
            )

    def _check_embedding(self, embedding: Layer) -> None:
        check_layer(embedding)
        if embedding.state_widths:
            raise ValueError(f"embedding must be a layer without state, got {embedding!r}")
        if embedding.n_outputs != self.decoder.n_inputs:
            raise ValueError(
                f"decoder must take the {embedding.n_outputs} outputs of the embedding, but has "
                f"{self.decoder.n_inputs} inputs"
            )

    @property
    def n_inputs(self) -> int:
        """Number of inputs per step of the targets."""
        return self.decoder.n_inputs if self.embedding is None else self.embedding.n_inputs

    @property
    def n_source_inputs(self) -> int:
        """Number of inputs per step of the source."""
        return self.encoder.n_inputs

    @property
    def n_outputs(self) -> int:
        """Number of outputs of the decoder per step."""
        return self.decoder.n_outputs

    @property
    def parameters(self) -> EncoderDecoderParts:
        """Shapes of the parameters of the parts."""
        return EncoderDecoderParts(*(() if part is None else part.parameters for part in self._parts))

    @property
    def state_widths(self) -> tuple[Any, ...]:
        """Widths of the states of encoder and decoder."""
        return (self.encoder.state_widths, self.decoder.state_widths)

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> EncoderDecoderParts:
        """Draw the parameters of the parts: encoder, bridge, embedding, decoder."""
        return EncoderDecoderParts(*(() if part is None else part.init(dtype, random_state) for part in self._parts))

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the leading axes `(T, B)` of the targets, given these or the `rows` of a Paired."""
        return rows[:2]

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> EncoderDecoderParts:
        """Draw the masks of the parts for the `rows` of a Paired, `(T, B, S)`; without S, it is T."""
        target, source = rows[:2], (rows[-1] if len(rows) == 3 else rows[0], rows[1])
        embedding = None if self.embedding is None else self.embedding.draw_masks(target, generator)
        encoder, decoder = self.encoder.draw_masks(source, generator), self.decoder.draw_masks(target, generator)
        return EncoderDecoderParts(encoder, None, embedding, decoder)

    def slice_masks(self, masks: EncoderDecoderParts, steps: slice) -> EncoderDecoderParts:
        """Return the masks for a slice of the steps of the targets."""
        embedding = None if self.embedding is None else self.embedding.slice_masks(masks.embedding, steps)
        return masks._replace(embedding=embedding, decoder=self.decoder.slice_masks(masks.decoder, steps))

    def forward(
        self,
        parameters: EncoderDecoderParts,
        x: Paired,
        state: State | None = None,
        *,
        masks: EncoderDecoderParts | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run the encoder, then the decoder."""
        source, target = x
        masks = EncoderDecoderParts(None, None, None, None) if masks is None else masks
        encoder_state, decoder_state = (None, None) if state is None else state
        memory, encoded, encoder_tape = self.encoder.forward(
            parameters.encoder, source, encoder_state, masks=masks.encoder, settings=settings
        )
        bridge_tape = embedding_tape = None
        bridged = state is None and self.bridge != "none"
        if bridged:
            decoder_state, bridge_tape = self._initial(parameters.bridge, encoded, settings)
        if self.embedding is not None:
            target, _, embedding_tape = self.embedding.forward(
                parameters.embedding, target, masks=masks.embedding, settings=settings
            )
        read: Any = Paired(memory, target) if self._attends else target
        y, final, decoder_tape = self.decoder.forward(
            parameters.decoder,
            read,
            decoder_state,
            masks=masks.decoder,
            settings=settings,
        )
        tapes = EncoderDecoderParts(encoder_tape, (bridged, bridge_tape), embedding_tape, decoder_tape)
        return Forward(y, (encoded, final), tapes if settings.keep_tape else None)

    def tangent(
        self,
        parameters: EncoderDecoderParts,
        tape: EncoderDecoderParts,
        parameters_dot: EncoderDecoderParts | None = None,
        x_dot: Pair | None = None,
        state_dot: State | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final states; `x_dot` is a Pair."""
        own_dot = EncoderDecoderParts(None, None, None, None) if parameters_dot is None else parameters_dot
        source_dot, target_dot = (None, None) if x_dot is None else x_dot
        encoder_dot, decoder_dot = (None, None) if state_dot is None else state_dot
        memory_dot, encoded_dot = self.encoder.tangent(
            parameters.encoder, tape.encoder, own_dot.encoder, source_dot, encoder_dot, n_threads=n_threads
        )
        bridged, bridge_tape = tape.bridge
        if bridged:
            parts_dot = self._parts_of(encoded_dot)
            if self._bridge is not None:
                joined_dot = backend_of(parts_dot[0]).joined(parts_dot)
                moved = self._bridge.tangent(parameters.bridge, bridge_tape, own_dot.bridge or None, joined_dot).y
                parts_dot = self._cut(moved)
            decoder_dot = self._with_context(parts_dot)
        if self.embedding is not None:
            target_dot = self.embedding.tangent(
                parameters.embedding, tape.embedding, own_dot.embedding, target_dot, n_threads=n_threads
            ).y
        read_dot: Any = Pair(memory_dot, target_dot) if self._attends else target_dot
        moved, final_dot = self.decoder.tangent(
            parameters.decoder,
            tape.decoder,
            own_dot.decoder,
            read_dot,
            decoder_dot,
            n_threads=n_threads,
        )
        return Tangent(moved, (encoded_dot, final_dot))

    def adjoint(
        self,
        parameters: EncoderDecoderParts,
        tape: EncoderDecoderParts,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the parameters, of source and targets (a Pair, or None), and of the initial states."""
        return self.adjoint_with_weights(parameters, tape, y_bar, state_bar, inputs=inputs, n_threads=n_threads)

    def adjoint_with_weights(
        self,
        parameters: EncoderDecoderParts,
        tape: EncoderDecoderParts,
        y_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        weights_bar: Array | None = None,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the same as `adjoint`, for a loss that also depends on the attention weights.

        `weights_bar (T, B, S)` is the derivative of the loss with respect to these weights; None is zero.
        """
        encoded_bar, final_bar = (None, None) if state_bar is None else state_bar
        targets = inputs or self.embedding is not None
        memory_bar: Any = None
        of_decoder: Any
        if isinstance(self.decoder, AttentionDecoder):
            of_decoder = self.decoder.adjoint_with_weights(
                parameters.decoder,
                tape.decoder,
                y_bar,
                final_bar,
                weights_bar=weights_bar,
                targets=targets,
                n_threads=n_threads,
            )
            memory_bar, target_bar = of_decoder.x
        else:
            of_decoder = self.decoder.adjoint(
                parameters.decoder, tape.decoder, y_bar, final_bar, inputs=targets, n_threads=n_threads
            )
            target_bar = of_decoder.x
        embedding_bar: Any = ()
        if self.embedding is not None:
            embedding_bar, target_bar, _ = self.embedding.adjoint(
                parameters.embedding, tape.embedding, target_bar, inputs=inputs, n_threads=n_threads
            )
        bridge_bar, first_bar = self._reverse_bridge(parameters.bridge, tape.bridge, of_decoder.state)
        if first_bar is not None:
            encoded_bar = self._added(encoded_bar, first_bar)
        of_encoder = self.encoder.adjoint(
            parameters.encoder, tape.encoder, memory_bar, encoded_bar, inputs=inputs, n_threads=n_threads
        )
        parts_bar = EncoderDecoderParts(of_encoder.parameters, bridge_bar, embedding_bar, of_decoder.parameters)
        decoder_bar = of_decoder.state
        if first_bar is not None:  # the decoder's initial state is not an input
            decoder_bar = tuple(map(zeros_like, decoder_bar))
        x_bar: Any = Pair(of_encoder.x, target_bar) if inputs else None
        return Adjoint(parts_bar, x_bar, (of_encoder.state, decoder_bar))

    def attention_weights(self, tape: EncoderDecoderParts) -> Array:
        """Return the attention weights of each step, `(T, B, S)`, from the tape of a forward pass.

        Raises
        ------
        AttributeError
            If the decoder has no attention.
        """
        return self.decoder.attention_weights(tape.decoder)  # type: ignore[union-attr]

    def attention_sample(self, tape: EncoderDecoderParts) -> Array:
        """Return the rows drawn by hard attention, one-hot encoded, `(T, B, S)`.

        Raises
        ------
        AttributeError
            If the decoder has no attention.
        ValueError
            If the pass had no masks with draws.
        """
        return self.decoder.attention_sample(tape.decoder)  # type: ignore[union-attr]

    def encode(self, parameters: EncoderDecoderParts, source: Padded, *, n_threads: int = 1) -> Encoded:
        """Encode source sequences, for generation with `step`."""
        settings = PassSettings(keep_tape=False, n_threads=n_threads)
        memory, encoded, _ = self.encoder.forward(parameters.encoder, source, settings=settings)
        projected = None
        if isinstance(self.decoder, AttentionDecoder):
            projected = self.decoder.project_memory(parameters.decoder, memory)
        if self.bridge == "none":
            n_sequences, dtype = source.values.shape[1], source.values.dtype
            learned = parameters.decoder.state or tuple(np.zeros(w, dtype) for w in self.decoder.state_widths)
            return Encoded(projected, tuple(np.tile(part, (n_sequences, 1)) for part in learned))
        return Encoded(projected, self._initial(parameters.bridge, encoded, settings)[0])

    def step(
        self,
        parameters: EncoderDecoderParts,
        memory: Any,
        x: Array,
        state: State,
        rows: Array | None = None,
        *,
        n_threads: int = 1,
    ) -> DecoderStep:
        """Run one step of the decoder for the rows of a batch, such as the hypotheses of a beam search.

        Parameters
        ----------
        parameters : EncoderDecoderParts
        memory : Memory or None
            From `encode`.
        x : ndarray of shape (n, n_inputs)
            Inputs of the step. The embedding, if there is one, is applied to them.
        state : tuple of ndarray of shape (n, ..)
            From `encode` or an earlier step. Its rows may be reordered, left out and repeated.
        rows : ndarray of int of shape (n,), default=None
            Index of the source that each row attends to; None means that row i attends to source i.
        n_threads : int, default=1

        Returns
        -------
        DecoderStep
            ``(y, state, attention_weights)``. Without attention, `attention_weights` is None.
        """
        values = np.ascontiguousarray(x)
        settings = PassSettings(keep_tape=False, n_threads=n_threads)
        if self.embedding is not None:
            values = self.embedding.forward(parameters.embedding, Padded(values), settings=settings).y.values
        if isinstance(self.decoder, AttentionDecoder):
            return self.decoder.step(parameters.decoder, memory, values, state, rows, n_threads=n_threads)
        y, final, _ = self.decoder.forward(parameters.decoder, Padded(values[np.newaxis]), state, settings=settings)
        return DecoderStep(y.values[0], final, None)

    @property
    def _attends(self) -> bool:
        return isinstance(self.decoder, AttentionDecoder)

    @property
    def _reader(self) -> Any:
        """The layer whose final state the decoder starts from."""
        layer: Any = self.encoder
        while isinstance(layer, Stack):
            with_state = [own for own in layer.layers if own.state_widths]
            layer = with_state[-1] if with_state else None
        return layer

    @property
    def _cell_widths(self) -> tuple[int, ...]:
        """Widths of the parts of the state of the decoder's cell."""
        widths = self.decoder.state_widths
        return widths[:-1] if self._attends else widths

    @cached_property
    def _bridge(self) -> Dense | None:
        """The layer between the two states; None if there is no bridge or the widths are the same."""
        widths = tuple(width for _, width in leaves(self._reader.state_widths))
        if self.bridge == "none" or (self.bridge == "auto" and widths == self._cell_widths):
            return None
        return Dense(sum(widths), sum(self._cell_widths))

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.encoder, self._bridge, self.embedding, self.decoder

    def _parts_of(self, encoded: Any) -> list[Array]:
        """Return the parts of the final state of the encoder that the decoder starts from."""
        layer: Any = self.encoder
        while isinstance(layer, Stack):
            layer, encoded = [own for own in layer.layers if own.state_widths][-1], encoded[-1]
        return [part for _, part in leaves(encoded)]

    def _initial(self, bridge: Any, encoded: Any, settings: PassSettings) -> tuple[State, Any]:
        """Return the initial state of the decoder, and the tape of the bridge."""
        parts, tape = self._parts_of(encoded), None
        if self._bridge is not None:
            joined = Padded(backend_of(parts[0]).joined(parts))
            bridged, _, tape = self._bridge.forward(bridge, joined, settings=settings)
            parts = self._cut(bridged.values)
        return self._with_context(parts), tape

    def _cut(self, joined: Array) -> list[Array]:
        """Split concatenated parts of the state of the decoder's cell."""
        parts, first = [], 0
        for width in self._cell_widths:
            parts.append(backend_of(joined).columns(joined, first, first + width))
            first += width
        return parts

    def _with_context(self, parts: list[Array]) -> State:
        """Return parts of the state of the decoder's cell, or tangents of them, with a zero context for attention."""
        if not self._attends:
            return tuple(parts)
        like = parts[0]
        return (*parts, backend_of(like).zeros((like.shape[0], self.decoder.state_widths[-1]), like.dtype))

    def _reverse_bridge(self, bridge: Any, tape: Any, state_bar: State) -> tuple[Any, list[Array] | None]:
        """Return the adjoints of the bridge and of the parts of the encoder's final state; None if it was not used."""
        bridged, bridge_tape = tape
        layer = self._bridge
        if not bridged:
            return (() if layer is None else rebuild(bridge, (zeros_like(part) for part in bridge))), None
        parts_bar = list(state_bar[: len(self._cell_widths)])
        if layer is None:
            return (), parts_bar
        # state = joined(encoded) W + b
        joined_bar = backend_of(parts_bar[0]).joined(parts_bar)
        bridge_bar, encoded_bar, _ = layer.adjoint(bridge, bridge_tape, joined_bar)
        parts, first = [], 0
        for _, width in leaves(self._reader.state_widths):
            parts.append(backend_of(encoded_bar).columns(encoded_bar, first, first + width))
            first += width
        return bridge_bar, parts

    def _added(self, encoded_bar: Any, parts_bar: list[Array]) -> Any:
        """Add the adjoints of the parts that the decoder starts from to the adjoint of the encoder's final state."""

        def add(layer: Any, bar: Any) -> Any:
            if isinstance(layer, Stack):
                own = [each for each in layer.layers if each.state_widths]
                given = (None,) * len(own) if bar is None else bar
                return (*given[:-1], add(own[-1], given[-1]))
            return _sum(layer.state_widths, bar, iter(parts_bar))

        return add(self.encoder, encoded_bar)


def _sum(widths: Any, bar: Any, parts_bar: Any) -> Any:
    """Return the adjoint of a state, parts of which may be None, plus the next parts."""
    if isinstance(widths, tuple):
        given = (None,) * len(widths) if bar is None else bar
        return tuple(_sum(*pair, parts_bar) for pair in zip(widths, given, strict=True))
    part = next(parts_bar)
    return part if bar is None else backend_of(part).total([part, bar])
