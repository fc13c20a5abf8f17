"""Panels: one or several series in every form that users have them, as arrays with their times."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.forms import (
    ArrayForm,
    Columns,
    Container,
    DictOf,
    Form,
    Labels,
    LongFrame,
    PandasForm,
    PolarsForm,
    Single,
)
from numbarnn.forecasting.grids import Grid
from numbarnn.forecasting.rows import Rows, is_pandas, is_polars, read_rows
from numbarnn.forecasting.times import IntegerTimes, Times


@dataclass(frozen=True)
class Series:
    """Values of one series, or of covariates, with the times of their steps.

    Attributes
    ----------
    values : ndarray of shape (T, K), float64
        NaN where a value is missing.
    times : Times
    form : Form
    columns : tuple of str, or None
        Names of the K columns, if they have names.
    """

    values: NDArray[np.float64]
    times: Times
    form: Form
    columns: tuple[Hashable, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, start: int) -> Series:
        """Return the series from one step on; a negative number counts from the end."""
        return replace(self, values=self.values[start:], times=self.times.take(start))


@dataclass(frozen=True)
class Panel:
    """Series of any lengths with the same variables.

    Parameters
    ----------
    series : tuple of Series
    container : Container
    """

    series: tuple[Series, ...]
    container: Container

    def __len__(self) -> int:
        return len(self.series)

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Names of the series: their keys, or their positions."""
        return self.container.names_of(len(self.series))

    @property
    def n_variables(self) -> int:
        """Number of variables of each series, K."""
        return self.series[0].values.shape[1]

    @property
    def labels(self) -> list[str]:
        """The name of each series for messages."""
        return ["y"] if isinstance(self.container, Single) else [f"y[{name!r}]" for name in self.names]

    def ends(self) -> Panel:
        """Return the panel of the last step of each series."""
        return replace(self, series=tuple(each.take(-1) for each in self.series))

    def places(self, other: Panel) -> list[int]:
        """Return which of these series each one of another panel is.

        Raises
        ------
        ValueError
            If one is none of these.
        """
        if not isinstance(self.container, (DictOf, LongFrame)):
            if len(other) != len(self):
                raise ValueError(f"y must hold all {len(self)} series as in fit, got {len(other)}.")
            return list(range(len(self)))
        place = {name: i for i, name in enumerate(self.names)}
        unknown = [name for name in other.names if name not in place]
        if unknown:
            raise ValueError(f"y holds the series {unknown[0]!r}, which fit has not seen; pass new series to predict.")
        return [place[name] for name in other.names]

    def restore(self, forecasts: list[NDArray], labels: Labels | None = None, *, labels_first: bool = False) -> Any:
        """Return forecasts of the steps that follow each series, in the form of the panel.

        Parameters
        ----------
        forecasts : list of ndarray of shape (H, K), or (H, K, number of labels)
        labels : sequence or None, default=None
        labels_first : bool, default=False
            Whether arrays have the labels on their first axis.
        """
        times = [self._after(each, len(forecast)) for each, forecast in zip(self.series, forecasts, strict=True)]
        restored = self.container.restore([each.form for each in self.series], forecasts, times, labels)
        if not labels_first:
            return restored
        if isinstance(restored, dict):
            return {key: _labels_first(each) for key, each in restored.items()}
        return [_labels_first(each) for each in restored] if isinstance(restored, list) else _labels_first(restored)

    def _after(self, series: Series, n: int) -> Times:
        """Return the times of n following steps; arrays need none."""
        return (
            IntegerTimes(0, 1, n) if isinstance(series.form, ArrayForm) and not self._is_long else series.times.after(n)
        )

    @property
    def _is_long(self) -> bool:
        return isinstance(self.container, LongFrame)


def _labels_first(forecast: Any) -> Any:
    return np.moveaxis(forecast, -1, 0) if isinstance(forecast, np.ndarray) else forecast


def read_panel(y: Any, columns: Columns | None = None, *, name: str = "y", allow_empty: bool = False) -> Panel:
    """Read one series or several.

    Parameters
    ----------
    y : array-like, Series or frame, or list or dict of them
        One series of shape (T,) or (T, K), several as a list or a dict, or with `columns` a long frame.
    columns : Columns or None, default=None
        Columns of a long frame.
    name : str, default="y"
        Name of the argument in messages.
    allow_empty : bool, default=False
        Whether a series may have no steps.

    Returns
    -------
    Panel

    Raises
    ------
    TypeError, ValueError
        If y has another form, or holds no or infinite values, or its times are not on a regular grid.
    """
    rows = read_rows(y, columns, name=name)
    for item, label in zip(rows.items, rows.labels(name), strict=True):
        _refuse_key_columns(item, label)
    return panel_of(rows, rows.grids(name)[0], name=name, allow_empty=allow_empty)


def panel_of(rows: Rows, grids: list[Grid], *, name: str, allow_empty: bool = False) -> Panel:
    """Return the panel of some rows, whose steps are known.

    Raises
    ------
    TypeError, ValueError
        If the rows hold no or infinite values.
    """
    container = rows.container
    columns = container.columns.target if isinstance(container, LongFrame) else None
    series = []
    numbers = rows.numbers(name)
    for item, own, grid, label in zip(rows.items, numbers, grids, rows.labels(name), strict=True):
        if not own.size and not allow_empty:
            raise ValueError(f"{label} is empty: it has shape {own.shape}.")
        infinite = np.isinf(own)
        if infinite.any():
            raise ValueError(f"{label} contains infinity at step {int(infinite.any(axis=1).argmax())}.")
        full = own
        if grid.slots is not None:
            full = np.full((len(grid.times), own.shape[1]), np.nan)
            full[grid.slots] = own
        if columns is not None:
            series.append(Series(full, grid.times, ArrayForm(len(columns) == 1), columns))
        else:
            names = getattr(item, "columns", None)
            series.append(Series(full, grid.times, _form(item), None if names is None else tuple(names)))
    return _checked(Panel(tuple(series), container), name)


def _form(item: Any) -> Form:
    columns = getattr(item, "columns", None)
    if is_pandas(item):
        return PandasForm(getattr(item, "name", None), columns)
    if is_polars(item):
        return PolarsForm(getattr(item, "name", ""), None if columns is None else tuple(columns))
    return ArrayForm(np.ndim(item) == 1)


def _refuse_key_columns(item: Any, name: str) -> None:
    """Refuse a frame with columns of text or dates: it is a long one, or its dates should be the index."""
    for column in getattr(item, "columns", ()):
        dtype = nw.from_native(item[column], series_only=True).dtype
        if not (dtype.is_numeric() or dtype in (nw.Boolean, nw.Object)):
            raise ValueError(
                f"{name} has a column {column!r} of {dtype}. For a long frame, say which columns are which: "
                f"fit(frame, series_id=..., time={column!r}, target=...); otherwise make the times the index."
            )


def _checked(panel: Panel, name: str) -> Panel:
    widths = [each.values.shape[1] for each in panel.series]
    if min(widths) != max(widths):
        i = int(np.argmax(np.array(widths) != widths[0]))
        raise ValueError(
            f"All series must have the same number of variables: {name}[{panel.names[0]!r}] has {widths[0]}, "
            f"{name}[{panel.names[i]!r}] has {widths[i]}."
        )
    return panel
