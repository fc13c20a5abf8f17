"""Fits that work on a copy of the estimator, so that one that fails leaves the estimator as it was."""

from __future__ import annotations

import copy
from typing import Self

_PRIVATE = frozenset(
    ("_head", "_architecture", "_state", "_random_state", "_series_per_row", "_of_text", "_equations", "_reservoir")
)
"""Attributes that a fit sets, besides those whose names end with an underscore."""


class FittedByCopy:
    """An estimator that takes over the attributes of a fitted copy of itself."""

    def _unfitted(self) -> Self:
        """Return a copy without what an earlier fit has learned; its parameters are the same objects."""
        unfitted = copy.copy(self)
        unfitted.__dict__ = {name: value for name, value in vars(self).items() if not _is_learned(name)}
        return unfitted

    def _become(self, fitted: Self) -> Self:
        """Take over what a copy has learned."""
        self.__dict__ = fitted.__dict__
        return self


def _is_learned(name: str) -> bool:
    """Return whether an attribute of this name is set by a fit."""
    return name in _PRIVATE or (name.endswith("_") and not name.startswith("_"))
