from __future__ import annotations

from typing import TYPE_CHECKING

from numbarnn.network import draw_masks

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from numbarnn.network import Batch, Network


def with_masks(network: Network, batches: Iterable[Batch], random_state: np.random.RandomState) -> Iterable[Batch]:
    """Return the batches with masks drawn for each, when its turn comes; as they are if the network drops nothing.

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
    return (_masked(network, batch, random_state) for batch in batches)


def _masked(network: Network, batch: Batch, random_state: np.random.RandomState) -> Batch:
    n_steps, n_sequences, _ = batch.x.shape
    return batch._replace(masks=draw_masks(network, n_steps, n_sequences, batch.x.dtype, random_state))
