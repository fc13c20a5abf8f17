"""Ensembles: several networks that differ in their random numbers, trained in parallel and averaged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed


def fit_members(ensemble: Any, X: Any, y: Any, sample_weight: Any, *, partial: bool) -> Any:
    """Fit the members of an ensemble, each with a seed of its own, and describe the ensemble by the first.

    Parameters
    ----------
    ensemble : estimator with `n_estimators` above one
        Changed and returned.
    X, y, sample_weight
        As in `fit`.
    partial : bool
        Whether each member is to go on by one epoch.
    """
    resume = hasattr(ensemble, "estimators_") and (partial or ensemble.warm_start)
    if resume and len(ensemble.estimators_) != ensemble.n_estimators:
        raise ValueError(
            f"Training cannot go on with n_estimators={ensemble.n_estimators}: "
            f"{len(ensemble.estimators_)} members are fitted."
        )
    if resume:
        members = [copy.copy(member) for member in ensemble.estimators_]
        settings = {name: value for name, value in ensemble.get_params().items() if name not in _OF_MEMBERS}
        for member in members:
            member.set_params(**settings)
    else:
        seeds = check_random_state(ensemble.random_state).randint(np.iinfo(np.int32).max, size=ensemble.n_estimators)
        template = clone(ensemble).set_params(n_estimators=1, n_jobs=1)
        members = [clone(template).set_params(random_state=int(seed)) for seed in seeds]
        for member in members:
            member.__dict__.update(ensemble._known_targets())
    fitted = Parallel(n_jobs=ensemble.n_jobs, prefer="threads")(
        delayed(_fit_member)(member, X, y, sample_weight, partial) for member in members
    )
    ensemble.estimators_ = list(fitted)
    for name in _DESCRIPTION:
        if hasattr(fitted[0], name):
            setattr(ensemble, name, getattr(fitted[0], name))
    ensemble.n_iter_ = max(member.n_iter_ for member in fitted)
    ensemble.loss_ = float(np.mean([member.loss_ for member in fitted]))
    for name in _OF_ONE_NETWORK:
        ensemble.__dict__.pop(name, None)
    return ensemble


def average(predictions: list[Any]) -> Any:
    """Return the mean of the arrays that the members predict, in their dtype."""
    return np.mean(predictions, axis=0, dtype=predictions[0].dtype)


def over_members(members: list[Any], X: Any, output: Callable[[Any, Any], Any], combine: Callable[[Any], Any]) -> Any:
    """Return what is made of the predictions of all members, in the form of X."""
    predictions = [member._predict(X, None, return_state=False, output=output) for member in members]
    first = predictions[0]
    if isinstance(first, np.ndarray) and first.dtype != object:
        return combine(predictions)
    combined = [combine(list(items)) for items in zip(*predictions, strict=True)]
    if isinstance(first, list):
        return combined
    array = np.empty(len(combined), dtype=object)
    for i, item in enumerate(combined):
        array[i] = item
    return array


def _fit_member(member: Any, X: Any, y: Any, sample_weight: Any, partial: bool) -> Any:
    return member._become(copy.copy(member)._learn(X, y, sample_weight, partial=partial))


_OF_MEMBERS = ("n_estimators", "n_jobs", "random_state")
_DESCRIPTION = (
    "classes_",
    "n_features_in_",
    "feature_names_in_",
    "_series_per_row",
    "_head",
    "patch_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "t_",
)
_OF_ONE_NETWORK = ("theta_", "network_", "_state", "loss_curve_", "best_loss_", "validation_scores_", "_structure")
