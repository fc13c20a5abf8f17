"""The adapters to sktime."""

from __future__ import annotations

import doctest
import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from tests.interop.collections import collection, results
from tests.interop.counting import CountingForecaster

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("sktime")
    from sktime.split import ExpandingWindowSplitter
    from sktime.utils.estimator_checks import check_estimator

    from numbarnn.forecasting import RNNForecaster
    from numbarnn.interop.sktime import RNNTimeSeriesClassifier, RNNTimeSeriesForecaster, RNNTimeSeriesRegressor

PANEL_ADAPTERS = [RNNTimeSeriesClassifier, RNNTimeSeriesRegressor]
MONTHS = pd.period_range("2020-01", periods=9, freq="M")
SERIES = pd.Series(np.arange(10.0, 19.0), MONTHS, name="sales")


def kind_of(adapter):
    return adapter.__name__.removeprefix("RNNTimeSeries").lower()


def counting(**parameters):
    return RNNTimeSeriesForecaster(CountingForecaster(**parameters))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("adapter", [*PANEL_ADAPTERS, RNNTimeSeriesForecaster])
def test_checks_of_sktime(adapter):
    outcomes = check_estimator(adapter, verbose=False)
    assert len(outcomes) > 100
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "PASSED"} == {}


@pytest.mark.parametrize("adapter", PANEL_ADAPTERS)
def test_channels_come_first_in_arrays(adapter):
    series, y, network = collection(kind_of(adapter))
    sequences = [x.T for x in series]
    expected = results(network.fit(sequences, y), sequences)
    adapted = adapter(network).fit(np.stack(series), y)
    assert_array_equal(results(adapted, np.stack(series)), expected)
    assert_array_equal(results(adapted, [pd.DataFrame(x) for x in sequences]), expected)


@pytest.mark.parametrize("adapter", PANEL_ADAPTERS)
def test_frames_of_different_lengths(adapter):
    series, y, network = collection(kind_of(adapter), ragged=True)
    frames = [pd.DataFrame(x.T, columns=["a", "b"]) for x in series]
    expected = results(network.fit([x.T for x in series], y), [x.T for x in series])
    adapted = adapter(network).fit(frames, y)
    assert_array_equal(results(adapted, frames), expected)
    assert_array_equal(results(adapted, pd.concat(dict(enumerate(frames)))), expected)


def test_a_regressor_has_several_targets():
    series, y, network = collection("regressor")
    X, Y = np.stack(series), pd.DataFrame({"u": y, "v": -y})
    predicted = RNNTimeSeriesRegressor(network).fit(X, Y).predict(X)
    assert list(predicted) == ["u", "v"]
    expected = network.fit(X.transpose(0, 2, 1), Y.to_numpy()).predict(X.transpose(0, 2, 1))
    assert_array_equal(predicted.to_numpy(), expected)


def test_parameters_of_the_network_are_nested():
    _, _, network = collection("classifier")
    adapter = RNNTimeSeriesClassifier(network).set_params(estimator__cell="lstm")
    assert adapter.get_params()["estimator__cell"] == "lstm"


@pytest.mark.slow
@pytest.mark.parametrize("adapter", PANEL_ADAPTERS)
def test_nothing_need_be_scaled_by_default(adapter):
    series, y, _ = collection(kind_of(adapter))
    X = 1e6 + 1e3 * np.stack(series)
    y = 1e6 + 1e3 * y if y.dtype == np.float64 else y
    assert adapter().fit(X, y).score(X, y) > 0.95


def test_a_forecast_goes_on_from_the_series():
    forecast = counting().fit(SERIES).predict(fh=[2, 5])
    assert forecast.name == "sales"
    assert forecast.to_dict() == {pd.Period("2020-11", "M"): 20.0, pd.Period("2021-02", "M"): 23.0}


def test_times_of_a_forecast_may_be_absolute():
    times = pd.PeriodIndex(["2020-11"], freq="M")
    assert counting().fit(SERIES).predict(fh=times).to_list() == [20.0]


def test_several_columns_are_forecast_together():
    y = pd.DataFrame({"u": SERIES, "v": 100 + SERIES})
    forecast = counting().fit(y).predict(fh=[1, 3])
    assert forecast.to_dict("list") == {"u": [19.0, 21.0], "v": [119.0, 121.0]}


def test_quantiles():
    y = pd.DataFrame({"u": SERIES, "v": 100 + SERIES})
    forecast = counting().fit(y, fh=[2]).predict_quantiles(alpha=[0.25, 0.75])
    assert forecast.columns.to_list() == [("u", 0.25), ("u", 0.75), ("v", 0.25), ("v", 0.75)]
    assert forecast.to_numpy().tolist() == [[20.25, 20.75, 120.25, 120.75]]


def test_interval():
    forecast = counting().fit(SERIES, fh=[1]).predict_interval(coverage=0.5)
    assert forecast.iloc[0].to_dict() == {("sales", 0.5, "lower"): 19.25, ("sales", 0.5, "upper"): 19.75}


