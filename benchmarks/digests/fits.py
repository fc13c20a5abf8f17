"""Parameters and attributes of fitted estimators."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from benchmarks.digests.estimators import FITS, KINDS, OF_LABELS, REGULARIZED, estimator, examples, fitted
from benchmarks.digests.names import Case

ATTRIBUTES = {
    "lstm": ["n_iter_", "t_", "loss_", "best_loss_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"],
    "adaptive": ["n_iter_"],
    "converged": ["n_iter_", "t_", "best_loss_"],
    "early_stopping": ["n_iter_", "t_", "validation_scores_", "best_validation_score_", "best_loss_"],
    "early_stopping_in_steps": ["n_iter_", "validation_scores_", "best_validation_score_"],
    "weights": ["t_"],
}


def fits() -> Iterator[Case]:
    """Yield parameters and attributes of fitted estimators."""
    for kind in KINDS:
        for fit in [fit for fit in FITS if kind == "classifier" or fit not in OF_LABELS]:
            for name in ["theta_", "loss_curve_", *ATTRIBUTES.get(fit, [])]:
                yield f"fit/{kind}/{fit}/{name}", lambda kind=kind, fit=fit, name=name: getattr(fitted(kind, fit), name)
        for name in ["warm_start", "partial_fit", "partial_fit_of_all", "partial_fit_after_fit"]:
            for part in ["theta_", "loss_curve_", "n_iter_", "t_"]:
                yield (
                    f"fit/{kind}/{name}/{part}",
                    lambda kind=kind, name=name, part=part: getattr(_fitted_again(kind, name), part),
                )
    for fit in ["lstm", "several", "two", "strings"]:
        yield f"fit/classifier/{fit}/classes_", lambda fit=fit: fitted("classifier", fit).classes_


@functools.cache
def _fitted_again(kind: str, how: str) -> Any:
    X, y, weights = examples(kind, in_steps=False, weighted=True)
    halves = [(X[start::2], y[start::2], weights[start::2]) for start in (0, 1)]
    model = estimator(kind, {"warm_start": True})
    if how == "partial_fit_of_all":
        model = estimator(kind, {**REGULARIZED, "solver": "adam", "batch_size": 4, "shuffle": True})
    classes = {"classes": [2, 3, 5]} if kind == "classifier" else {}
    if how in ("warm_start", "partial_fit_after_fit"):
        model.fit(X, y, sample_weight=None)
    for X_half, y_half, weights_half in halves:
        if how == "warm_start":
            model.fit(X_half, y_half, sample_weight=weights_half)
        else:
            model.partial_fit(X_half, y_half, sample_weight=weights_half, **classes)
    return model
