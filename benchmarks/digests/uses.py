"""Predictions, scores and derivatives of estimators with drawn parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.digests.estimators import FITS, KINDS, OF_LABELS, examples_of, fitted, with_drawn_parameters
from benchmarks.digests.names import Case
from numbarnn.cells import CELLS


def _continued(model: Any, X: list[np.ndarray]) -> Any:
    """Return predictions for the first step of each sequence, and then for the remaining steps."""
    first, state = model.predict([x[:1] for x in X], state=None, return_state=True)
    longer = np.array([len(x) > 1 for x in X])
    of_longer = tuple(tuple(part[longer] for part in layer) for layer in state)
    return first, state, model.predict([x[1:] for x in X if len(x) > 1], state=of_longer, return_state=True)


def _each_output(model: Any, X: list[np.ndarray]) -> Any:
    names = getattr(model, "classes_", np.arange(model.n_outputs_))
    return names[np.arange(len(X)) % len(names)]


def input_gradient(model: Any, X: Any, *, output: Any = None, step: Any = None, activated: bool = False) -> Any:
    """Return the gradient of the output, of the first class, or of the second of several targets."""
    if output is None and model.out_activation_ != "softmax" and model.n_outputs_ > 1:
        output = 1
    return model.input_gradient(X, output=output, step=step, activated=activated)


def _directions(model: Any, X: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.standard_normal(x.shape) for x in X], rng.standard_normal(model.theta_.shape)


def _along(model: Any, X: list[np.ndarray], *, inputs: bool, parameters: bool) -> Any:
    X_dot, theta_dot = _directions(model, X)
    return model.jacobian_vector_product(
        X, X_dot=X_dot if inputs else None, theta_dot=theta_dot if parameters else None
    )


def _pulled_back(model: Any, X: list[np.ndarray]) -> Any:
    rng, K = np.random.default_rng(2), model.n_outputs_
    in_steps = model.get_params()["return_sequences"]
    bars = [rng.standard_normal((len(x), K)) for x in X] if in_steps else rng.standard_normal((len(X), K))
    return model.vector_jacobian_product(X, bars)


TRUNCATIONS = [(1, 1), (2, 3), (7, 7)]
USES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "predict": lambda model, X, _: model.predict(X, state=None, return_state=False),
    "continued": lambda model, X, _: _continued(model, X),
    "score": lambda model, X, y: model.score(X, y, sample_weight=None),
    "score_by_weight": lambda model, X, y: model.score(X, y, sample_weight=np.arange(len(X)) / 8),
    "input_gradient": lambda model, X, _: input_gradient(model, X),
    "input_gradient_activated": lambda model, X, _: input_gradient(model, X, activated=True),
    "input_gradient_of_each": lambda model, X, _: input_gradient(model, X, output=_each_output(model, X)),
    "parameter_gradients": lambda model, X, y: model.parameter_gradients(X, y),
    "gradient_flow": lambda model, X, y: model.gradient_flow(X, y),
    "truncation_error": lambda model, X, y: model.truncation_error(X, y, truncations=TRUNCATIONS),
    "jacobian_vector_product": lambda model, X, _: _along(model, X, inputs=True, parameters=True),
    "jacobian_vector_product_of_inputs": lambda model, X, _: _along(model, X, inputs=True, parameters=False),
    "jacobian_vector_product_of_theta": lambda model, X, _: _along(model, X, inputs=False, parameters=True),
    "vector_jacobian_product": lambda model, X, _: _pulled_back(model, X),
}
OF_CLASSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "predict_proba": lambda model, X, _: model.predict_proba(X, state=None, return_state=False),
    "predict_log_proba": lambda model, X, _: model.predict_log_proba(X),
}
IN_TURN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "input_gradient_at_first": lambda model, X, _: input_gradient(model, X, step=0),
    "input_gradient_at_last": lambda model, X, _: input_gradient(model, X, step=-1),
}
NOT_BACKWARD = ["continued", "truncation_error"]  # not defined for bidirectional networks


def uses() -> Iterator[Case]:
    """Yield results of fitted estimators."""
    fits = [*CELLS, "layers", "bidirectional", "learn_initial_state", "zoneout", "zoneout_of_both", "clip", "tape"]
    fits += ["everything", "several", "two_threads"]
    in_steps = ["return_sequences", "several_in_steps", *(fit for fit in FITS if fit.startswith("deep"))]
    for kind in KINDS:
        for fit in [*fits, *in_steps, *(OF_LABELS if kind == "classifier" else [])]:
            of_fit = {**USES, **(OF_CLASSES if kind == "classifier" else {})}
            of_fit |= IN_TURN if FITS[fit].get("return_sequences") else {}
            for name, use in of_fit.items():
                if name not in NOT_BACKWARD or not FITS[fit].get("bidirectional"):
                    yield f"use/{kind}/{fit}/{name}", functools.partial(_use, kind, fit, use)


def _use(kind: str, fit: str, use: Any) -> Any:
    X, y, _ = examples_of(kind, fit)
    return use(with_drawn_parameters(fitted(kind, fit)), X, y)
