"""The training loop: updates by hand, weights, stopping, validation, interruption, divergence, masks."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import Elman, ElmanReLU
from numbarnn.data import Sequences
from numbarnn.losses import SquaredError
from numbarnn.optim import SGD, Adam, Adaptive, BatchProblem, Cosine, Examples, Objective, Validation
from numbarnn.prediction import predict
from tests.optim.problem import LOSS, MODEL, examples_of, model_of, run, state_of

DROPPING = model_of((5,), dropout=0.3, input_dropout=0.2)
BATCHES = [np.array([0, 1, 2, 3]), np.array([4, 5])]
interrupted = pytest.warns(UserWarning, match="Training interrupted by user")


@pytest.mark.parametrize("solver", [Adam, SGD])
def test_learns(solver):
    examples = examples_of()
    state = run(examples, state_of(solver, tol=-1), max_iter=100)
    assert (state.outcome, state.n_seen) == ("max_iter", 1200)
    assert state.n_iter == len(state.loss_curve) == 100
    assert state.loss_curve[0] > 1
    assert state.best_loss == min(state.loss_curve) < 0.1
    assert_array_equal(predict(MODEL, state.theta, examples.sequences).z.argmax(axis=1), examples.targets)


@pytest.mark.parametrize("model", [MODEL, DROPPING], ids=["plain", "dropping"])
def test_one_epoch_by_hand(model):
    """Two batches without shuffling: masks, gradient, clipping, update, and the loss by the batches' weights."""
    examples = examples_of(n=6, weights=np.array([1.0, 2.0, 1.0, 0.5, 1.0, 0.0]))
    before = state_of(SGD, 0.3, model, max_grad_norm=0.05)
    state = run(examples, before, model, max_iter=1, shuffle=False, alpha=0.1)
    theta, velocity, total = before.theta.copy(), 0, 0.0
    normalized, mean_weight = examples.normalized()
    assert_allclose(mean_weight, 1.1, rtol=1e-14, atol=0)
    random_state = np.random.RandomState(0)
    for indices in BATCHES:
        batch = normalized.batch(indices)
        batch = batch._replace(masks=model.draw_masks(*batch.x.values.shape[:2], "float64", random_state))
        problem = BatchProblem(Objective(model, LOSS, 0.1, mean_weight), batch)
        value, gradient = problem.value_and_gradient(theta)
        norm = np.linalg.norm(gradient)
        assert norm > 0.05
        velocity = 0.9 * velocity - 0.3 * gradient * 0.05 / norm
        theta += 0.9 * velocity - 0.3 * gradient * 0.05 / norm
        total += problem.weight * value
    assert_allclose(state.theta, theta, rtol=1e-12, atol=1e-14)
    assert_allclose(state.loss_curve, [total / 5], rtol=1e-12, atol=0)


@pytest.mark.parametrize("model", [MODEL, DROPPING], ids=["plain", "dropping"])
def test_a_seed_fixes_all_bits(model):
    first, again, threaded, other = (
        run(
            examples_of(n=24), model=model, state=state_of(model=model), batch_size=12, random_state=seed, n_jobs=n_jobs
        )
        for seed, n_jobs in ((0, None), (0, None), (0, 2), (1, None))
    )
    for same in (again, threaded):
        assert_array_equal(same.theta, first.theta)
        assert same.loss_curve == first.loss_curve
    assert not np.array_equal(other.theta, first.theta)


@pytest.mark.parametrize("model", [MODEL, DROPPING], ids=["plain", "dropping"])
def test_two_halves_are_one_whole(model):
    whole = run(state=state_of(model=model), model=model, max_iter=6, random_state=np.random.RandomState(0))
    rng = np.random.RandomState(0)
    half = run(state=state_of(model=model), model=model, max_iter=3, random_state=rng)
    halves = run(state=half, model=model, max_iter=3, random_state=rng)
    assert_array_equal(halves.theta, whole.theta)
    assert halves.loss_curve == whole.loss_curve
    assert (halves.n_iter, halves.n_seen) == (3, whole.n_seen)


def test_what_drops_nothing_draws_nothing():
    random_state = np.random.RandomState(0)
    run(max_iter=1, shuffle=False, random_state=random_state)
    assert random_state.randint(2**31) == np.random.RandomState(0).randint(2**31)


def test_the_given_state_stays_as_it_was():
    state = state_of()
    theta = state.theta.copy()
    run(state=state)
    assert_array_equal(state.theta, theta)
    assert_array_equal(state.solver.first_moment, 0)
    assert (state.loss_curve, state.plateau.count, state.outcome) == ([], 0, None)


