"""The contract of a forecaster."""

from __future__ import annotations

import numpy as np
import pytest

from numbarnn.forecasting import ConformalForecaster, RNNForecaster, check_forecaster
from tests.forecasting.naive import SeasonalNaive


def test_what_keeps_the_contract_passes():
    check_forecaster(SeasonalNaive())
    check_forecaster(ConformalForecaster(SeasonalNaive()))


def test_all_faults_are_named():
    class Half:
        def fit(self, y):
            return self

        def predict(self, horizon=None, *, y=None, X=None, past_X=None, static_X=None, frequency):
            return y

        def predict_quantiles(self, q, horizon=None, *, y=None, X=None, past_X=None, static_X=None, sort=True):
            return y

    with pytest.raises(TypeError, match="is no forecaster") as error:
        check_forecaster(Half())
    assert "horizon is missing" in str(error.value)
    assert "fit must take (y, X, past_X, static_X)" in str(error.value)
    assert "predict must take (horizon, y, X, past_X, static_X)" in str(error.value)
    assert "update(y, X, past_X) is missing" in str(error.value)
    assert "predict_quantiles" not in str(error.value)  # a further parameter with a default is no fault


def test_a_covariate_must_not_be_demanded():
    class Demanding(SeasonalNaive):
        def update(self, y, X, *, past_X=None):
            return self

    with pytest.raises(TypeError, match=r"update must take \(y, X, past_X\)"):
        check_forecaster(Demanding())


def test_a_forecaster_of_points_needs_no_quantiles_unless_they_are_asked_for():
    forecaster = RNNForecaster(2, loss="squared_error", hidden_layer_sizes=2, max_iter=1, n_estimators=1)
    with pytest.raises(TypeError, match=r"predict_quantiles\(q, .*\) is missing"):
        check_forecaster(forecaster)
    check_forecaster(forecaster, quantiles=False)
    y = np.sin(np.arange(60.0))
    assert ConformalForecaster(forecaster, coverage=0.8).fit(y).predict_interval().shape == (2, 2)
    with pytest.raises(TypeError, match="predict_quantiles"):
        ConformalForecaster(forecaster, coverage=0.8, method="cqr").fit(y)
