"""Attention beyond its certificates: what the weights are, ends, arguments, the penalty, hard attention."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.layers import (
    AdditiveAttention,
    GeneralAttention,
    MovingBaseline,
    attend,
    attend_adjoint,
    attend_tangent,
    doubly_stochastic_penalty,
    sample_attention,
    score_function_gradient,
)
from numbarnn.testing.trees import inner, map_arrays, normal_like
from tests.layers import reference

TINY = 1e-200
LENGTHS = np.array([5, 0, 1, 2, 3, 4, 5, 5, 1])
KINDS = ["dot", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("general", "additive"))]


class Case:
    """A query, a memory and weights of a score, with directions and cotangents of everything."""

    def __init__(self, kind, n_query=6, n_memory=6, dtype="float64"):
        self.kind, random = kind, np.random.RandomState(0)
        shapes = {
            "dot": None,
            "general": GeneralAttention((n_query, n_memory)),
            "additive": AdditiveAttention((n_query, 4), (n_memory, 4), (4,)),
        }[kind]
        draw = lambda *shape: random.standard_normal(shape).astype(dtype)  # noqa: E731
        self.query, self.memory = draw(3, 9, n_query), draw(5, 9, n_memory)
        self.params = None if shapes is None else type(shapes)(*(draw(*shape) for shape in shapes))
        self.given = self.query, self.memory, self.params or ()
        self.dot = normal_like(self.given, random)
        self.result = attend(self.query, self.memory, LENGTHS, kind, self.params)
        self.bar = normal_like((self.result.context, self.result.weights), random)

    def expected(self, query, memory, params):
        """Contexts and weights by loops over queries."""
        pairs = np.zeros((*query.shape[:2], memory.shape[2]), query.dtype), np.zeros((3, 9, 5), query.dtype)
        for t, n in product(range(3), range(9)):
            length = LENGTHS[n]
            context, weights = reference.attend(self.kind, params, query[t, n], memory[:length, n])
            pairs[0][t, n], pairs[1][t, n, :length] = context, weights
        return pairs


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_derivatives_of_contexts_and_weights(kind):
    case = Case(kind)
    for ours, theirs in zip(case.result, case.expected(*case.given), strict=False):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    moved = attend_tangent(case.result.tape, case.dot[0], case.dot[1], case.dot[2] or None)
    shifted = map_arrays(lambda x, x_dot: x + 1j * TINY * x_dot, case.given, case.dot)
    for ours, theirs in zip(moved, case.expected(*shifted), strict=True):
        assert_allclose(ours, theirs.imag / TINY, rtol=1e-12, atol=1e-13)
    params_bar, query_bar, memory_bar = attend_adjoint(case.result.tape, *case.bar)
    of_inputs = inner((query_bar, memory_bar, params_bar or ()), case.dot)
    assert_allclose(of_inputs, inner(case.bar, tuple(moved)), rtol=1e-12, atol=0)
    past = np.arange(5)[:, np.newaxis] >= LENGTHS
    assert not case.result.weights[:, past.T].any()
    assert not moved.weights[:, past.T].any()
    assert not memory_bar[past].any()
    assert not case.result.context[:, 1].any()  # a memory without rows
    assert_allclose(case.result.weights.sum(axis=2)[:, LENGTHS > 0], 1, rtol=1e-14, atol=0)


def test_one_query_per_sequence():
    case = Case("dot")
    context, weights, tape = attend(case.query[0], case.memory, LENGTHS)
    assert_array_equal(context, case.result.context[0])
    assert_array_equal(weights, case.result.weights[0])
    one, all_of_them = attend_adjoint(tape, case.bar[0][0]), attend_adjoint(case.result.tape, case.bar[0])
    assert_array_equal(one.query, all_of_them.query[0])
    assert_array_equal(
        attend_tangent(tape, case.dot[0][0]).context, attend_tangent(case.result.tape, case.dot[0]).context[0]
    )


def test_any_layout_and_what_is_past_the_lengths():
    case = Case("dot")
    memory = np.asfortranarray(case.memory)
    memory[np.arange(5)[:, np.newaxis] >= LENGTHS] = np.nan
    query = np.repeat(case.query, 2, axis=2)[..., ::2]
    for array in (memory, query):
        array.flags.writeable = False
    context, weights, _ = attend(query, memory, list(LENGTHS), n_jobs=2)
    assert_array_equal(context, case.result.context)
    assert_array_equal(weights, case.result.weights)


def test_scores_beyond_what_exp_can_take():
    context, weights, tape = attend(np.array([[2000.0]]), np.array([[[1.0]], [[-1.0]], [[1.0]]]))
    assert_array_equal(weights, [[0.5, 0, 0.5]])
    assert_array_equal(context, [[1.0]])
    assert_array_equal(attend_adjoint(tape, np.ones((1, 1))).query, [[0.0]])


Q, M = np.zeros((3, 9, 6)), np.zeros((5, 9, 6))
ADDITIVE = AdditiveAttention.init(6, 6, 4, "float64", 0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": "bahdanau"}, ValueError, "kind must be 'additive', 'general' or 'dot', got 'bahdanau'"),
        ({"query": Q.tolist()}, TypeError, "query must be a NumPy array or a CUDA array, got list"),
        ({"query": Q.astype(int)}, TypeError, "query must be float32 or float64, got int64"),
        ({"query": Q[0, 0]}, ValueError, r"query must have shape \(Tq, B, N\) or \(B, N\), got \(6,\)"),
        ({"query": Q + np.nan}, ValueError, "query must be finite"),
        ({"memory": M.astype("float32")}, TypeError, "memory must be float64 as the query, got float32"),
        ({"memory": np.ma.masked_array(M)}, TypeError, "fill it first"),
        ({"memory": M[:, 1:]}, ValueError, r"memory must have shape \(S, 9, M\) for this query, got \(5, 8, 6\)"),
        ({"memory": M + np.inf}, ValueError, "memory must be finite"),
        ({"memory": M[..., 1:]}, ValueError, "must have the same size for kind='dot', got 6 and 5; kind='general'"),
        ({"lengths": [6] * 9}, ValueError, r"lengths must lie in 0 \.\. 5, the rows of memory; got 6 \.\. 6"),
        ({"params": ADDITIVE}, TypeError, "params must be None for kind='dot', got AdditiveAttention"),
        ({"kind": "general"}, TypeError, "params must be a numbarnn.layers.GeneralAttention for kind='general'"),
        ({"kind": "general", "params": GeneralAttention(np.zeros((5, 6)))}, ValueError, r"params.W must have shape"),
        ({"kind": "additive", "params": ADDITIVE._replace(v=np.zeros(3))}, ValueError, "params.W must have shape"),
        ({"kind": "additive", "params": ADDITIVE._replace(v=np.full(4, np.nan))}, ValueError, "params.v must be"),
    ],
)
def test_errors_name_the_argument(change, error, message):
    with pytest.raises(error, match=message):
        attend(**{"query": Q, "memory": M, **change})


def test_errors_of_derivatives_name_the_argument():
    tape = Case("dot").result.tape
    for call, message in (
        (lambda: attend_adjoint("tape"), "tape must come from numbarnn.attend, got str"),
        (lambda: attend_adjoint(tape, Q[:2]), r"context_bar must have shape \(3, 9, 6\), got \(2, 9, 6\)"),
        (lambda: attend_adjoint(tape, None, Q), r"weights_bar must have shape \(3, 9, 5\), got \(3, 9, 6\)"),
        (lambda: attend_tangent(tape, Q + np.nan), "query_dot must be finite"),
        (lambda: attend_tangent(tape, None, Q), r"memory_dot must have shape \(5, 9, 6\)"),
        (lambda: attend_tangent(tape, params_dot=ADDITIVE), "params_dot must be None for kind='dot'"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_penalty_has_its_exact_gradient_and_counts_what_is_valid():
    random = np.random.RandomState(0)
    weights, targets = random.random_sample((4, 3, 5)), np.array([4, 2, 0])
    lengths = np.array([5, 3, 2])
    values, weights_bar = doubly_stochastic_penalty(weights, lengths, targets, strength=0.5)
    for n in range(3):
        own = weights[: targets[n], n, : lengths[n]].sum(axis=0)
        assert_allclose(values[n], 0.5 * np.sum((1 - own) ** 2), rtol=1e-14, atol=0)
        assert not weights_bar[targets[n] :, n].any()
        assert not weights_bar[:, n, lengths[n] :].any()
    weights_dot = random.standard_normal(weights.shape)
    there, back = (
        doubly_stochastic_penalty(weights + s * weights_dot, lengths, targets, strength=0.5).values.sum()
        for s in (1, -1)
    )
    assert_allclose((there - back) / 2, np.vdot(weights_bar, weights_dot), rtol=1e-13, atol=0)  # it is quadratic
    with pytest.raises(ValueError, match="strength must be at least 0"):
        doubly_stochastic_penalty(weights, strength=-1)
    with pytest.raises(ValueError, match=r"target_lengths must lie in 0 \.\. 4, got 5 \.\. 5"):
        doubly_stochastic_penalty(weights, None, [5, 5, 5])


def test_samples_have_the_probabilities_of_the_weights():
    weights = np.array([0.1, 0.0, 0.6, 0.3, 0.0])
    drawn = sample_attention(np.tile(weights, (20_000, 1)), random_state=0)
    assert_array_equal(drawn.sum(axis=1), 1)
    assert_allclose(drawn.mean(axis=0), weights, rtol=0, atol=4 * 0.5 / np.sqrt(20_000))
    assert_array_equal(drawn[:, weights == 0], 0)


def test_expectation_of_reinforce_is_the_gradient_of_the_expected_loss():
    """Exact enumeration of all samples of two steps over three rows: no Monte Carlo error is left."""
    case, entropy, baseline = Case("dot"), 0.3, 0.7
    query, memory = case.query[:2, :1], case.memory[:3, :1]
    wanted = np.random.RandomState(1).standard_normal(case.memory.shape[2])

    def loss_of(context):
        """Any loss of all contexts together."""
        return np.square(context.sum(axis=(0, 1)) - wanted).sum()

    def sample_of(rows):
        return np.eye(3)[list(rows)][:, np.newaxis]

    def expected_loss(query, memory):
        weights = reference_weights(query, memory)
        total = 0
        for rows in product(range(3), repeat=2):
            probability = np.prod([weights[t, row] for t, row in enumerate(rows)])
            total = total + probability * loss_of(np.einsum("tbs,sbm->tbm", sample_of(rows), memory))
        return total + entropy * np.sum(weights * np.log(weights))

    weights, tape = attend(query, memory)[1:]
    query_bar, memory_bar = np.zeros_like(query), np.zeros_like(memory)
    for rows in product(range(3), repeat=2):
        sample = sample_of(rows)
        context = np.einsum("tbs,sbm->tbm", sample, memory)
        advantage = np.array([-loss_of(context) - baseline])
        weights_bar = score_function_gradient(weights, sample, advantage, entropy=entropy)
        probability = np.prod([weights[t, 0, row] for t, row in enumerate(rows)])
        bars = attend_adjoint(tape, weights_bar=weights_bar)
        context_bar = np.tile(2 * (context.sum(axis=(0, 1)) - wanted), (2, 1, 1))
        query_bar += probability * bars.query
        memory_bar += probability * (bars.memory + np.einsum("tbs,tbm->sbm", sample, context_bar))
    random = np.random.RandomState(2)
    query_dot, memory_dot = random.standard_normal(query.shape), random.standard_normal(memory.shape)
    moved = expected_loss(query + 1j * TINY * query_dot, memory + 1j * TINY * memory_dot).imag / TINY
    assert_allclose(np.vdot(query_bar, query_dot) + np.vdot(memory_bar, memory_dot), moved, rtol=1e-12, atol=0)


def reference_weights(query, memory):
    return np.array([reference.attend("dot", None, q, memory[:, 0])[1] for q in query[:, 0]])


def test_baseline_is_an_average_of_earlier_rewards():
    baseline = MovingBaseline(decay=0.5)
    assert_array_equal(baseline.advantage(np.array([1.0, 3.0])), [-1.0, 1.0])
    assert_array_equal(baseline.advantage(np.array([4.0, 4.0])), [2.0, 2.0])
    assert baseline.value == 3.0
    with pytest.raises(ValueError, match="decay must lie in"):
        MovingBaseline(1.0)
