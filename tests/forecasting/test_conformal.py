"""Conformal prediction intervals."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binom
from sklearn.base import clone

from numbarnn.forecasting import ConformalForecaster
from numbarnn.forecasting.scores import conformal_quantiles, fewest_scores
from tests.forecasting.naive import SeasonalNaive, Spy


def walk(length, seed=0, scale=1.0):
    return scale * np.cumsum(np.random.default_rng(seed).normal(size=length))


class Zero(SeasonalNaive):
    """Forecasts zero, so that the errors are the values themselves."""

    def predict(self, horizon=None, **data):
        forecast = super().predict(horizon, **data)
        return [np.zeros_like(item) for item in forecast] if isinstance(forecast, list) else np.zeros_like(forecast)

    def predict_quantiles(self, q, horizon=None, **data):
        return np.broadcast_to(np.asarray(q) - 0.5, (horizon or self.horizon, len(q)))


def test_quantiles_have_the_finite_sample_correction():
    scores = np.arange(1.0, 20)  # n = 19
    np.testing.assert_array_equal(
        conformal_quantiles(scores, np.array([0.9, 0.95, 0.951, 0.5, 0.0])), [18, 19, np.inf, 10, 1]
    )
    assert [fewest_scores(coverage) for coverage in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]


@pytest.mark.parametrize("method", ["split", "cqr", "aci"])
def test_intervals_are_the_ranked_errors_of_the_last_origins(method):
    y = np.random.default_rng(0).normal(size=40)
    forecaster = ConformalForecaster(Zero(horizon=2), 0.8, method=method, n_calibration=9).fit(y)
    for step, (lower, upper) in enumerate(forecaster.predict_interval()):
        targets = y[30 + step : 39 + step]
        if method == "cqr":  # equation 6 of Romano et al. with the quantiles -0.4 and 0.4
            width = np.sort(np.maximum(-0.4 - targets, targets - 0.4))[7]  # ceil(10 * 0.8) = 8
            expected = [-0.4 - width, 0.4 + width]
        else:
            expected = np.sort(np.abs(targets))[7] * np.array([-1, 1])
        np.testing.assert_allclose([lower, upper], expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("method", ["split", "cqr"])
def test_coverage_of_exchangeable_data(method):
    """Over many series, each with its own calibration, at least the nominal share of the next values is covered."""
    n_series, coverage = 300, 0.8
    y = list(np.random.default_rng(1).standard_t(3, size=(n_series, 25)))
    forecaster = ConformalForecaster(_Quartiles(), coverage, method=method, n_calibration=14, panel="separate").fit(
        [series[:-1] for series in y]
    )
    intervals = np.stack(forecaster.predict_interval())[:, 0]
    covered = np.count_nonzero([a <= series[-1] <= b for series, (a, b) in zip(y, intervals, strict=True)])
    # The probability is between coverage and coverage + 1 / (n + 1) without ties (Lei et al. 2018, theorem 2.2).
    assert binom.ppf(0.005, n_series, coverage) <= covered <= binom.ppf(0.995, n_series, coverage + 1 / 15)


class _Quartiles(SeasonalNaive):
    """Forecasts a constant, and quantiles that are too narrow."""

    def predict(self, horizon=None, **data):
        return [np.zeros(1) for _ in self.history_]

    def predict_quantiles(self, q, horizon=None, **data):
        return [np.array([[-0.1, 0.3]]) for _ in self.history_]


def test_calibration_sees_nothing_later_than_its_origins():
    y = np.arange(30.0)
    Spy.calls.clear()
    forecaster = ConformalForecaster(Spy(horizon=3), 0.8, n_calibration=5).fit(y, X=y, past_X=-y, static_X=[[1.0]])
    names = [name for name, _ in Spy.calls]
    assert names == ["fit", "predict", *["update", "predict"] * 4, "update"]
    fitted = Spy.calls[0][1]
    np.testing.assert_array_equal(fitted["y"], y[:23])
    np.testing.assert_array_equal(fitted["X"], y[:23])
    np.testing.assert_array_equal(fitted["past_X"], -y[:23])
    seen = 23
    for name, arguments in Spy.calls[1:]:
        if name == "update":
            for key, sign in (("y", 1), ("X", 1), ("past_X", -1)):
                np.testing.assert_array_equal(arguments[key], sign * y[seen : seen + len(arguments["y"])])
            seen += len(arguments["y"])
        else:
            np.testing.assert_array_equal(arguments["X"], y[seen : seen + 3])  # known in the future
    assert seen == 30
    np.testing.assert_array_equal(forecaster.predict(), [29, 29, 29])


def test_refit_fits_once_more_to_everything():
    y = walk(40)
    Spy.calls.clear()
    ConformalForecaster(Spy(), 0.8, refit=True).fit(y)
    fits = [arguments["y"] for name, arguments in Spy.calls if name == "fit"]
    assert [len(fitted) for fitted in fits] == [30, 40]


def test_forms_of_series():
    y, other = walk(60), walk(60, seed=1, scale=5)
    index = pd.date_range("2020-01-31", periods=60, freq="ME", tz="Europe/Berlin")
    forecaster = ConformalForecaster(SeasonalNaive(horizon=3), 0.8)
    expected = forecaster.fit(y).predict_interval()
    assert expected.shape == (3, 2)
    assert forecaster.predict_quantiles([0.1, 0.5, 0.9]).shape == (3, 3)

    series = forecaster.fit(pd.Series(y, index, name="y")).predict_interval()
    assert list(series.columns) == ["lower", "upper"]
    pd.testing.assert_index_equal(series.index, pd.date_range("2025-01-31", periods=3, freq="ME", tz="Europe/Berlin"))
    np.testing.assert_array_equal(series, expected)
    assert list(forecaster.predict_quantiles([0.1, 0.9]).columns) == [0.1, 0.9]

    frame = forecaster.fit(pl.Series("y", y)).predict_quantiles([0.1, 0.9])
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["0.1", "0.9"]
    np.testing.assert_array_equal(frame.to_numpy(), expected)

    both = np.stack([y, other], axis=1)
    matrix = forecaster.fit(both).predict_interval()
    assert matrix.shape == (3, 2, 2)
    wide = forecaster.fit(pd.DataFrame(both, index, columns=["a", "b"])).predict_interval()
    assert list(wide.columns) == [("a", "lower"), ("a", "upper"), ("b", "lower"), ("b", "upper")]
    np.testing.assert_array_equal(wide, matrix.reshape(3, 4))

    wide = forecaster.fit(pl.DataFrame({"a": y, "b": other})).predict_interval()
    assert wide.columns == ["a_lower", "a_upper", "b_lower", "b_upper"]
    np.testing.assert_array_equal(wide, matrix.reshape(3, 4))

    panel = forecaster.fit([y, other]).predict_interval()
    np.testing.assert_array_equal(np.stack(panel, axis=1), matrix)
    named = forecaster.fit({"a": y, "b": other}).predict_interval()
    np.testing.assert_array_equal(named["b"], panel[1])

    long = pd.DataFrame({"id": np.repeat(["b", "a"], 60), "ds": [*index, *index], "y": np.concatenate([other, y])})
    shuffled = long.sample(frac=1, random_state=0).sort_values("ds", kind="stable")
    columns = {"series_id": "id", "time": "ds", "target": "y"}
    for frame in (shuffled, pl.DataFrame(shuffled.assign(ds=shuffled["ds"].dt.tz_localize(None)).to_dict("list"))):
        rows = forecaster.fit(frame, **columns).predict_interval()
        assert list(rows.columns) == ["id", "ds", "lower", "upper"]
        of_a = rows.filter(pl.col("id") == "a") if isinstance(rows, pl.DataFrame) else rows[rows["id"] == "a"]
        np.testing.assert_array_equal(of_a[["lower", "upper"]].to_numpy(), panel[0])


def test_scores_of_a_panel():
    rng = np.random.default_rng(2)
    small, large = rng.normal(size=200), 100 * rng.normal(size=200)
    widths = {}
    for how in ("scaled", "pooled", "separate"):
        forecaster = ConformalForecaster(Zero(), 0.8, n_calibration=50, panel=how).fit([small, large])
        widths[how] = [float(interval[0, 1]) for interval in forecaster.predict_interval()]
    assert widths["pooled"][0] == widths["pooled"][1]
    alone = [ConformalForecaster(Zero(), 0.8, n_calibration=50).fit(y).predict_interval()[0, 1] for y in (small, large)]
    assert widths["separate"] == alone
    scales = [np.mean(np.abs(np.diff(y[:150]))) for y in (small, large)]
    pooled = np.sort(np.concatenate([np.abs(small[150:]) / scales[0], np.abs(large[150:]) / scales[1]]))
    np.testing.assert_allclose(widths["scaled"], pooled[80] * np.array(scales), rtol=1e-12, atol=0)  # ceil(101 * 0.8)


def test_series_of_other_data():
    forecaster = ConformalForecaster(SeasonalNaive(), 0.8, n_calibration=20).fit([walk(60), walk(60, seed=1)])
    new = walk(50, seed=2, scale=1000)
    (interval,) = forecaster.predict_interval(y=[new])
    assert interval.mean() == pytest.approx(new[-1], rel=1e-12, abs=0)
    expected = forecaster.predict_interval()[0]
    ratio = np.mean(np.abs(np.diff(new))) / forecaster.scale_[0]
    np.testing.assert_allclose(np.ptp(interval), ratio * np.ptp(expected), rtol=1e-10, atol=0)
    separate = clone(forecaster).set_params(panel="separate").fit([walk(60), walk(60, seed=1)])
    with pytest.raises(ValueError, match="intervals only for the 2 series of the fit, got 1"):
        separate.predict_interval(y=[new])


def test_missing_values_take_no_part():
    y = np.random.default_rng(3).normal(size=60)
    y[[45, 50]] = np.nan
    forecaster = ConformalForecaster(Zero(), 0.8, n_calibration=20).fit(y)
    errors = np.sort(np.abs(y[40:][~np.isnan(y[40:])]))
    assert len(errors) == 18
    assert forecaster.predict_interval()[0, 1] == errors[15]  # ceil(19 * 0.8) = 16
    with pytest.raises(ValueError, match=r"coverage=0.95 needs at least 19 errors .* the calibration has 18"):
        forecaster.predict_interval(0.95)


def test_missing_rows_are_steps():
    """A forecast two steps ahead is compared with the value two time steps later, not two rows later."""
    y = pd.Series(np.arange(40.0), pd.date_range("2020-01-01", periods=40, freq="D")).drop(
        pd.DatetimeIndex(["2020-02-05"])
    )
    forecaster = ConformalForecaster(SeasonalNaive(horizon=2), 0.5, n_calibration=6).fit(y)
    errors = forecaster.scores_[:, :, 0]
    # The origins are 1 to 4, 6 and 7 February.
    expected = np.array([[1, 1, 1, np.nan, 1, 1], [2, 2, np.nan, 2, 2, 2]])
    np.testing.assert_array_equal(errors, expected)


def test_quantiles_are_the_bounds_of_central_intervals():
    forecaster = ConformalForecaster(SeasonalNaive(horizon=2), 0.9).fit(walk(100))
    quantiles = forecaster.predict_quantiles([0.9, 0.05, np.nextafter(0.5, 0), 0.95, 0.1])
    np.testing.assert_array_equal(quantiles[:, [1, 3]], forecaster.predict_interval(0.9))
    np.testing.assert_array_equal(quantiles[:, [4, 0]], forecaster.predict_interval(0.8))
    np.testing.assert_array_equal(quantiles[:, 2], forecaster.predict())
    with pytest.raises(ValueError, match="levels between 0 and 1"):
        forecaster.predict_quantiles([5, 95])


def test_update_moves_on_without_other_intervals():
    y = walk(80)
    forecaster = ConformalForecaster(SeasonalNaive(horizon=2), 0.8).fit(y[:70])
    width = np.ptp(forecaster.predict_interval(), axis=1)
    forecaster.update(y[70:])
    np.testing.assert_allclose(forecaster.predict(), [y[-1], y[-1]], rtol=0, atol=0)
    np.testing.assert_allclose(np.ptp(forecaster.predict_interval(), axis=1), width, rtol=1e-12, atol=0)


def reference_aci(errors, calibration, coverage, gamma):
    """Return the level of adaptive conformal inference after errors one step ahead, one after the other."""
    alpha, scores = 1 - coverage, list(calibration)
    for error in errors:
        rank = int(np.ceil((len(scores) + 1) * (1 - alpha) - 1e-9))
        width = np.inf if rank > len(scores) else sorted(scores)[max(rank, 1) - 1]
        alpha += gamma * (1 - coverage - (error > width))
        scores = [*scores[1:], error]
    return alpha


@pytest.mark.parametrize("rows", [1, 7, 60])
def test_aci_against_a_plain_loop(rows):
    y = walk(160)
    y[100:] *= 3
    forecaster = ConformalForecaster(SeasonalNaive(), 0.9, method="aci", gamma=0.05, n_calibration=30).fit(y[:100])
    for start in range(100, 160, rows):
        forecaster.update(y[start : start + rows])
    errors = np.abs(np.diff(y))
    alpha = reference_aci(errors[99:], errors[69:99], 0.9, 0.05)
    np.testing.assert_allclose(forecaster.alpha_, [[alpha]], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(np.sort(forecaster.scores_[0, :, 0]), np.sort(errors[-30:]))


def test_aci_several_steps_ahead_against_a_plain_loop():
    y = walk(140)
    horizon, gamma = 3, 0.05
    forecaster = ConformalForecaster(SeasonalNaive(horizon), 0.8, method="aci", gamma=gamma, n_calibration=30).fit(
        y[:100]
    )
    forecaster.update(y[100:120]).update(y[120:133])
    for step in range(1, horizon + 1):
        scores = [abs(y[t + step] - y[t]) for t in range(67, 97)]
        alpha, widths = 0.2, {}
        for now in range(100, 133):
            origin = now - 1
            rank = int(np.ceil(31 * (1 - alpha) - 1e-9))
            widths[origin] = np.inf if rank > 30 else sorted(scores)[rank - 1]
            if now - step in widths:  # the interval that was made so many steps before
                error = abs(y[now] - y[now - step])
                alpha += gamma * (0.2 - (error > widths[now - step]))
                scores = [*scores[1:], error]
        assert forecaster.alpha_[step - 1, 0] == pytest.approx(alpha, rel=0, abs=1e-12)
        np.testing.assert_array_equal(forecaster.scores_[step - 1, :, 0], scores)


def test_aci_has_a_level_for_each_step_and_needs_the_covariates_of_a_step():
    y = np.concatenate([walk(60), walk(20, scale=30)])
    forecaster = ConformalForecaster(Spy(horizon=3), 0.8, method="aci", n_calibration=10)
    forecaster.fit(y[:60], X=y[:60])
    Spy.calls.clear()
    for t in range(60, 80):
        forecaster.update(y[t : t + 1], y[t : t + 1])
    np.testing.assert_array_equal(forecaster.alpha_[1:], 1 - 0.8)  # X of one step only is known
    assert abs(forecaster.alpha_[0] - 0.2) > 0.001
    assert max(arguments["horizon"] for name, arguments in Spy.calls if name == "predict") == 1
    forecaster.fit(y[:60], X=y[:60])
    Spy.calls.clear()
    for t in range(60, 77):
        forecaster.update(y[t : t + 1], y[t : t + 3])
    assert (abs(forecaster.alpha_ - 0.2) > 0.001).all()
    assert {len(arguments["X"]) for name, arguments in Spy.calls if name == "update"} == {1}


def test_aci_covers_while_the_distribution_drifts():
    rng = np.random.default_rng(4)
    y = rng.normal(size=400) * np.linspace(1, 12, 400)
    shares = {}
    for method in ("split", "aci"):
        forecaster = ConformalForecaster(Zero(), 0.8, method=method, gamma=0.05, n_calibration=60).fit(y[:100])
        covered = []
        for t in range(100, 400):
            ((lower, upper),) = forecaster.predict_interval()
            covered.append(lower <= y[t] <= upper)
            forecaster.update(y[t : t + 1])
        shares[method] = np.mean(covered)
    assert shares["split"] < 0.5
    # Gibbs and Candès 2021, proposition 4.1: the share misses by (max(alpha, 1 - alpha) + gamma) / (T gamma) at most.
    assert abs(shares["aci"] - 0.8) <= (0.8 + 0.05) / (300 * 0.05)


def test_aci_of_a_panel_in_which_a_series_has_ended():
    forecaster = ConformalForecaster(SeasonalNaive(), 0.8, method="aci", n_calibration=10)
    forecaster.fit([walk(40), walk(30, seed=1)])
    before = forecaster.scores_.copy()
    forecaster.update([walk(43)[40:], np.empty(0)])
    assert forecaster.alpha_[0, 0] != pytest.approx(0.2, rel=0, abs=1e-9)
    assert forecaster.alpha_[0, 1] == pytest.approx(0.2, rel=0, abs=1e-12)
    np.testing.assert_array_equal(forecaster.scores_[0, :, 1], before[0, :, 1])
    np.testing.assert_array_equal(forecaster.scores_[0, :-3, 0], before[0, 3:, 0])


def test_aci_has_infinite_bounds_and_one_coverage():
    forecaster = ConformalForecaster(SeasonalNaive(), 0.8, method="aci", gamma=0.3, n_calibration=10).fit(walk(40))
    forecaster.update(np.array([1e3]))
    np.testing.assert_array_equal(forecaster.predict_interval(), [[-np.inf, np.inf]])
    with pytest.raises(ValueError, match=r"adapted to coverage=0.8, so that it has no interval of 0.9"):
        forecaster.predict_interval(0.9)
    with pytest.raises(ValueError, match="y must be the 1 series of the fit, got 2"):
        forecaster.predict_interval(y=[walk(20), walk(20)])


def test_updates_must_be_later():
    y = pd.Series(walk(40), pd.date_range("2020-01-01", periods=40, freq="D"))
    forecaster = ConformalForecaster(SeasonalNaive(), 0.8, method="aci").fit(y)
    with pytest.raises(ValueError, match=r"series 0 must be later than those before, but start 1 steps too early"):
        forecaster.update(y[-1:])


@pytest.mark.parametrize(
    ("parameters", "length", "message"),
    [
        ({"n_calibration": 8}, 40, r"coverage=0.9 needs at least 9 errors .* has 8; set n_calibration=9"),
        ({"n_calibration": 40}, 40, r"= 40 \+ 1 - 1 = 40 rows of each series and leaves nothing to fit"),
        ({}, 9, r"the shortest has 9; it needs at least 9 errors"),
        ({"method": "jackknife"}, 40, "'method' parameter"),
        ({"coverage": 90}, 40, "'coverage' parameter"),
    ],
)
def test_errors_of_fit(parameters, length, message):
    with pytest.raises(ValueError, match=message):
        ConformalForecaster(SeasonalNaive(), **parameters).fit(walk(length))


def test_few_origins_suffice_for_many_series():
    forecaster = ConformalForecaster(SeasonalNaive(), 0.9).fit([walk(12, seed=i) for i in range(9)])
    assert forecaster.scores_.shape == (1, 3, 9)
    with pytest.raises(ValueError, match=r'set n_calibration=9 .* or use panel="scaled"'):
        ConformalForecaster(SeasonalNaive(), panel="separate", n_calibration=3).fit([walk(30), walk(30)])


def test_errors_of_intervals():
    forecaster = ConformalForecaster(SeasonalNaive(horizon=2), 0.8, n_calibration=10).fit(walk(50))
    with pytest.raises(ValueError, match="horizon=3 is more than the 2 steps that were calibrated"):
        forecaster.predict_interval(horizon=3)
    with pytest.raises(ValueError, match=r"coverage must be between 0 and 1, such as 0.9, got 95"):
        forecaster.predict_interval(95)
    with pytest.raises(TypeError, match="is no forecaster"):
        ConformalForecaster("naive").fit(walk(50))
    y = walk(50)
    y[-8] = np.nan
    with pytest.raises(ValueError, match=r"SeasonalNaive\(\) has forecast NaN"):
        ConformalForecaster(SeasonalNaive()).fit(y)


def test_scikit_learn_conventions():
    forecaster = ConformalForecaster(SeasonalNaive(horizon=2), 0.8, n_calibration=10)
    copy = clone(forecaster).set_params(forecaster__horizon=1)
    assert (copy.horizon, forecaster.horizon) == (1, 2)
    forecaster.fit(walk(50))
    assert not hasattr(forecaster, "alpha_")
    restored = pickle.loads(pickle.dumps(forecaster))
    np.testing.assert_array_equal(restored.predict_interval(), forecaster.predict_interval())
