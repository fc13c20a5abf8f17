from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbarnn.network import draw_masks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numbarnn.network import Batch, Network


def with_masks(network: Network, batches: Iterable[Batch], random_state: np.random.RandomState) -> Iterable[Batch]:
    """Return the batches of an epoch with masks drawn for each; as they are if the network drops nothing.

    The epoch takes one seed from `random_state`, so training epoch by epoch draws what one training draws.

    Parameters
    ----------
    network : Network
    batches : iterable of Batch
    random_state : RandomState
        Left as it is if nothing is drawn.

    Returns
    -------
    batches : iterable of Batch
    """
    if not network.regularization.is_random:
        return batches
    generator = np.random.Generator(np.random.SFC64(random_state.randint(2**32, size=4, dtype=np.uint32)))
    return (_masked(network, batch, generator) for batch in batches)


def _masked(network: Network, batch: Batch, generator: np.random.Generator) -> Batch:
    n_steps, n_sequences, _ = batch.x.shape
    return batch._replace(masks=draw_masks(network, n_steps, n_sequences, batch.x.dtype, generator))
