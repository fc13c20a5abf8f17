"""Encoder-decoder that generates step by step, from source sequences that are read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

from numbarnn.layers import EncoderDecoder, Layer, Padded, PassSettings, Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers import Model
    from numbarnn.layers.encoder_decoder import Encoded

    Array = NDArray[Any]


class DecoderRows(NamedTuple):
    """Rows of a decoder: the index of the source of each row, `(B,)`, and the state of each row."""

    sources: Array
    state: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class EncoderDecoderSteps:
    """`StepModel` of an encoder-decoder, for one target sequence per source; the sources are read once.

    Parameters
    ----------
    network : Model
        A `Stack` of an `EncoderDecoder` and of layers without state. For use as a `StepModel`, the decoder must read a
        column of codes, and the network must have one output for each label, and one for the end, before the softmax.
    theta : ndarray of shape (P,)
        Parameters of the network.
    source : Padded
        The n sources, of shape (S, n, I).
    n_threads : int, default=1

    Raises
    ------
    TypeError
        If the network is not such a stack.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.decoding import EncoderDecoderSteps, greedy
    >>> from numbarnn.layers import Dense, Embedding, EncoderDecoder, Model, Padded, Recurrent, Stack
    >>> layer = EncoderDecoder(Recurrent(Elman, 2, 4), Recurrent(Elman, 3, 4), Embedding(1, (7,), (3,), (0,)))
    >>> network = Model(Stack((("seq2seq", layer), ("readout", Dense(4, 6)))))
    >>> source = Padded(np.ones((5, 2, 2)))
    >>> model = EncoderDecoderSteps(network, network.init("float64", random_state=0), source)
    >>> len(greedy(model, 2, max_length=9))
    2
    """

    network: Model
    theta: Array
    source: Padded
    n_threads: int = 1

    def __post_init__(self) -> None:
        stack: Any = self.network.layer
        first: Any = stack.layers[0] if isinstance(stack, Stack) else None
        if not isinstance(first, EncoderDecoder):
            raise TypeError(f"network must be a Stack whose first layer is an EncoderDecoder, got {stack!r}")

    @property
    def n_labels(self) -> int:
        """Number of labels, one less than the number of outputs."""
        return self.network.n_outputs - 1

    @cached_property
    def parameters(self) -> Any:
        """Parameters of the layers, which view theta."""
        return self.network.parameters(self.theta)

    @cached_property
    def encoded(self) -> Encoded:
        """Encoded sources."""
        return self.seq2seq.encode(self.parameters[0], self.source, n_threads=self.n_threads)

    @property
    def seq2seq(self) -> EncoderDecoder:
        """The encoder-decoder, the first layer of the network."""
        stack: Any = self.network.layer
        return stack.layers[0]

    @property
    def behind(self) -> list[tuple[Layer, Any]]:
        """The layers behind the encoder-decoder, with their parameters."""
        stack: Any = self.network.layer
        return list(zip(stack.layers[1:], self.parameters[1:], strict=True))

    def start(self, n: int) -> DecoderRows:
        """Return the initial state of n sequences, one for each source.

        Raises
        ------
        ValueError
            If there are not n sources.
        """
        n_sources = self.source.values.shape[1]
        if n != n_sources:
            raise ValueError(f"There must be one sequence for each of the {n_sources} sources, got {n}")
        return DecoderRows(np.arange(n), tuple(self.encoded.state))

    def outputs(self, x: Array, rows: DecoderRows) -> tuple[Array, DecoderRows]:
        """Read one step of the inputs of the decoder, x (B, I), and return the outputs of the network (B, K)."""
        y, state, _ = self.seq2seq.step(
            self.parameters[0], self.encoded.memory, x, rows.state, rows.sources, n_threads=self.n_threads
        )
        z, settings = Padded(y), PassSettings(keep_tape=False, n_threads=self.n_threads)
        for layer, own in self.behind:
            z = layer.forward(own, z, settings=settings).y
        return z.values, rows._replace(state=state)

    def step(self, codes: Array, state: DecoderRows) -> tuple[Array, DecoderRows]:
        """Read one symbol of each sequence, and return the log-probabilities of the next ones and the new state."""
        z, after = self.outputs(codes.astype(self.theta.dtype)[:, np.newaxis], state)
        return log_softmax(z, axis=1), after

    def take(self, state: DecoderRows, rows: Array) -> DecoderRows:
        """Return the rows of a state."""
        return DecoderRows(state.sources[rows], tuple(part[rows] for part in state.state))