def test_covariates():
    X = pd.DataFrame({"price": np.arange(12) * 1000.0}, pd.period_range("2020-01", periods=12, freq="M"))
    forecaster = counting().fit(SERIES, X[:9], fh=[1, 3])
    assert forecaster.predict(X=X[9:]).to_list() == [9019.0, 11021.0]


def test_series_of_a_panel_may_end_at_different_times():
    y = pd.concat({"early": SERIES[:6], "late": SERIES}).to_frame()
    forecast = counting().fit(y).predict(fh=[1])
    october = pd.Period("2020-10", "M")
    assert forecast["sales"].to_dict() == {("early", october): 19.0, ("late", october): 19.0}


def test_a_hierarchy_and_its_covariates():
    keys, names = [("a", 1), ("a", 2), ("b", 1)], ["shop", "item", "month"]
    y = pd.concat([SERIES, SERIES + 10, SERIES + 20], keys=keys, names=names).to_frame()
    X = pd.concat([SERIES * 0, SERIES * 0 + 100, SERIES * 0 + 200], keys=keys, names=names).to_frame("price")
    past = y.index.get_level_values("month") < "2020-09"
    forecast = counting().fit(y[past], X[past], fh=[1]).predict(X=X[~past])
    assert forecast.index.equals(y[~past].index)
    assert forecast["sales"].to_list() == [18.0, 128.0, 238.0]


def test_update_reads_only_what_is_new():
    forecaster = counting().fit(SERIES[:5]).update(SERIES[:7]).update(SERIES[3:7])
    assert forecaster.forecaster_.read_ == [{None: 2}]
    assert forecaster.predict(fh=[1]).to_list() == [17.0]


def test_update_of_some_series_of_a_panel():
    y = pd.concat({"u": SERIES, "v": SERIES + 100}).to_frame()
    months = y.index.get_level_values(1)
    forecaster = counting().fit(y[months < "2020-06"])
    forecaster.update(y.loc[["v"]])
    assert forecaster.forecaster_.read_ == [{"u": 0, "v": 4}]
    assert forecaster.predict(fh=[1])["sales"].to_list() == [19.0, 119.0]
    with pytest.raises(ValueError, match="fit has not seen: w"):
        forecaster.update(pd.concat({"w": SERIES}).to_frame())


def test_moving_cutoff():
    y = SERIES.to_timestamp().asfreq("MS")
    forecaster = counting().fit(y[:4], fh=[1])
    forecasts = forecaster.update_predict(y[4:], ExpandingWindowSplitter(fh=[1], initial_window=1, step_length=2))
    assert forecasts.to_list() == [15.0, 17.0]


def test_the_state_cannot_go_back():
    forecaster = counting().fit(SERIES).update(SERIES[:4])
    with pytest.raises(ValueError, match="read observations up to 2020-09 and cannot go back to the cutoff 2020-04"):
        forecaster.predict(fh=[1])


def test_missing_values():
    y = SERIES.copy()
    y.iloc[-2:] = np.nan
    assert counting().fit(y).predict(fh=[1]).to_list() == [17.0]


def test_forecasts_are_those_of_the_network():
    u = SERIES.to_timestamp()
    y = pd.concat({"u": u, "v": u**2}).to_frame()
    network = RNNForecaster(2, hidden_layer_sizes=3, max_iter=5, random_state=0)
    forecaster = RNNTimeSeriesForecaster(network).fit(y[y.index.get_level_values(1) < "2020-07"])
    network.fit({"u": u[:6], "v": u[:6] ** 2})
    assert_array_equal(forecaster.predict(fh=[2]).to_numpy().ravel(), [x.iloc[1] for x in network.predict().values()])
    forecaster.update(y.loc[["v"]])
    network.update({"v": u[6:] ** 2})
    expected = network.predict_quantiles([0.3, 0.6], 5)
    quantiles = forecaster.predict_quantiles(fh=[1, 2], alpha=[0.3, 0.6])
    assert_array_equal(quantiles.loc["u"], expected["u"][3:])  # its series ends three months before the cutoff
    assert_array_equal(quantiles.loc["v"], expected["v"][:2])


def test_intervals_are_offered_where_the_loss_has_them():
    assert RNNTimeSeriesForecaster().get_tag("capability:pred_int")
    forecaster = RNNTimeSeriesForecaster(RNNForecaster(loss="gaussian"))
    assert forecaster.get_tag("capability:pred_int")
    assert not forecaster.set_params(forecaster__loss="huber").get_tag("capability:pred_int")


@pytest.mark.slow
def test_the_default_forecasts_the_horizon_of_fit():
    forecaster = RNNTimeSeriesForecaster().fit(SERIES, fh=[1, 3])
    assert forecaster.forecaster_.horizon == 3


@pytest.mark.parametrize("module", ["classifier", "regressor", "forecaster"])
def test_examples(module):
    assert doctest.testmod(importlib.import_module(f"numbarnn.interop.sktime.{module}")).failed == 0
