"""Estimators and scalers on each form of input, and estimators on each form of targets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.digests.estimators import estimator, with_drawn_parameters
from benchmarks.digests.forms import forms, objects, targets
from benchmarks.digests.names import Case
from benchmarks.digests.scaling import fitted_scaler
from benchmarks.digests.uses import input_gradient


def _first_numbers(X: Any) -> Any:
    """Return one target per step, in the container of X."""
    if (isinstance(X, np.ndarray) and X.ndim > 1) or hasattr(X, "columns"):
        return np.asarray(X).reshape(6, 4, -1)[:, :, 0]
    items = [np.asarray(x, float).reshape(len(x), -1)[:, 0] for x in X]
    return objects(items) if isinstance(X, np.ndarray) else items


def _of_form(X: Any, *, in_steps: bool) -> Any:
    y = _first_numbers(X) if in_steps else np.arange(6) / 4
    return estimator("regressor", {"cell": "elman", "return_sequences": in_steps}).fit(X, y, sample_weight=None)


def _features(model: Any) -> Any:
    return model.n_features_in_, getattr(model, "feature_names_in_", None)


def _of_drawn(X: Any, use: str, *, in_steps: bool = True, other: str | None = None) -> Any:
    model = with_drawn_parameters(_of_form(X, in_steps=in_steps))
    X = X if other is None else forms()[other]
    if use == "predict":
        return model.predict(X, state=None, return_state=False)
    if use == "input_gradient":
        return input_gradient(model, X)
    if use == "jacobian_vector_product":
        return model.jacobian_vector_product(X, X_dot=X, theta_dot=None)
    return model.gradient_flow(X, _first_numbers(X) if in_steps else np.arange(6) / 4)


OTHER_FORMS = {  # fitted to the first, predicting for the second
    "list_ragged": "array",
    "array": "objects_ragged",
    "array_flat": "list_ragged_flat",
    "list_ragged_flat": "array_flat",
    "array_float32": "array",
    "list_of_frames": "lists_ragged",
}
FORM_USES: dict[str, Callable[[Any], Any]] = {
    "features": lambda X: _features(_of_form(X, in_steps=False)),
    "scaler": lambda X: [getattr(fitted_scaler(X), name) for name in ("mean_", "var_", "scale_")],
    "scaler_features": lambda X: _features(fitted_scaler(X)),
    "scaled": lambda X: fitted_scaler(X).transform(X),
    "unscaled": lambda X: fitted_scaler(X).inverse_transform(X),
}


def _of_targets(kind: str, y: Any) -> Any:
    """Return the fitted parameters, predictions with drawn parameters, and the classes."""
    X = np.random.default_rng(0).standard_normal((6, 4, 2))
    model = estimator(kind, {"cell": "elman"}).fit(X, y, sample_weight=None)
    predicted = with_drawn_parameters(model).predict(X, state=None, return_state=False)
    return model.theta_, predicted, getattr(model, "classes_", None)


def inputs() -> Iterator[Case]:
    """Yield results for each form of sequences and of targets."""
    for form, X in forms().items():
        for name, use in FORM_USES.items():
            yield f"form/{form}/{name}", functools.partial(use, X)
        for in_steps, what in ((False, "one"), (True, "in_steps")):
            yield f"form/{form}/{what}/theta_", lambda X=X, s=in_steps: _of_form(X, in_steps=s).theta_
            for name in ("predict", "input_gradient", "gradient_flow", "jacobian_vector_product"):
                yield f"form/{form}/{what}/{name}", functools.partial(_of_drawn, X, name, in_steps=in_steps)
    for form, other in OTHER_FORMS.items():
        yield f"form/{form}/predict_for_{other}", functools.partial(_of_drawn, forms()[form], "predict", other=other)
    for name, (kind, y) in targets().items():
        yield f"targets/{kind}/{name}", functools.partial(_of_targets, kind, y)