def test_cosine_counts_updates():
    state = run(state=state_of(SGD, schedule=Cosine(0.1, n_updates=6)), max_iter=2)  # three batches an epoch
    assert state.solver.schedule.learning_rate == 0


def test_stops_on_a_plateau():
    state = run(state=state_of(tol=np.inf, n_iter_no_change=2), max_iter=20)
    assert (state.outcome, state.n_iter) == ("converged", 4)


def test_adaptive_rate_goes_on_after_a_plateau():
    state = run(state=state_of(schedule=Adaptive(0.1), tol=np.inf, n_iter_no_change=2), max_iter=7)
    assert (state.outcome, state.n_iter) == ("max_iter", 7)
    assert_allclose(state.solver.schedule.learning_rate, 0.1 / 25, rtol=1e-12, atol=0)


class TestWeights:
    """They count against the mean weight of all training data."""

    def test_weight_k_is_k_copies(self):
        examples = examples_of(n=5)
        weighted = examples._replace(weights=np.array([1.0, 3.0, 1.0, 2.0, 1.0]))
        indices = np.array([0, 1, 1, 1, 2, 3, 3, 4])
        copies = Examples(examples.sequences.take(indices), examples.targets[indices])
        ours, expected = (run(e, batch_size=100, alpha=0.1) for e in (weighted, copies))
        assert_allclose(ours.theta, expected.theta, rtol=1e-9, atol=1e-11)
        assert_allclose(ours.loss_curve, expected.loss_curve, rtol=1e-11, atol=0)

    def test_batches_of_one(self):
        weights = np.array([0.5, 2.0, 0.5, 1.0])
        settings = {"batch_size": 1, "alpha": 0, "max_iter": 1, "shuffle": False}
        plain, weighted = (run(examples_of(4, given), state_of(SGD, 0.1), **settings) for given in (None, weights))
        assert np.abs(weighted.theta - plain.theta).max() > 1e-3
        theta, velocity = state_of().theta, 0
        examples, _ = examples_of(4, weights).normalized()
        for i in range(4):
            _, gradient = BatchProblem(Objective(MODEL, LOSS), examples.batch(np.array([i]))).value_and_gradient(theta)
            velocity = 0.9 * velocity - 0.1 * gradient
            theta += 0.9 * velocity - 0.1 * gradient
        assert_allclose(weighted.theta, theta, rtol=1e-11, atol=1e-13)

    @pytest.mark.parametrize("scale", [2.0**-200, 2.0**130, 2.0**1000])
    def test_scale(self, scale):
        weights = np.array([1.0, 2.0, 0.5, 4.0] * 3)
        ours, expected = (run(examples_of(weights=given), alpha=0) for given in (scale * weights, weights))
        assert_array_equal(ours.theta, expected.theta)

    @pytest.mark.slow  # compiles an Elman layer in float32
    def test_weights_that_fall_exponentially(self):
        n = 400
        weights = np.exp(-np.arange(n)[::-1] / 2)
        results = []
        for dtype in ("float64", "float32"):
            examples = examples_of(n, weights)
            values = examples.sequences.values.astype(dtype)
            examples = examples._replace(sequences=Sequences(values, examples.sequences.lengths))
            state = state_of(SGD, 0.01, dtype=dtype)
            results.append(run(examples, state, max_iter=3, batch_size=50, random_state=0))
        assert_allclose(results[1].theta, results[0].theta, rtol=1e-3, atol=1e-4)
        assert_allclose(results[1].loss_curve, results[0].loss_curve, rtol=1e-4, atol=0)

    def test_only_zeros(self):
        with pytest.raises(ValueError, match="weights must be positive for at least one row, got only zeros"):
            run(examples_of(weights=np.zeros(12)))


class TestDivergence:
    """It says to lower the learning rate, wherever it is seen first."""

    def test_loss(self):
        examples = examples_of()._replace(targets=np.full((12, 3), np.nan))
        with pytest.raises(ValueError, match=r"The loss is nan, not finite.*lower the learning rate"):
            run(examples, loss=SquaredError())

    def test_parameters(self):
        with pytest.raises(ValueError, match="Lower the learning rate"):
            run(state=state_of(SGD, np.inf), max_iter=1, batch_size=100)

    @pytest.mark.parametrize("rate", [pytest.param(10.0, marks=pytest.mark.slow), 1e37])  # compiles a rectifier
    def test_with_validation(self, rate):
        model = model_of((5,), cell=ElmanReLU if rate == 10 else Elman)
        examples = examples_of()
        numbers = examples._replace(targets=np.random.default_rng(0).standard_normal((12, 3)))
        validation = Validation(examples.sequences, lambda z: -np.abs(z).sum())
        with pytest.raises(ValueError, match=r"[Ll]ower the learning rate"):
            run(
                numbers, state_of(SGD, rate, model), model, SquaredError(), alpha=0, max_iter=200, validation=validation
            )


