"""Derivatives of fitted estimators: the forms of X, the choice of the output, finite differences, errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import BayesianRidge

from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.data import Sequences
from numbarnn.estimators.laplace import laplace
from numbarnn.layers import Dense, Model, Pooling, Stack
from numbarnn.optim import BatchProblem, Examples, Objective
from tests.estimators.problems import ONE_WAY, labels, numbers, objects, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(12)
LENGTHS = np.array([len(x) for x in X])
NAMES = np.array(["falls", "rises"])[labels(X)]
QUICK = {"hidden_layer_sizes": 3, "cell": "lstm", "learning_rate_init": 0.05, "max_iter": 5, "random_state": 0}
STEP = 1e-6


@pytest.fixture(scope="module")
def classifier():
    return RNNClassifier(**QUICK, **ONE_WAY).fit(X, NAMES)


@pytest.fixture(scope="module")
def regressor():
    return RNNRegressor(**QUICK).fit(X, np.column_stack([numbers(X), -numbers(X), numbers(X) ** 2]))


@pytest.fixture(scope="module")
def tagger():
    """One class a step."""
    return RNNClassifier(**QUICK, return_sequences=True).fit(X, [(x[:, 0] > 0).astype(int) for x in X])


def slopes(function, items):
    """Central differences of each sequence's own number by its inputs, one list item for each sequence."""
    result = [np.empty_like(item) for item in items]
    for n, item in enumerate(items):
        for i in np.ndindex(item.shape):
            ends = []
            for sign in (1, -1):
                moved = item.copy()
                moved[i] += sign * STEP
                ends.append(function(moved, n))
            result[n][i] = (ends[0] - ends[1]) / (2 * STEP)
    return result


def assert_all_close(actual, expected, rtol=1e-6, atol=1e-8):
    assert [array.shape for array in actual] == [array.shape for array in expected]
    for a, e in zip(actual, expected, strict=True):
        assert_allclose(a, e, rtol=rtol, atol=atol)


def test_gradient_of_a_probability(classifier):
    gradient = classifier.input_gradient(X, "rises", activated=True)
    assert_all_close(gradient, slopes(lambda x, _: classifier.predict_proba([x])[0, 1], X))


def test_gradient_of_a_score_is_that_of_the_logarithmic_odds(classifier):
    rises, falls = (classifier.input_gradient(X, name) for name in ("rises", "falls"))
    by_odds = slopes(lambda x, _: np.diff(classifier.predict_log_proba([x])).item(), X)
    assert_all_close([r - f for r, f in zip(rises, falls, strict=True)], by_odds)


def test_no_output_is_the_predicted_class(classifier):
    gradient = classifier.input_gradient(X)
    assert_all_close(gradient, classifier.input_gradient(X, classifier.predict(X)), rtol=0, atol=0)
    assert len(set(classifier.predict(X))) == 2


def test_gradient_of_a_regressors_output(regressor):
    gradient = regressor.input_gradient(X, 2)
    assert_all_close(gradient, slopes(lambda x, _: regressor.predict([x])[0, 2], X))
    assert_all_close(regressor.input_gradient(X, 2, activated=True), gradient, rtol=0, atol=0)


def test_gradient_of_a_label_among_several():
    several = RNNClassifier(**QUICK).fit(X, np.column_stack([labels(X), 1 - labels(X), labels(X[::-1])]))
    gradient = several.input_gradient(X, 2, activated=True)
    assert_all_close(gradient, slopes(lambda x, _: several.predict_proba([x])[0, 2], X))
    with pytest.raises(ValueError, match="output must name one of the 3 outputs"):
        several.input_gradient(X)


def test_gradient_of_one_step_or_of_all(tagger):
    for step in (1, -1):
        gradient = tagger.input_gradient(X, 1, step=step, activated=True)
        assert_all_close(gradient, slopes(lambda x, _, t=step: tagger.predict_proba([x])[0][t, 1], X))
    assert all(np.all(g[2:] == 0) for g in tagger.input_gradient(X, 1, step=1))
    summed = tagger.input_gradient(X, 1, activated=True)
    assert_all_close(summed, slopes(lambda x, _: tagger.predict_proba([x])[0][:, 1].sum(), X))
    assert [g.shape for g in tagger.input_gradient(X)] == [x.shape for x in X]


