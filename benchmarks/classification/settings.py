"""The parameters of the two columns: the defaults, and those recommended where accuracy counts more than time."""

from __future__ import annotations

from typing import Any

Settings = dict[str, Any]

DEFAULT: Settings = {}
RECOMMENDED: Settings = {"n_estimators": 3}
