"""Most probable labels of CTC, by beam search over prefixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax

from numbarnn.decoding.protocol import Hypothesis
from numbarnn.kernels.cpu.prefix_beam import prefix_beams
from numbarnn.layers.checks import check_sizes
from numbarnn.losses.ctc import checked_outputs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


def ctc_prefix_beams(
    z: ArrayLike, lengths: ArrayLike | None = None, blank: int = 0, *, n_beams: int = 10
) -> list[list[Hypothesis]]:
    r"""Search for the most probable labels of each sequence.

    At each step, a prefix stays as it is or is extended by one label, and the `n_beams` best of all results are kept
    (Hannun et al. 2014 [1]_, without a language model). For each prefix, the probabilities of the paths that end in a
    blank and of those that end in the last label are summed separately, as in the prefix search of Graves et al. 2006
    [2]_, section 3.2. With enough beams, the search is exact. If a prefix is dropped, its paths are missing from the
    probabilities of the labels that begin with it.

    Parameters
    ----------
    z : array-like of shape (T, B, C)
        Unnormalized outputs of a network for each step and sequence; their softmax is taken.
    lengths : array-like of int of shape (B,), default=None
        Number of valid steps of each sequence; None means T for all.
    blank : int, default=0
        The output that stands for no label.
    n_beams : int, default=10
        Number of prefixes that are kept.

    Returns
    -------
    hypotheses : list of B lists of at most n_beams Hypothesis
        For each sequence, ``(codes, score)``: the labels and the logarithm of their probability, best first.

    Raises
    ------
    TypeError, ValueError
        If z is not a finite array (T, B, C) of float32 or float64, or another argument does not fit it.

    References
    ----------
    .. [1] A. Y. Hannun, A. L. Maas, D. Jurafsky and A. Y. Ng, "First-pass large vocabulary continuous speech
       recognition using bi-directional recurrent DNNs", arXiv:1408.2873, 2014.
    .. [2] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.

    Examples
    --------
    The most probable path consists of two blanks, but three other paths together make the label 1 more probable:

    >>> import numpy as np
    >>> from numbarnn.decoding import ctc_best_path, ctc_prefix_beams
    >>> z = np.log(np.full((2, 1, 2), [0.6, 0.4]))
    >>> ctc_best_path(z)
    [array([], dtype=int64)]
    >>> labels, score = ctc_prefix_beams(z)[0][0]
    >>> labels, round(float(np.exp(score)), 2)
    (array([1]), 0.64)
    """
    check_sizes(n_beams=n_beams)
    values, ends, blank = checked_outputs(z, lengths, blank)
    log_y = np.ascontiguousarray(log_softmax(values.astype(float), axis=2))
    found = prefix_beams(log_y, ends, blank, int(n_beams))
    return [
        [Hypothesis(own[:n].copy(), float(score)) for score, own, n in zip(*beams, strict=True) if score > -np.inf]
        for beams in zip(*found, strict=True)
    ]