def test_gradients_have_the_form_of_the_sequences(classifier):
    cube = np.random.default_rng(0).standard_normal((4, 5, 2))
    gradient = classifier.input_gradient(cube)
    assert gradient.shape == cube.shape
    items = classifier.input_gradient(objects(list(cube)))
    assert items.dtype == object
    assert_all_close(list(items), list(gradient), rtol=0, atol=0)
    flat = RNNRegressor(**QUICK).fit(cube[..., 0], cube[:, 0, 0])
    assert flat.input_gradient(cube[..., 0]).shape == (4, 5)
    assert_array_equal(flat.input_gradient(list(cube[..., 0])), flat.input_gradient(cube[..., 0]))


def test_a_sequence_has_its_gradient_alone_or_in_company(classifier):
    together = classifier.input_gradient(X, "rises")
    for x, expected in zip(X, together, strict=True):
        assert_array_equal(classifier.input_gradient([x], "rises")[0], expected)


def batch_gradient(estimator, targets, weights):
    """Return the gradient over one batch of all sequences, without a penalty."""
    examples = Examples(Sequences(np.concatenate(X), LENGTHS), targets, weights).normalized()[0]
    objective = Objective(estimator.network_, estimator._head.loss)
    return BatchProblem(objective, examples.batch(np.arange(12))).value_and_gradient(estimator.theta_)[1]


def test_parameter_gradients(classifier):
    weights = np.random.default_rng(0).uniform(size=12)
    mean = np.average(classifier.parameter_gradients(X, NAMES), axis=0, weights=weights)
    assert_allclose(mean, batch_gradient(classifier, labels(X), weights), rtol=1e-12, atol=1e-14)


