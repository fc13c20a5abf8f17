"""Axes and styles of the displays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils._optional_dependencies import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def checked_axes(display: Any, ax: Axes | None) -> Axes:
    """Return the axes to draw on, new ones if none are given.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt  # noqa: PLC0415  (an optional dependency)

    return plt.subplots()[1] if ax is None else ax


def line_style(given: dict[str, Any] | None, **defaults: Any) -> dict[str, Any]:
    """Return keyword arguments of a line: those given, under whatever alias, and the others' defaults."""
    from matplotlib.cbook import normalize_kwargs  # noqa: PLC0415  (an optional dependency)
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return {**defaults, **normalize_kwargs(given or {}, Line2D)}


def fill_style(given: dict[str, Any] | None, **defaults: Any) -> dict[str, Any]:
    """Return keyword arguments of a filled area: those given, under whatever alias, and the others' defaults."""
    from matplotlib.cbook import normalize_kwargs  # noqa: PLC0415  (an optional dependency)
    from matplotlib.collections import PolyCollection  # noqa: PLC0415

    given = normalize_kwargs(given or {}, PolyCollection)
    if "color" in given or "facecolor" in given:
        defaults.pop("facecolor", None)
    return {**defaults, **given}
