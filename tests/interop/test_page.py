"""The page on other time-series libraries runs, and its plain estimators read what it says they read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import RNNRegressor
from tests.test_documents import ROOT, run

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries, and of short training

SERIES = pd.Series(np.arange(20.0), pd.date_range("2020-01-01", periods=20))


class Reader(RNNRegressor):
    """Remember what `fit` was given."""

    def fit(self, X, y):
        super().fit(X, y)
        self.read_ = np.asarray(X)
        return self


def reader():
    return Reader(2, max_iter=1, random_state=0)


@pytest.mark.slow
def test_page():
    for library in ("sktime", "aeon", "skforecast"):
        pytest.importorskip(library)
    names = run(ROOT / "docs" / "time_series_libraries.md")
    y = names["y"].to_numpy()[-12:]
    assert names["accuracy"] > 0.8
    assert names["interval"].shape == (12, 2)
    for forecast in ("passengers", "by_window", "with_month", "recursive"):
        assert_allclose(names[forecast].to_numpy(), y, rtol=0.5)
    assert_allclose(names["direct"].to_numpy(), y[:3], rtol=0.5)


def windows():
    return np.lib.stride_tricks.sliding_window_view(SERIES.to_numpy(), 4)[:-1]


def test_make_reduction_gives_a_plain_regressor_windows():
    pytest.importorskip("sktime")
    from sktime.forecasting.compose import make_reduction

    forecaster = make_reduction(reader(), window_length=4).fit(SERIES, fh=[1])
    assert_array_equal(forecaster.estimator_.read_, windows())


def test_make_reduction_gives_the_adapter_covariates_as_channels():
    pytest.importorskip("sktime")
    from sktime.forecasting.compose import make_reduction

    from numbarnn.interop.sktime import RNNTimeSeriesRegressor

    X = (100 + SERIES).to_frame("price")
    forecaster = make_reduction(RNNTimeSeriesRegressor(reader()), window_length=4).fit(SERIES, X, fh=[1])
    read = forecaster.estimator_.estimator_.read_
    assert read.shape == (16, 4, 2)
    assert_array_equal(read[..., 0], windows())
    assert_array_equal(np.diff(read[..., 1]), 1.0)


def test_skforecast_gives_windows_from_the_latest_value_to_the_earliest():
    pytest.importorskip("skforecast")
    from skforecast.recursive import ForecasterRecursive

    forecaster = ForecasterRecursive(estimator=reader(), lags=4)
    forecaster.fit(SERIES)
    assert_array_equal(forecaster.estimator.read_, np.fliplr(windows()))
