"""What a backend raises when a number that it was to check is not finite."""

from __future__ import annotations


class NotFiniteError(ArithmeticError):
    """A number is NaN or infinite; callers, who know the names of the arrays, say which."""
