"""A function that changes the arrays of a forward pass after the pass, for the pass to run again.

A pass over one step, whose function prepares the next step, is a loop over time that is compiled once for all cells.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.outline import call

NO_HOOK = np.zeros(2, np.int64)
"""Instead of the addresses of a function `function(operands, i)`, called for range i, and of its operands."""


@inline
def goes_on(hook, lengths, first, last, i):
    """Call the function, if there is one; return whether the first of the sequences has a step to run then."""
    if hook[0] == 0:
        return False
    call(hook[0], hook[1], i)
    return first < last and lengths[first] > 0
