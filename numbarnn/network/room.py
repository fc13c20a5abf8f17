"""What memory a network takes on a CUDA device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.cells.form import n_memory

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from numbarnn.network.network import Network


def bytes_on_device(network: Network, n_steps: int, n_sequences: int, dtype: DTypeLike) -> int:
    """Return how many bytes the objective of a batch takes on a device at the least.

    These are the inputs, the tapes of all layers, and the largest of what the passes of a layer hold beside them.
    """
    kind: Any = network.cell
    n_directions = len(network.directions)
    tapes, largest = network.n_inputs, 0
    for n_inputs, n_units in network.layer_shapes:
        tapes += n_directions * n_units * (1 + n_memory(kind) + kind.n_saved)
        if network.bidirectional:
            tapes += n_inputs + n_directions * n_units  # read backward, and joined
        largest = max(largest, kind.n_gates * n_units)
    return n_steps * n_sequences * (tapes + largest) * np.dtype(dtype).itemsize
