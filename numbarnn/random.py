from __future__ import annotations
from sklearn.utils import check_random_state
