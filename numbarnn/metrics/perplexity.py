"""Perplexity of a language model."""

from __future__ import annotations

from typing import Any

import numpy as np


def perplexity(log_likelihoods: Any, n_symbols: Any = None) -> float:
    r"""Return the perplexity, the exponential of the mean negative log-likelihood per symbol.

    .. math:: \exp\Big(-\frac{\sum_n \log p(y_n)}{\sum_n N_n}\Big)

    where :math:`\log p(y_n)` is the natural logarithm of the probability of a sequence of :math:`N_n` symbols (Jelinek,
    Mercer, Bahl and Baker 1977 [1]_). If a model gives K symbols the same probability at each step, its perplexity is
    K.

    Parameters
    ----------
    log_likelihoods : array-like of shape (n,)
        Natural logarithms of the probabilities of sequences, for example from `RNNLanguageModel.score_samples`, or of
        single symbols.
    n_symbols : array-like of int, shape (n,), default=None
        Number of symbols of each sequence. If the model also predicts the end, as `RNNLanguageModel` does, this is the
        number of labels plus one. None means one symbol each.

    Returns
    -------
    perplexity : float
        At least 1. Infinite if a sequence has probability zero.

    Raises
    ------
    ValueError
        If shapes do not fit, a log-likelihood is NaN or positive, or there is no symbol.

    References
    ----------
    .. [1] F. Jelinek, R. L. Mercer, L. R. Bahl and J. K. Baker, "Perplexity, a measure of the difficulty of speech
       recognition tasks", Journal of the Acoustical Society of America 62, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.metrics import perplexity
    >>> round(perplexity(np.log([0.25, 0.25, 0.25])), 12)
    4.0
    >>> round(perplexity([3 * np.log(0.1), 5 * np.log(0.1)], n_symbols=[3, 5]), 12)
    10.0
    """
    values = np.asarray(log_likelihoods, dtype=float)
    counts = np.ones(values.shape, np.intp) if n_symbols is None else np.asarray(n_symbols)
    if values.ndim != 1 or counts.shape != values.shape:
        raise ValueError(
            f"log_likelihoods and n_symbols must both have the shape (n,), got {values.shape} and {counts.shape}."
        )
    if counts.dtype.kind not in "iu" or (counts < 0).any() or not counts.any():
        raise ValueError(f"n_symbols must be numbers of symbols, not all of them zero, got {n_symbols!r}.")
    if np.isnan(values).any():
        raise ValueError("log_likelihoods must not be NaN.")
    if (values > 0).any():
        raise ValueError(
            f"log_likelihoods must be logarithms of probabilities, at most 0, got {values.max()}. "
            "For probabilities p write numpy.log(p)."
        )
    with np.errstate(over="ignore"):
        return float(np.exp(-values.sum() / counts.sum()))