def test_parameter_gradients_of_steps(tagger):
    y = [(x[:, 0] > 0).astype(int) for x in X]
    mean = np.average(tagger.parameter_gradients(X, y), axis=0, weights=LENGTHS)
    expected = batch_gradient(tagger, Sequences(np.concatenate(y), LENGTHS), None)
    assert_allclose(mean, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_gauss_newton(tagger):
    """The matrix of the objective of `fit`, with the weights of classes and sequences."""
    weights = np.random.default_rng(0).uniform(size=12)
    weighted = RNNClassifier(**QUICK, **ONE_WAY, class_weight={"falls": 3.0, "rises": 0.5}, alpha=0.1).fit(X, NAMES)
    own = weights * np.where(NAMES == "falls", 3.0, 0.5)
    y = [(x[:, 0] > 0).astype(int) for x in X]
    steps = Sequences(np.concatenate(y), LENGTHS)
    for estimator, given, targets, of_rows in (
        (weighted, (NAMES, weights), labels(X), own),
        (tagger, (y,), steps, None),
    ):
        examples = Examples(Sequences(np.concatenate(X), LENGTHS), targets, of_rows)
        examples, mean_weight = examples.normalized()
        objective = Objective(estimator.network_, estimator._head.loss, estimator.alpha, mean_weight)
        problem = BatchProblem(objective, examples.batch(np.arange(12)))
        v = np.random.default_rng(1).standard_normal(estimator.theta_.size)
        product = estimator.gauss_newton(X, *given) @ v
        assert_allclose(product, problem.gauss_newton(estimator.theta_) @ v, rtol=1e-10, atol=1e-14)


LINEAR = Model(Stack((("mean", Pooling("mean", 3)), ("readout", Dense(3, 1)))))


def linear_theta(coefficients):
    theta = np.empty(4)
    views = LINEAR.views(theta)
    views["readout.W"][:, 0], views["readout.b"][:] = coefficients[:3], coefficients[3]
    return theta


def features_of(n=40):
    """Rows of means of sequences and one, and targets of them."""
    rng = np.random.default_rng(0)
    sequences = Sequences(rng.standard_normal((5 * n, 3)), np.full(n, 5))
    means = sequences.values.reshape(n, 5, 3).mean(axis=1)
    return sequences, np.column_stack([means, np.ones(n)]), means @ [1.0, -2.0, 0.5] + 0.3 * rng.standard_normal(n)


def test_laplace_of_a_linear_network_is_bayesian_ridge():
    """The noise too, whose estimate BayesianRidge has at convergence."""
    sequences, features, y = features_of()
    ridge = BayesianRidge(fit_intercept=False, tol=1e-12, max_iter=5000, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0)
    ridge.fit(features, y)
    examples, precision = Examples(sequences, y[:, np.newaxis]), ridge.lambda_ / ridge.alpha_
    approximation = laplace(LINEAR, linear_theta(ridge.coef_), examples, precision)
    new = np.random.default_rng(1).standard_normal((7, 4))
    assert_allclose(np.sqrt(approximation.variance(new)), ridge.predict(new, return_std=True)[1], rtol=1e-6, atol=0)


def test_laplace_by_the_smaller_matrix(monkeypatch):
    sequences, features, y = features_of(3)
    examples = Examples(sequences, y[:, np.newaxis], np.array([1.0, 2.0, 0.5]))
    theta = linear_theta(np.array([1.0, -1.0, 0.5, 0.2]))
    kernel = laplace(LINEAR, theta, examples, 0.1)
    monkeypatch.setattr("numbarnn.estimators.laplace.MAX_JACOBIAN", 0)
    dense = laplace(LINEAR, theta, examples, 0.1)
    assert (kernel.factor.shape, dense.factor.shape) == ((3, 3), (4, 4))
    for name in ("noise_variance", "n_effective"):
        assert_allclose(getattr(kernel, name), getattr(dense, name), rtol=1e-10, atol=0)
    assert_allclose(kernel.variance(features), dense.variance(features), rtol=1e-10, atol=0)
    monkeypatch.setattr("numbarnn.estimators.laplace.MAX_SIZE", 3)
    with pytest.raises(ValueError, match="got 4 parameters and 3 outputs"):
        laplace(LINEAR, theta, examples, 0.1)


def test_standard_deviations_of_a_regressor():
    """Weights are repetitions; several targets and steps; discarded by a later fit."""
    y = numbers(X)
    reg = RNNRegressor(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match=r"call fit_laplace\(X, y\) with the training data"):
        reg.predict(X, return_std=True)
    repeated = reg.fit_laplace(X + X[:3], [*y, *y[:3]]).predict(X, return_std=True)
    mean, std = reg.fit_laplace(X, y, np.where(np.arange(12) < 3, 2.0, 1.0)).predict(X, return_std=True)
    assert_array_equal(mean, reg.predict(X))
    assert_allclose(std, repeated[1], rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match="call fit_laplace"):
        reg.partial_fit(X, y).predict(X, return_std=True)
    with pytest.raises(ValueError, match="fit_laplace needs loss='squared_error'"):
        RNNRegressor(**QUICK, loss="huber").fit(X, y).fit_laplace(X, y)


@pytest.mark.slow
def test_standard_deviations_of_steps():
    y = [np.column_stack([x[:, 0], np.cumsum(x[:, 1])]) for x in X]
    reg = RNNRegressor(**QUICK, return_sequences=True, patch=2, alpha=0.1).fit(X, y).fit_laplace(X, y)
    mean, std = reg.predict(X, return_std=True)
    assert [s.shape for s in std] == [m.shape for m in mean] == [target.shape for target in y]
    columns = [np.concatenate(reg.jacobian_vector_product(X, theta_dot=unit)) for unit in np.eye(reg.theta_.size)]
    J = np.stack([column.ravel() for column in columns], axis=1)
    A = J.T @ J + 0.2 * np.eye(reg.theta_.size)
    residuals = (np.concatenate(y) - np.concatenate(mean)).ravel()
    noise = residuals @ residuals / (len(residuals) - np.trace(np.linalg.solve(A, J.T @ J)))
    expected = np.sqrt(noise * (1 + np.sum(J * np.linalg.solve(A, J.T).T, axis=1)))
    assert_allclose(np.concatenate(std).ravel(), expected, rtol=1e-8, atol=0)


@pytest.mark.slow
def test_intervals_of_the_laplace_approximation_cover():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((600, 4))
    y = np.tanh(inputs[:, 2]) - inputs[:, 0] + 0.3 * rng.standard_normal(600)
    reg = RNNRegressor(4, solver="lbfgs", alpha=1e-2, random_state=0).fit(inputs[:200], y[:200])
    mean, std = reg.fit_laplace(inputs[:200], y[:200]).predict(inputs[200:], return_std=True)
    assert 0.85 < np.mean(np.abs(y[200:] - mean) < 1.645 * std) < 0.95


def test_parameter_gradients_do_not_disturb_the_estimator():
    one = RNNRegressor(**QUICK).fit(X, numbers(X))
    before = dict(vars(one))
    one.parameter_gradients(X, numbers(X)[:, np.newaxis])
    assert vars(one) == before
    assert one.predict(X).shape == (12,)


def test_gradient_flow_has_the_form_of_the_sequences(classifier, tagger):
    (norms,) = classifier.gradient_flow(X, NAMES).values()
    assert [array.shape for array in norms] == [(length,) for length in LENGTHS]
    views = classifier.network_.views(classifier.theta_)
    z_bar = classifier.predict_proba(X) - np.eye(2)[labels(X)]
    last = [array[-1] for array in norms]
    assert_allclose(last, np.linalg.norm(z_bar @ views["readout.W"].T, axis=1), rtol=1e-12, atol=0)
    (norms,) = tagger.gradient_flow(X, [(x[:, 0] > 0).astype(int) for x in X]).values()
    assert [array.shape for array in norms] == [(length,) for length in LENGTHS]


@pytest.mark.parametrize("name", ["classifier", "regressor", "tagger"])
def test_products_are_transposes_of_each_other(name, request):
    estimator = request.getfixturevalue(name)
    rng = np.random.default_rng(0)
    X_dot, theta_dot = [rng.standard_normal(x.shape) for x in X], rng.standard_normal(estimator.theta_.size)
    outputs_dot = estimator.jacobian_vector_product(X, X_dot, theta_dot)
    if name == "tagger":
        outputs_bar = [rng.standard_normal(z_dot.shape) for z_dot in outputs_dot]
        assert [z_dot.shape for z_dot in outputs_dot] == [(length, 2) for length in LENGTHS]
        left = sum(map(np.vdot, outputs_bar, outputs_dot))
    else:
        outputs_bar = rng.standard_normal(outputs_dot.shape)
        left = np.vdot(outputs_bar, outputs_dot)
    X_bar, theta_bar = estimator.vector_jacobian_product(X, outputs_bar)
    right = sum(map(np.vdot, X_bar, X_dot)) + np.vdot(theta_bar, theta_dot)
    assert_allclose(left, right, rtol=1e-11, atol=1e-12)


def test_the_jacobian_vector_product_is_the_slope_of_the_predictions(regressor):
    rng = np.random.default_rng(0)
    X_dot = [rng.standard_normal(x.shape) for x in X]
    ends = [regressor.predict([x + s * x_dot for x, x_dot in zip(X, X_dot, strict=True)]) for s in (STEP, -STEP)]
    assert_allclose(regressor.jacobian_vector_product(X, X_dot), (ends[0] - ends[1]) / (2 * STEP), rtol=1e-6, atol=1e-8)
    assert_array_equal(regressor.jacobian_vector_product(X), 0)


@pytest.mark.slow
def test_float32_stays(classifier):
    low = RNNClassifier(**QUICK, dtype="float32").fit(X, NAMES)
    assert {g.dtype for g in low.input_gradient(X, activated=True)} == {np.dtype("float32")}
    assert low.parameter_gradients(X, NAMES).dtype == "float32"
    assert low.jacobian_vector_product(X, X).dtype == "float32"


def test_threads_change_no_bit(classifier):
    one, two = (RNNClassifier(**QUICK, n_jobs=n_jobs).fit(X, NAMES) for n_jobs in (1, 2))
    assert_all_close(one.input_gradient(X), two.input_gradient(X), rtol=0, atol=0)
    z_bar = np.ones((12, 2))
    assert_array_equal(*(est.vector_jacobian_product(X, z_bar).theta_bar for est in (one, two)))


CALLS = {
    "input_gradient": (X,),
    "parameter_gradients": (X, NAMES),
    "gradient_flow": (X, NAMES),
    "truncation_error": (X, NAMES, [(1, 2)]),
    "jacobian_vector_product": (X, X),
    "vector_jacobian_product": (X, np.ones((12, 2))),
}


@pytest.mark.parametrize(("method", "arguments"), CALLS.items(), ids=CALLS)
def test_before_fit(method, arguments):
    with pytest.raises(NotFittedError):
        getattr(RNNClassifier(), method)(*arguments)


@pytest.mark.parametrize(("method", "arguments"), CALLS.items(), ids=CALLS)
def test_other_features(classifier, method, arguments):
    with pytest.raises(ValueError, match="is expecting 2 features"):
        getattr(classifier, method)([x[:, :1] for x in X], *arguments[1:])


def test_errors_of_the_choice(classifier, regressor, tagger):
    with pytest.raises(ValueError, match=r"output must be of \['falls', 'rises'\], got 'stays'"):
        classifier.input_gradient(X, "stays")
    with pytest.raises(ValueError, match="one for each of 12, got"):
        classifier.input_gradient(X, NAMES[:5])
    with pytest.raises(ValueError, match=r"output must be of \[0, 1, 2\], got -1"):
        regressor.input_gradient(X, -1)
    with pytest.raises(ValueError, match="output must name one of the 3 outputs, got None"):
        regressor.input_gradient(X)
    with pytest.raises(ValueError, match="step must be None without return_sequences=True, got 1"):
        classifier.input_gradient(X, step=1)
    with pytest.raises(ValueError, match="the shortest has 2 steps, got 2"):
        tagger.input_gradient(X, step=2)
    with pytest.raises(TypeError, match=r"step must be an integer or None, got 0\.5"):
        tagger.input_gradient(X, step=0.5)


def test_errors_of_directions_and_cotangents(classifier, tagger):
    with pytest.raises(ValueError, match=r"X_dot must have the form of X, for 12 sequences, got 11"):
        classifier.jacobian_vector_product(X, X[1:])
    with pytest.raises(ValueError, match=r"expected X_dot\[0\] of shape"):
        classifier.jacobian_vector_product(X, [x[1:] for x in X])
    with pytest.raises(ValueError, match="Input X_dot contains NaN"):
        classifier.jacobian_vector_product(X, [x * np.nan for x in X])
    with pytest.raises(ValueError, match="theta_dot must have the shape"):
        classifier.jacobian_vector_product(X, theta_dot=np.ones(3))
    with pytest.raises(ValueError, match=r"outputs_bar must have the shape \(12, 2\), got \(12,\)"):
        classifier.vector_jacobian_product(X, np.ones(12))
    with pytest.raises(ValueError, match="Input outputs_bar contains infinity"):
        classifier.vector_jacobian_product(X, np.full((12, 2), np.inf))
    with pytest.raises(ValueError, match=r"expected outputs_bar\[0\] of shape"):
        tagger.vector_jacobian_product(X, [np.ones(length) for length in LENGTHS])


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_an_overflow_is_an_error():
    reg = RNNRegressor(**QUICK).fit(X, numbers(X))
    reg.network_.views(reg.theta_)["readout.W"][...] = 1e10
    with pytest.raises(ValueError, match="a direction is too large"):
        reg.jacobian_vector_product(X, [np.full_like(x, 1e308) for x in X])
    with pytest.raises(ValueError, match="a direction is too large"):
        reg.vector_jacobian_product(X, np.full((12, 1), 1e308))


def test_errors_of_targets(classifier, regressor):
    with pytest.raises(ValueError, match="requires y to be passed"):
        classifier.parameter_gradients(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.parameter_gradients(X, NAMES[1:])
    with pytest.raises(ValueError, match="classes not in"):
        classifier.parameter_gradients(X, labels(X).astype(str))
    with pytest.raises(ValueError, match=r"y must have 3 targets per row, got shape \(12,\)"):
        regressor.parameter_gradients(X, numbers(X))
