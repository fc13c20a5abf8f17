"""The parameters that are compared: the defaults, those recommended for accuracy, and one change at a time."""

from __future__ import annotations

from typing import Any

Settings = dict[str, Any]

DEFAULT: Settings = {}
RECOMMENDED: Settings = {"bidirectional": True, "pooling": "max", "patch": "auto", "n_estimators": 3}

COMPARED: dict[str, Settings] = {"default": DEFAULT, "recommended": RECOMMENDED}
