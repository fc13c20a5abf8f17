"""Decoders that read their own outputs, at all steps or at some of them, in one compiled loop over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.cells.trial import jit_is_off
from numbarnn.decoding.encoder_decoder import EncoderDecoderSteps
from numbarnn.decoding.generation import drawn
from numbarnn.kernels.cpu import free_running_passes
from numbarnn.layers import AttentionDecoder, Dense, Dropout, Embedding, Padded, Recurrent
from numbarnn.layers.attention import projections_of
from numbarnn.layers.checks import check_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class Feedback(NamedTuple):
    """How the outputs of a step become what a decoder reads at the next one.

    Attributes
    ----------
    replaced : ndarray of bool of shape (T + 1, B)
        Steps that read the outputs of the step before. The first row is ignored: there are none before it.
    n_choices : int or None
        Number of outputs, counted from the first, among which a label is chosen. None feeds back the outputs
        themselves.
    uniform : ndarray of shape (T + 1, B), or None
        Random numbers in [0, 1) with which labels are drawn from the softmax of these outputs. None takes the most
        probable labels.
    """

    replaced: Array
    n_choices: int | None = None
    uniform: Array | None = None


def greedy_labels(steps: EncoderDecoderSteps, *, max_length: int) -> list[Array]:
    """Return, for each source, the label that is most probable at each step.

    The labels are those of `numbarnn.decoding.greedy`; there are no scores. If the network is an encoder-decoder with
    one dense readout, whose decoder reads an embedding of one column, all steps run in one compiled loop.

    Parameters
    ----------
    steps : EncoderDecoderSteps
    max_length : int
        Maximum number of labels of a sequence. A sequence that reaches it ends there.

    Returns
    -------
    codes : list of n ndarray of shape (T_i,), intp

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.decoding import EncoderDecoderSteps, greedy_labels
    >>> from numbarnn.layers import Dense, Embedding, EncoderDecoder, Model, Padded, Recurrent, Stack
    >>> layer = EncoderDecoder(Recurrent(Elman, 2, 4), Recurrent(Elman, 3, 4), Embedding(1, (7,), (3,), (0,)))
    >>> network = Model(Stack((("seq2seq", layer), ("readout", Dense(4, 6)))))
    >>> source = Padded(np.ones((5, 2, 2)))
    >>> steps = EncoderDecoderSteps(network, network.init("float64", random_state=0), source)
    >>> first, second = greedy_labels(steps, max_length=9)
    >>> np.array_equal(first, second)
    True
    """
    return _labels(steps, max_length, None)


def sampled_labels(
    steps: EncoderDecoderSteps, *, max_length: int, random_state: int | np.random.RandomState | None = None
) -> list[Array]:
    """Return, for each source, labels drawn at each step from the predicted probabilities.

    The labels are those of `numbarnn.decoding.sample`; there are no scores. See `greedy_labels`.

    Parameters
    ----------
    steps : EncoderDecoderSteps
    max_length : int
        Maximum number of labels of a sequence. A sequence that reaches it ends there.
    random_state : int, RandomState or None, default=None
        Seed or generator. One number per sequence and step is drawn.

    Returns
    -------
    codes : list of n ndarray of shape (T_i,), intp
    """
    uniform = check_random_state(random_state).random_sample((max_length, steps.source.values.shape[1]))
    return _labels(steps, max_length, np.concatenate((uniform[:1], uniform)))


def run_on_outputs(steps: EncoderDecoderSteps, lengths: Array) -> Array:
    """Return the outputs of a decoder whose inputs are its own outputs of the step before; the first inputs are zero.

    If the network is an encoder-decoder with one dense readout, without an embedding of the inputs of the decoder, all
    steps run in one compiled loop.

    Parameters
    ----------
    steps : EncoderDecoderSteps
    lengths : ndarray of int of shape (n,)
        Number of steps for each source.

    Returns
    -------
    outputs : ndarray of shape (T, n, K)
        T is the largest of the lengths. Outputs past the length of a source are zero.
    """
    n_steps, n = int(lengths.max(initial=0)), len(lengths)
    inputs = np.zeros((n_steps + 1, n, steps.network.n_outputs), steps.theta.dtype)
    return feed_back(steps, inputs, Feedback(np.ones((n_steps + 1, n), bool)), lengths)[0][1:]


def feed_back(
    steps: EncoderDecoderSteps, inputs: Array, feedback: Feedback, lengths: Array
) -> tuple[Array, NDArray[np.intp]]:
    """Run a decoder, and replace some of its inputs by its outputs.

    Parameters
    ----------
    steps : EncoderDecoderSteps
    inputs : ndarray of shape (T + 1, B, I)
        The inputs of T steps, followed by what a further step would read.
    feedback : Feedback
    lengths : ndarray of int of shape (B,)
        Maximum number of steps of each row, at most T. If labels are fed back, a row ends early with the code of the
        last output, which stands for the end of the sequence and is not read.

    Returns
    -------
    inputs : ndarray of shape (T + 1, B, I)
        A copy in which the inputs are replaced.
    lengths : ndarray of shape (B,)
        Number of steps that each row has taken.
    """
    compiled = is_compiled(steps, of_labels=feedback.n_choices is not None)
    return (_run if compiled else _step_by_step)(steps, inputs.copy(), feedback, lengths.astype(np.intp))


def is_compiled(steps: EncoderDecoderSteps, *, of_labels: bool) -> bool:
    """Return whether a network has the form that one compiled loop runs; others are run step by step."""
    embedding, decoder, n_outputs = steps.seq2seq.embedding, steps.seq2seq.decoder, steps.network.n_outputs
    if jit_is_off():
        return False
    readouts = [type(layer) for layer, _ in steps.behind if not isinstance(layer, Dropout)]
    if readouts != [Dense] or (isinstance(decoder, Recurrent) and np.any(decoder.zoneout)):
        return False
    if of_labels:
        return type(embedding) is Embedding and embedding.n_inputs == 1 and embedding.n_categories[0] >= n_outputs
    return embedding is None and decoder.n_inputs == n_outputs


def _labels(steps: EncoderDecoderSteps, max_length: int, uniform: Array | None) -> list[Array]:
    """Return the best labels of each source or, with random numbers in [0, 1) `(T + 1, n)`, labels that they draw."""
    check_sizes(max_length=max_length)
    n = steps.source.values.shape[1]
    inputs = np.full((max_length + 1, n, 1), steps.n_labels + 1, steps.theta.dtype)
    feedback = Feedback(np.ones((max_length + 1, n), bool), steps.n_labels + 1, uniform)
    read, lengths = feed_back(steps, inputs, feedback, np.full(n, max_length))
    codes = read[1:, :, 0].astype(np.intp)
    return [own[:n_read][own[:n_read] != steps.n_labels] for own, n_read in zip(codes.T, lengths, strict=True)]


def _run(
    steps: EncoderDecoderSteps, inputs: Array, feedback: Feedback, lengths: Array
) -> tuple[Array, NDArray[np.intp]]:
    """Do as `feed_back`, in one compiled loop."""
    (encoder_decoder, *_), layer, dtype = steps.parameters, steps.seq2seq, inputs.dtype
    decoder, own = layer.decoder, encoder_decoder.decoder
    attention = None
    if isinstance(decoder, AttentionDecoder):
        attention = projections_of(own.attention), steps.encoded.memory
    clip = None if decoder.preactivation_clip is None else dtype.type(decoder.preactivation_clip)
    (dense,) = (own for layer, own in steps.behind if isinstance(layer, Dense))
    table, read = None, inputs
    if isinstance(layer.embedding, Embedding):
        (table,) = encoder_decoder.embedding.tables
        read = layer.embedding.codes(Padded(inputs, lengths))
    taken = free_running_passes.run(
        own.cell,
        attention,
        steps.encoded.state,
        clip,
        dense,
        table,
        read,
        feedback.replaced,
        feedback.uniform,
        feedback.n_choices or 0,
        lengths,
        steps.n_threads,
    )
    if table is not None:
        times = np.arange(len(read))[:, np.newaxis]
        written = feedback.replaced & (times > 0) & (times <= taken)
        inputs[written] = read[written][:, np.newaxis]
    return inputs, taken


def _step_by_step(
    steps: EncoderDecoderSteps, inputs: Array, feedback: Feedback, lengths: Array
) -> tuple[Array, NDArray[np.intp]]:
    """Do as `feed_back`, for a network of any form."""
    lengths, n_outputs = lengths.copy(), steps.network.n_outputs
    rows, state = np.arange(len(lengths)), steps.start(len(lengths))
    for t in range(1, len(inputs)):
        kept = np.flatnonzero(lengths[rows] >= t)
        if not kept.size:
            break
        if kept.size < rows.size:
            rows, state = rows[kept], steps.take(state, kept)
        z, state = steps.outputs(inputs[t - 1, rows], state)
        if feedback.n_choices is not None:
            uniform = None if feedback.uniform is None else feedback.uniform[t, rows]
            z = _chosen(z[:, : feedback.n_choices], uniform)
        at = feedback.replaced[t, rows]
        inputs[t, rows[at]] = z[at]
        if feedback.n_choices is not None:
            lengths[rows[at & (z[:, 0] == n_outputs - 1)]] = t
    return inputs, lengths


def _chosen(z: Array, uniform: Array | None) -> Array:
    """Return the code of the largest output of each row, or a draw from the softmax, as a column."""
    if uniform is None:
        return z.argmax(axis=1)[:, np.newaxis]
    return drawn(np.exp(z - z.max(axis=1, keepdims=True)), uniform)[:, np.newaxis]
