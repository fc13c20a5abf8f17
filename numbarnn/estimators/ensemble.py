"""Ensembles: several networks that differ in their random numbers, trained in parallel and averaged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

_OF_THE_ENSEMBLE = ("n_estimators", "n_jobs", "random_state")
"""Parameters that the members do not share with their ensemble."""


def new_members(ensemble: Any) -> list[Any]:
    """Return an unfitted estimator of one network for each of `n_estimators`, each with a seed of its own."""
    seeds = check_random_state(ensemble.random_state).randint(np.iinfo(np.int32).max, size=ensemble.n_estimators)
    template = clone(ensemble).set_params(n_estimators=1, n_jobs=1)
    return [clone(template).set_params(random_state=int(seed)) for seed in seeds]


def resumed_members(ensemble: Any) -> list[Any]:
    """Return copies of the fitted members with the present parameters of their ensemble."""
    changed = {name: value for name, value in ensemble.get_params(deep=False).items() if name not in _OF_THE_ENSEMBLE}
    return [copy.copy(member).set_params(**changed) for member in ensemble.estimators_]


def fit_members(members: list[Any], fit: Callable[[Any], Any], *, n_jobs: int | None) -> list[Any]:
    """Return what a function makes of each member, called on so many threads in joblib's sense."""
    return list(Parallel(n_jobs=n_jobs, prefer="threads")(delayed(fit)(member) for member in members))
