"""Labels of the most probable path of CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.losses.ctc import checked_outputs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


def ctc_best_path(z: ArrayLike, lengths: ArrayLike | None = None, blank: int = 0) -> list[Array]:
    """Return the labels of the most probable path of each sequence.

    This is the "best path decoding" of Graves et al. 2006 [1]_, section 3.2. It takes the most probable output of each
    step, then removes repetitions, then blanks. It is fast, but does not always find the most probable labels, since
    the probability of labels is the sum over all their paths. `ctc_prefix_beams` takes these sums into account.

    Parameters
    ----------
    z : array-like of shape (T, B, C)
        Outputs of a network for each step and sequence, normalized or not.
    lengths : array-like of int of shape (B,), default=None
        Number of valid steps of each sequence; None means T for all.
    blank : int, default=0
        The output that stands for no label.

    Returns
    -------
    labels : list of B ndarrays of int

    Raises
    ------
    TypeError, ValueError
        If z is not a finite array (T, B, C) of float32 or float64, or lengths or blank do not fit it.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.decoding import ctc_best_path
    >>> path = [1, 1, 0, 1, 2, 2]
    >>> ctc_best_path(np.eye(3)[path][:, np.newaxis])
    [array([1, 1, 2])]
    """
    values, ends, blank = checked_outputs(z, lengths, blank)
    path = values.argmax(axis=2).T
    begins = np.ones(path.shape, bool)
    begins[:, 1:] = path[:, 1:] != path[:, :-1]
    counts = begins & (path != blank) & (np.arange(path.shape[1]) < ends[:, np.newaxis])
    return [own[counted] for own, counted in zip(path, counts, strict=True)]
