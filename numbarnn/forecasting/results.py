"""The numbers in the forecasts of any forecaster."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.validation import as_array, as_floats
from numbarnn.forecasting.forms import Container, DictOf, ListOf, LongFrame
from numbarnn.forecasting.rows import read_rows


def forecast_values(
    forecast: Any, container: Container, names: Sequence[Hashable], levels: Sequence[float] | None = None
) -> list[NDArray[np.float64]]:
    """Return the numbers of a forecast of some series.

    Parameters
    ----------
    forecast : as returned by `Forecaster.predict` or `predict_quantiles`
    container : Container
        How the series are held together.
    names : sequence
        The names of the series.
    levels : sequence of Q floats, or None, default=None
        The levels of quantiles; None for a forecast of points.

    Returns
    -------
    values : list of ndarrays of shape (horizon, K), or (horizon, K, Q) with `levels`
    """
    if isinstance(container, LongFrame):
        columns = container.columns
        target = columns.target if levels is None else columns.labelled(levels)
        items = (
            read_rows(forecast, columns, name="the forecast")
            .ordered(names, "the forecast")
            .numbers("the forecast", target)
        )
    elif isinstance(container, DictOf):
        items = [forecast[name] for name in names]
    else:
        items = list(forecast) if isinstance(container, ListOf) else [forecast]
    trailing = () if levels is None else (len(levels),)
    numbers = [as_floats(as_array(item, name="the forecast"), np.float64, input_name="the forecast") for item in items]
    return [each.reshape(len(each), -1, *trailing) for each in numbers]
