from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from numbarnn.forecasting import RNNForecaster, check_forecaster
from numbarnn.forecasting.encoding import Covariates, Encoding, fill
from numbarnn.forecasting.unrolled import UnrolledEncoding

STEPS = np.arange(84)
Y = 10 + np.sin(2 * np.pi * STEPS / 12) + 0.02 * STEPS + 0.1 * np.random.default_rng(0).normal(size=84)
X = np.random.default_rng(1).normal(size=(84, 2))


def tiny(horizon=3, **parameters):
    defaults = {"hidden_layer_sizes": 4, "max_iter": 2, "n_estimators": 1, "random_state": 0}
    return RNNForecaster(horizon, **(defaults | parameters))


def test_it_keeps_the_contracts_of_a_forecaster_and_of_scikit_learn():
    forecaster = tiny(seasonal_periods=12)
    check_forecaster(forecaster)
    assert clone(forecaster).get_params() == forecaster.get_params()
    with pytest.raises(NotFittedError):
        forecaster.predict()
    forecaster.fit(Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(forecaster)).predict(), forecaster.predict())
    np.testing.assert_array_equal(clone(forecaster).fit(Y).predict(), forecaster.predict())


def test_a_season_with_a_trend_is_learned():
    forecast = RNNForecaster(12, seasonal_periods=12, n_estimators=1, random_state=0).fit(Y[:72])
    errors = np.abs(forecast.predict() - Y[72:])
    naive = np.abs(Y[60:72] - Y[72:])
    assert errors.mean() < 0.7 * naive.mean()
    interval = forecast.predict_interval(0.9)
    assert np.mean((interval[:, 0] <= Y[72:]) & (Y[72:] <= interval[:, 1])) >= 0.5


@pytest.mark.parametrize(
    "parameters",
    [
        {"seasonal_periods": 12},
        {"differencing": 1},
        {"differencing": 12, "scaler": "mean", "input_window": 5},
        {"differencing": None, "scaler": "standard", "transform": "boxcox"},
        {"strategy": "recursive", "learn_initial_state": True},
        {"look_back": 6, "hidden_layer_sizes": (4, 3)},
        {"loss": "student_t", "early_stopping": True},
        {"loss": "gaussian", "n_estimators": 2},
    ],
    ids=lambda parameters: " ".join(map(str, parameters.values())),
)
def test_updates_equal_a_fresh_pass_to_the_bit(parameters):
    """The scaling is that of the fit, so the fresh pass is made with the scale of the fit."""
    y = Y.copy()
    y[[20, 50, 72, 75]] = np.nan
    forecaster = tiny(5, **parameters).fit(y[:70])
    fresh = clone(forecaster).fit(y[:70])
    data_scale = fresh._fitted.memory.tails[0]
    recipe, network = fresh._fitted.recipe, fresh._fitted.trained.network(1)

    one_by_one = forecaster
    for value in y[70:80]:
        one_by_one.update([value])
    fresh.update(y[70:80])
    np.testing.assert_array_equal(one_by_one.predict(), fresh.predict())
    if "loss" not in parameters or parameters["loss"] != "squared_error":
        np.testing.assert_array_equal(
            one_by_one.predict_quantiles([0.1, 0.9], 7), fresh.predict_quantiles([0.1, 0.9], 7)
        )

    from numbarnn.forecasting.forecaster import Memory
    from numbarnn.forecasting.panel import read_panel
    from numbarnn.forecasting.recipe import Data

    (tail,) = recipe.tails(Data(read_panel(y[:80]), None, None, None))
    static = data_scale.covariates.static
    tail = replace(
        tail, fixed=data_scale.fixed, scale=data_scale.scale, covariates=tail.covariates._replace(static=static)
    )
    look_back = parameters.get("look_back")
    fresh._fitted = fresh._fitted._replace(
        memory=Memory.start(recipe.encoding, (tail,), network, look_back, 1).settled(network)
    )
    np.testing.assert_array_equal(one_by_one.predict(), fresh.predict())


