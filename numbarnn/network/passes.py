"""The three passes of a network; what comes in has been checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbarnn.kernels.cpu import batches, dense, reversal
from numbarnn.kernels.devices import beside, on_cuda, to_device
from numbarnn.network import layer
from numbarnn.network.masks import masks_at_rest
from numbarnn.network.results import Adjoint, Forward, Tape
from numbarnn.recurrence.arguments import checked_preactivation_clip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.masks import LayerMasks
    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]
    State = tuple[tuple[Array, ...], ...]


def run(
    network: Network,
    parameters: Parameters,
    x: Array,
    lengths: Array | None,
    state: State | None,
    *,
    keep_tape: bool,
    n_threads: int,
    masks: tuple[LayerMasks, ...] | None = None,
    tape_bytes: float | None = None,
) -> tuple[Array, Any, State]:
    """Run all layers and the readout over x (T, B, I); the cells share what their tapes may take.

    Return the outputs, the tape (None if not kept), and the state after. A network in both directions can begin with
    the initial state alone (None). RecurrentMasks of None are those of a network at rest, from which nothing is dropped.
    """
    if masks is None:
        masks = masks_at_rest(network, x.dtype)
    if on_cuda(x):
        masks = to_device(masks)
    lengths = beside(x, batches).valid_steps(x, lengths)
    preactivation_clip = _clip(network, parameters)
    steps = beside(x, reversal).reversed_steps(x.shape[0], lengths) if network.bidirectional else None
    if tape_bytes is not None:
        tape_bytes /= len(network.hidden_layer_sizes) * len(network.directions)
    tapes, final, features = [], [], x
    for i, cells in enumerate(parameters.layers):
        features, tape, layer_state = layer.forward(
            cells,
            features,
            lengths,
            steps,
            masks=masks[i],
            preactivation_clip=preactivation_clip,
            states=parameters.states[i] if state is None else (state[i],),
            last_state=network.hands_on_last_state(i),
            keep_tape=keep_tape,
            n_threads=n_threads,
            tape_bytes=tape_bytes,
        )
        tapes.append(tape)
        final.append(layer_state)
    past = beside(x, dense).step_mask(x.shape[0], lengths) if network.return_sequences else None
    z = beside(x, dense).dense_forward(parameters.readout, features, past)
    return z, Tape(tuple(tapes), features, steps, past, masks) if keep_tape else None, tuple(final)


def forward(
    network: Network,
    parameters: Parameters,
    x: Array,
    lengths: Array | None,
    *,
    keep_tape: bool,
    n_threads: int,
    masks: tuple[LayerMasks, ...] | None = None,
    tape_bytes: float | None = None,
) -> Forward:
    """Return the outputs and the tape of a run from the initial state; masks of None drop nothing."""
    options: dict[str, Any] = {"keep_tape": keep_tape, "n_threads": n_threads, "tape_bytes": tape_bytes}
    z, tape, _ = run(network, parameters, x, lengths, None, masks=masks, **options)
    return Forward(z, tape)


def advance(
    network: Network, parameters: Parameters, x: Array, lengths: Array | None, state: State | None, *, n_threads: int
) -> tuple[Array, State]:
    """Run a network in one direction over x (T, B, I) from a state (None: the initial one) to the one after."""
    z, _, final = run(network, parameters, x, lengths, state, keep_tape=False, n_threads=n_threads)
    return z, final


def tangent(
    network: Network,
    parameters: Parameters,
    tape: Tape,
    direction: Parameters | None,
    x_dot: Array | None,
    *,
    n_threads: int,
) -> Array:
    """Return z_dot for tangents of the parameters (None: zero) and of the inputs (None: zero)."""
    features_dot: Any = x_dot
    for i, (cells, tapes) in enumerate(zip(parameters.layers, tape.layers, strict=True)):
        features_dot = layer.tangent(
            cells,
            tapes,
            (None,) * len(cells) if direction is None else direction.layers[i],
            features_dot,
            tape.steps,
            masks=tape.masks[i],
            states_dot=((),) * len(cells) if direction is None else direction.states[i],
            last_state=network.hands_on_last_state(i),
            n_threads=n_threads,
        )
    readout_dot = None if direction is None else direction.readout
    return beside(tape.features, dense).dense_tangent(
        parameters.readout, tape.features, readout_dot, features_dot, tape.past
    )


def adjoint(
    network: Network, parameters: Parameters, tape: Tape, z_bar: Array, *, inputs: bool, n_threads: int
) -> Adjoint:
    """Return theta_bar and x_bar (None unless `inputs`): the steps of `forward` reversed."""
    features_bar: Any
    readout_bar, features_bar = beside(z_bar, dense).dense_adjoint(parameters.readout, tape.features, z_bar, tape.past)
    arrays = [*readout_bar]
    for i in reversed(range(len(parameters.layers))):
        cells_bar, features_bar, states_bar = layer.adjoint(
            parameters.layers[i],
            tape.layers[i],
            features_bar,
            tape.steps,
            masks=tape.masks[i],
            inputs=inputs or i > 0,
            states=network.learn_state,
            n_threads=n_threads,
        )
        arrays[:0] = [bar for bars in zip(cells_bar, states_bar, strict=True) for part in bars for bar in part]
    return Adjoint(network.layout.flatten(arrays), features_bar)


def _clip(network: Network, parameters: Parameters) -> Any:
    return checked_preactivation_clip(network.regularization.preactivation_clip, parameters.layers[0][0])
