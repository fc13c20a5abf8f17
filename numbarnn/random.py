from __future__ import annotations

from sklearn.utils import check_random_state

__all__ = ["check_random_state"]