def scripted(scores):
    """A validation that returns the given scores one after another and keeps what it was given."""
    given = []

    def score(z):
        given.append(z)
        return scores[len(given) - 1]

    return Validation(examples_of(n=4).sequences, score), given


class TestValidation:
    def test_the_best_parameters_come_back(self):
        validation, given = scripted([0.1, 0.5, 0.9, 0.4, 0.6])
        state = run(validation=validation)
        assert state.validation_scores == [0.1, 0.5, 0.9, 0.4, 0.6]
        assert (state.best_validation_score, state.n_iter) == (0.9, 5)
        assert_array_equal(predict(MODEL, state.theta, validation.sequences).z, given[2])
        assert_array_equal(state.theta, run(max_iter=3).theta)

    def test_the_score_decides_when_to_stop(self):
        validation, _ = scripted([0.5, 0.55, 0.58, 0.7, 0.75, 0.76, 0.77])
        state = run(state=state_of(tol=0.1, n_iter_no_change=1), validation=validation, max_iter=7)
        assert (state.outcome, state.n_iter) == ("converged", 3)

    def test_scores_of_an_earlier_training_do_not_count(self):
        before = run(validation=scripted([0.8, 0.9])[0], max_iter=2)
        after = run(state=before, validation=scripted([0.1, 0.2])[0], max_iter=2)
        assert after.best_validation_score == 0.2
        assert after.validation_scores == [0.8, 0.9, 0.1, 0.2]
        assert not np.array_equal(after.theta, before.theta)

    @pytest.mark.parametrize("scores", [[np.nan, 0.2, np.nan], [np.nan] * 3])
    def test_scores_that_are_no_numbers(self, scores):
        state = run(validation=scripted(scores)[0], max_iter=3)
        best = 2 if 0.2 in scores else 3
        assert_array_equal(state.theta, run(max_iter=best).theta)
        assert state.best_validation_score == (0.2 if 0.2 in scores else -np.inf)

    def test_nothing_is_dropped(self):
        examples = examples_of()
        seen = []
        validation = Validation(examples.sequences, lambda z: seen.append(z) or 1.0)
        state = run(examples, state_of(model=DROPPING), DROPPING, max_iter=1, validation=validation)
        assert_array_equal(seen[0], predict(DROPPING, state.theta, examples.sequences).z)


class InterruptedAdam(Adam):
    """Adam under which Ctrl-C is pressed after the fifth update."""

    def update(self, theta, gradient, learning_rate):
        super().update(theta, gradient, learning_rate)
        if self.n_updates[0] == 5:
            signal.raise_signal(signal.SIGINT)


class TestInterruption:
    def test_the_last_update_is_kept(self):
        with interrupted:
            state = run(state=state_of(InterruptedAdam), shuffle=False)  # three updates an epoch
        assert state.outcome == "interrupted"
        assert state.n_iter == len(state.loss_curve) == 1
        assert_array_equal(state.solver.n_updates, 5)
        again = run(state=state, max_iter=2)
        assert (again.outcome, again.n_iter, len(again.loss_curve)) == ("max_iter", 2, 3)

    def test_before_the_first_epoch_ends(self):
        with interrupted:
            state = run(state=state_of(InterruptedAdam), batch_size=1)
        assert (state.n_iter, state.loss_curve, state.best_loss) == (0, [], np.inf)
        assert np.isfinite(state.theta).all()

    @pytest.mark.parametrize("epoch", [1, 4])
    def test_during_validation(self, epoch):
        """The best parameters come back; before any score, the last ones."""
        scores, calls = [0.3, 0.7, 0.5, 0.1], []

        def score(z):
            calls.append(z)
            if len(calls) == epoch:
                signal.raise_signal(signal.SIGINT)
            return scores[len(calls) - 1]

        with interrupted:
            state = run(validation=Validation(examples_of(n=4).sequences, score))
        assert len(state.validation_scores) == epoch - 1
        assert_array_equal(state.theta, run(max_iter=min(epoch, 2)).theta)


@pytest.mark.parametrize("values", [np.zeros((6, 3)), np.zeros((6, 2), "float32")], ids=["inputs", "dtype"])
def test_sequences_that_do_not_fit(values):
    examples = Examples(Sequences(values, np.array([4, 2])), np.array([0, 1]))
    with pytest.raises(ValueError, match="sequences must have 2 inputs of the parameters' dtype float64, got values"):
        run(examples)