def test_the_memory_stays_small_and_long_series_are_read_in_parts(monkeypatch):
    forecaster = tiny(seasonal_periods=12).fit(Y)
    whole = forecaster.predict(y=np.tile(Y, 20))
    monkeypatch.setattr("numbarnn.forecasting.memory._CHUNK", 50)
    np.testing.assert_array_equal(forecaster.predict(y=np.tile(Y, 20)), whole)
    forecaster.update(np.tile(Y, 20))
    assert len(forecaster._fitted.memory.tails[0].filled) < 100
    assert len(forecaster._fitted.panel.series[0]) == 1


def test_a_forecast_depends_on_its_own_series_only():
    forecaster = tiny(seasonal_periods=12).fit([Y, 2 * Y[:60], Y[:30]])
    together = forecaster.predict(y=[Y, Y[:40], 3 * Y[:20]])
    for y, forecast in zip([Y, Y[:40], 3 * Y[:20]], together, strict=True):
        np.testing.assert_array_equal(forecaster.predict(y=y), forecast)


def test_the_scale_of_a_new_series_makes_no_difference_after_one_series():
    forecaster = tiny(transform=None).fit(Y)
    np.testing.assert_allclose(forecaster.predict(y=10 * Y), 10 * forecaster.predict(y=Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("loss", ["quantile", "gaussian", "negative_binomial"])
def test_quantiles_rise_and_samples_follow_them(loss):
    y = np.random.default_rng(0).poisson(20, size=60).astype(float)
    forecaster = tiny(4, loss=loss, max_iter=150, learning_rate_init=0.02).fit(y)
    quantiles = forecaster.predict_quantiles([0.1, 0.5, 0.9], 6)
    assert quantiles.shape == (6, 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    samples = forecaster.sample(1000, 6, random_state=0)
    assert samples.shape == (1000, 6)
    np.testing.assert_allclose(np.quantile(samples, [0.1, 0.9], axis=0).T, quantiles[:, [0, 2]], rtol=0.15, atol=1)
    if loss == "negative_binomial":
        assert (samples == samples.round()).all()
    interval = forecaster.predict_interval(0.8, 4)
    np.testing.assert_allclose(interval, forecaster.predict_quantiles([0.1, 0.9], 4), rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_point_loss_has_no_quantiles(loss):
    forecaster = tiny(loss=loss).fit(Y)
    assert np.isfinite(forecaster.predict(5)).all()
    assert not hasattr(forecaster, "predict_interval")
    with pytest.raises(AttributeError):
        forecaster.predict_quantiles([0.5])


def test_covariates_that_are_known_reach_the_network():
    y = Y[:80] + np.append(0, 3 * X[1:80, 0])
    forecaster = tiny(2, max_iter=200, learning_rate_init=0.02, transform=None).fit(y, X[:80, :1])
    low, high = (forecaster.predict(X=[[0.0], [value]])[1] for value in (-1, 1))
    assert high - low > 3
    same = forecaster.predict(y=y, X=np.append(X[:80, :1], [[0.0], [1.0]], axis=0))[1]
    assert same == high
    forecaster.fit(y, np.append(X[:80, :1], [[0.0], [1.0]], axis=0))
    assert forecaster.predict()[1] == high


def test_an_update_with_covariates_equals_a_fresh_pass():
    forecaster = tiny(4).fit(Y[:60], X[:60], past_X=X[:60])
    for start in (60, 61, 65):
        stop = {60: 61, 61: 65, 65: 70}[start]
        forecaster.update(Y[start:stop], X[start:stop], past_X=X[start:stop])
    at_once = tiny(4).fit(Y[:60], X[:60], past_X=X[:60]).update(Y[60:70], X[60:74], past_X=X[60:70])
    np.testing.assert_array_equal(forecaster.predict(X=X[70:74]), at_once.predict())


def test_a_shorter_forecast_needs_no_later_covariates():
    forecaster = tiny(4).fit(Y[:60], X[:60])
    short = forecaster.predict(2, X=X[60:62])
    np.testing.assert_array_equal(forecaster.predict(2, y=Y[:60], X=X[:64]), short)
    assert (forecaster.predict(4, X=X[60:64])[:2] != short).all()
    longer = forecaster.predict(6, X=X[60:66])
    np.testing.assert_array_equal(longer[:4], forecaster.predict(4, X=X[60:64]))
    samples = forecaster.sample(200, 6, X=X[60:66], random_state=0)
    quantiles = forecaster.predict_quantiles([0.05, 0.95], 6, X=X[60:66])
    assert ((quantiles[:, 0] < np.median(samples, axis=0)) & (np.median(samples, axis=0) < quantiles[:, 1])).all()


def test_categories_get_vectors():
    static = np.array([["north", 1.0], ["south", 2.0], ["north", 3.0]], dtype=object)
    forecaster = tiny(2).fit([Y, Y + 1, Y + 2], static_X=static)
    assert "embedding.tables.0" in forecaster.network_.views(forecaster.thetas_[0])
    north, south = (forecaster.predict(y=Y, static_X=[[name, 1.0]]) for name in ("north", "south"))
    assert (north != south).all()
    with pytest.raises(ValueError, match=r"unknown category.*'east'"):
        forecaster.predict(y=Y, static_X=[["east", 1.0]])


def test_several_variables_are_forecast_jointly():
    y = np.stack([Y, Y[::-1]], axis=1)
    forecaster = tiny(3).fit(y)
    assert forecaster.predict().shape == (3, 2)
    assert forecaster.predict_quantiles([0.1, 0.9], 5).shape == (5, 2, 2)
    assert forecaster.sample(7, 5, random_state=0).shape == (7, 5, 2)
    changed = y.copy()
    changed[-3:, 1] += 0.1
    assert (forecaster.predict(y=changed)[:, 0] != forecaster.predict(y=y)[:, 0]).all()


def test_missing_values_take_no_part():
    missing, other = Y.copy(), Y.copy()
    missing[[0, 30, 83]] = np.nan
    forecaster = tiny(seasonal_periods=12).fit(missing)
    assert np.isfinite(forecaster.predict()).all()
    other[30] = 1000.0
    assert (forecaster.predict(y=other) != forecaster.predict(y=missing)).any()


def test_early_stopping_holds_out_the_end():
    y = np.append(Y[:60], np.full(12, 50.0))
    held_out = tiny(2, early_stopping=True, validation_fraction=12 / 72, transform=None, max_iter=30).fit(y)
    other = np.append(Y[:60], np.full(12, 90.0))
    again = tiny(2, early_stopping=True, validation_fraction=12 / 72, transform=None, max_iter=30).fit(other)
    # The end decides when to stop, and the scale of the series holds it; no gradient sees it as a target.
    assert len(held_out.validation_scores_) == held_out.n_iter_
    assert held_out.validation_scores_ != again.validation_scores_
    own = tiny(2, max_iter=30).fit(Y[:60], validation_data=Y)
    assert len(own.validation_scores_) == own.n_iter_


@pytest.mark.parametrize(
    ("y", "parameters"),
    [
        (np.ones(30), {}),
        (np.zeros(30), {"seasonal_periods": 12}),
        (Y[:8], {"seasonal_periods": 12}),
        ([1.0, 2.0], {}),
        (Y[:20], {"look_back": 50, "input_window": 40}),
        (np.append(np.full(40, np.nan), Y[:20]), {"seasonal_periods": 12}),
        (-Y, {}),
    ],
    ids=["constant", "zero", "less than a season", "two values", "less than look_back", "starts late", "negative"],
)
def test_unusual_series_have_forecasts(y, parameters):
    forecast = tiny(**parameters).fit(y).predict(5)
    assert np.isfinite(forecast).all()
    level = np.nanmean(np.asarray(y))
    assert (np.abs(forecast - level) <= 10 * (1 + np.abs(level))).all()


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({"transform": "log"}, np.append(Y, 0), "transform='log' needs positive values, got 0 in y at step 84"),
        ({}, [1.0], "y is too short"),
        ({}, [Y, np.full(5, np.nan)], r"y\[1\] holds no observed value: all 5 are missing"),
        ({"calendar_features": "month"}, Y, "needs a series with dates"),
        ({"calendar_features": "weekday"}, Y, "calendar_features must be of"),
        ({"quantiles": [0.1, 0.9]}, Y, "must hold 0.5"),
        ({"loss": "poisson", "transform": "log"}, Y, "transform must be None or 'auto'"),
        ({"horizon": 0}, Y, "'horizon' parameter"),
    ],
)
def test_bad_input_of_fit_is_named(parameters, y, message):
    with pytest.raises(ValueError, match=message):
        tiny(**parameters).fit(y)


def test_bad_input_after_a_fit_is_named_and_changes_nothing():
    forecaster = tiny(3).fit(Y, X)
    before = forecaster.predict(X=X[:3])
    for arguments, message in [
        ({"X": X[:2]}, "X must have 3 rows"),
        ({"X": X[:3, :1]}, "X must have 2 columns as in fit, got 1"),
        ({}, "X must hold the covariates of the 3 steps that follow y, got 0"),
        ({"X": np.full((3, 2), np.nan)}, "X contains NaN"),
        ({"y": Y}, "X must be given"),
        ({"y": np.ones((9, 2)), "X": np.ones((12, 2))}, "y must have 1 variables as in fit, got 2"),
        ({"horizon": 2.5, "X": X[:3]}, "horizon must be a positive integer"),
    ]:
        with pytest.raises(ValueError, match=message):
            forecaster.predict(**arguments)
    with pytest.raises(ValueError, match="X must hold the covariates of the 1 steps"):
        forecaster.update([1.0])
    with pytest.raises(ValueError, match="q must hold levels between 0 and 1"):
        forecaster.predict_quantiles([0.0], X=X[:3])
    with pytest.raises(ValueError, match="needs both time= and target="):
        forecaster.fit(Y, time="ds")
    np.testing.assert_array_equal(forecaster.predict(X=X[:3]), before)
    with pytest.raises(ValueError, match="past_X is not known in the future"):
        tiny(3).fit(Y, past_X=X).predict(4)


def test_dates_align_covariates_and_observations():
    pd = pytest.importorskip("pandas")
    months = pd.date_range("2015-01-31", periods=90, freq="ME")
    y, covariates = pd.Series(Y, months[:84], name="sales"), pd.DataFrame({"p": np.arange(90.0), "q": 1.0}, months)
    forecaster = tiny(seasonal_periods=12).fit(y, covariates[:84])
    assert forecaster.calendar_features_ == ("month",)
    forecast = forecaster.predict(X=covariates)
    assert forecast.index.equals(months[84:87])
    assert forecast.equals(forecaster.predict(X=covariates[["q", "p"]][84:87]))
    with pytest.raises(ValueError, match="X has no row for 2022-03-31"):
        forecaster.predict(X=covariates[:86])
    with pytest.raises(ValueError, match=r"columns \['p', 'q'\] as in fit, got \['z', 'q'\]"):
        forecaster.predict(X=covariates.rename(columns={"p": "z"}))
    forecaster.update(pd.Series([11.0, 12.0], months[[85, 86]]), covariates)  # a month is missing
    assert forecaster.predict(2, X=covariates).index.equals(months[87:89])
    with pytest.raises(ValueError, match="must follow y, which ends at 2022-03-31"):
        forecaster.update(y[-2:], covariates)


def test_series_of_a_panel_are_updated_by_name():
    forecaster = tiny().fit({"u": Y, "v": Y[:50]})
    before = forecaster.predict()
    after = forecaster.update({"v": Y[50:55]}).predict()
    np.testing.assert_array_equal(after["u"], before["u"])
    assert (after["v"] != before["v"]).all()
    with pytest.raises(ValueError, match="series 'w', which fit has not seen"):
        forecaster.update({"w": [1.0]})


@pytest.mark.parametrize("period", [0, 1, 4])
@pytest.mark.parametrize("smooth", [False, True])
def test_targets_and_bases_are_their_definitions(period, smooth):
    encoding = Encoding(horizon=6, window=3, period=period, smooth=smooth and period > 1, level="last", counts=False)
    x = np.random.default_rng(0).normal(size=(30, 1))
    targets = encoding.targets(fill(x, period), np.zeros(1), np.full(1, 2.0))
    t = 25
    for k in range(1, 7):
        base = x[t, 0] if not period else x[t + k - period * -(-k // period), 0]
        if encoding.smooth:
            seasons = [x[t - 4 * j - 3 : t - 4 * j + 1, 0] for j in range(5)]
            weights = 0.7 ** np.arange(5)
            deviations = [season[(k - 1) % 4] - season.mean() for season in seasons]
            base = seasons[0].mean() + weights @ deviations / weights.sum()
        wanted = (x[t + k, 0] - base) / 2 if t + k < 30 else np.nan
        np.testing.assert_allclose(targets[t, k - 1], wanted, rtol=1e-12, atol=1e-12)


def test_unrolled_inputs_hold_nothing_of_the_future_but_covariates():
    options = {"horizon": 4, "window": 3, "period": 3, "smooth": True, "level": "last", "counts": False}
    encoding = UnrolledEncoding(**options, seasons=(3,), look_back=5)
    rng = np.random.default_rng(0)
    x, known, past = rng.normal(size=(40, 1)), rng.normal(size=(44, 2)), rng.normal(size=(40, 1))
    given = np.zeros(1), np.full(1, 2.0)

    def sequence(x, known, past, origin):
        covariates = Covariates(np.empty((45, 0)), known, past, np.empty(0))
        return encoding.sequences(fill(x, 3), covariates, *given, np.array([origin]), 5)[0]

    origin = 30
    rows = sequence(x, known, past, origin)
    level = x[28:31].mean()
    assert rows.shape == (9, 1 + 1 + 1 + 2 * 2 + 1 + 1)
    np.testing.assert_allclose(rows[:5, 0], (x[26:31, 0] - level) / 2, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rows[:, 1], (x[20:29, 0] - level) / 2, rtol=1e-12, atol=1e-12)  # two seasons before
    np.testing.assert_array_equal(rows[:, 2], [0, 0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(rows[:, 3:5], known[26:35])
    np.testing.assert_array_equal(rows[:, 7], np.append(past[26:31, 0], np.zeros(4)))
    np.testing.assert_allclose(rows[:, 8], [0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1], rtol=1e-12, atol=0)
    later_x, later_past, later_known = x.copy(), past.copy(), known.copy()
    later_x[31:], later_past[31:], later_known[35:] = 9, 9, 9
    np.testing.assert_array_equal(sequence(later_x, later_known, later_past, origin), rows)
    targets, steps = encoding.sequence_targets(fill(x, 3), *given, np.array([origin]), 5)
    assert np.isnan(targets[0, :5]).all()
    np.testing.assert_allclose(targets[0, 5:, 0], (x[31:35, 0] - level) / 2, rtol=1e-12, atol=1e-12)
    assert steps[0, 5:].tolist() == [31, 32, 33, 34]
    # A forecast reads the same rows as training does.
    covariates = Covariates(np.empty((36, 0)), known[:35], past[:31], np.empty(0))
    np.testing.assert_array_equal(encoding.rows(fill(x[:31], 3), covariates, *given, 26), rows)


def test_the_automatic_logarithm_is_one_of_positive_series():
    y = np.maximum(np.sin(2 * np.pi * STEPS / 12), 0)
    forecaster = tiny(12, seasonal_periods=12, max_iter=100).fit([y, 1 + y, -y])
    assert [tail.choice[0] for tail in forecaster._fitted.memory.tails] == [0, 0.5, 0]
    for forecast, wanted in zip(forecaster.predict(), [y[:12], 1 + y[:12], -y[:12]], strict=True):
        np.testing.assert_allclose(forecast, wanted, rtol=0, atol=0.3)
    at_zero, small = (copy.deepcopy(forecaster).update([[0.0], [value], [0.0]]).predict()[1] for value in (0.0, 0.5))
    np.testing.assert_array_equal(at_zero, small)
    with pytest.raises(ValueError, match=r"needs positive values, got -1 in y\[1\] at step 0"):
        forecaster.update([[0.0], [-1.0], [0.0]])
    with pytest.raises(ValueError, match=r"needs positive values, got 0 in y at step 84"):
        tiny(transform="log").fit(np.append(1 + y, 0))


def test_a_fit_that_is_interrupted_before_its_first_epoch_is_usable(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("numbarnn.optim.adam.Adam.minimize", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        forecaster = tiny().fit(Y)
    assert forecaster.loss_curve_ == []
    assert np.isfinite(forecaster.predict()).all()
