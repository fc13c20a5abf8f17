"""Continuation of the series of a fitted forecaster: covariates of future steps, and further observations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.covariates import align
from numbarnn.forecasting.encoding import Covariates
from numbarnn.forecasting.memory import Memory
from numbarnn.forecasting.panel import Panel, Series
from numbarnn.forecasting.recipe import Data, Recipe
from numbarnn.forecasting.times import IntegerTimes, Times

Array = NDArray[np.float64]


def with_future(recipe: Recipe, panel: Panel, memory: Memory, known: list[Series] | None, horizon: int) -> Memory:
    """Return the memory with what is known of the steps that follow.

    Parameters
    ----------
    recipe : Recipe
    panel : Panel
        The series, or their ends.
    memory : Memory
    known : list of Series, or None
        Covariates of the following steps, and possibly of others.
    horizon : int

    Raises
    ------
    ValueError
        If a covariate is missing.
    """
    if known is not None and not recipe.known.n_columns:
        raise ValueError("X must be None, since the forecaster was fitted without it.")
    n_ahead = -(-horizon // recipe.encoding.horizon) * recipe.encoding.horizon
    tails = []
    for i, (tail, series) in enumerate(zip(memory.tails, panel.series, strict=True)):
        following = np.empty((0, recipe.known.n_columns))
        if known is not None:
            following = recipe.known.transform(_following(known[i], series.times.after(horizon)))
        elif recipe.known.n_columns:
            following = tail.covariates.known[len(tail.filled) :]
        if recipe.known.n_columns and len(following) < horizon:
            raise ValueError(
                f"X must hold the covariates of the {horizon} steps that follow {panel.labels[i]}, got "
                f"{len(following)} of them."
            )
        calendar = np.empty((n_ahead, 0))
        if recipe.calendar:
            calendar = recipe.calendar_rows(series.times.after(n_ahead + 1))[1:]
        past = np.empty((0 if recipe.past.n_columns else n_ahead, recipe.past.n_columns))
        tails.append(tail.with_covariates(Covariates(calendar, following, past, np.empty(0))))
    return replace(memory, tails=tuple(tails))


def continued(recipe: Recipe, panel: Panel, memory: Memory, data: Data, places: list[int]) -> tuple[Panel, Memory]:
    """Return the ends of the series and the memory with further observations, which nothing has read yet.

    Parameters
    ----------
    recipe : Recipe
    panel : Panel
        The ends of the series.
    memory : Memory
    data : Data
        Observations that follow, with their covariates.
    places : list of int
        Which series of the panel they belong to.

    Raises
    ------
    ValueError
        If they do not follow, or a covariate is missing.
    """
    if data.panel.n_variables != recipe.n_variables:
        raise ValueError(f"y must have {recipe.n_variables} variables as in fit, got {data.panel.n_variables}.")
    if bool(recipe.past.n_columns) != (data.past is not None):
        needed = "be given" if recipe.past.n_columns else "be None"
        raise ValueError(f"past_X must {needed}, as in fit.")
    if data.known is not None and not recipe.known.n_columns:
        raise ValueError("X must be None, since the forecaster was fitted without it.")
    series, tails, labels = list(panel.series), list(memory.tails), panel.labels
    for i, place in enumerate(places):
        new, label = data.panel.series[i], labels[place]
        if not len(new):
            continue
        own, tail = series[place], tails[place]
        times, slots = _times_between(own.times, new.times, label)
        values = np.full((len(times), recipe.n_variables), np.nan)
        values[slots] = new.values
        known = np.empty((0, recipe.known.n_columns))
        if data.known is not None:
            known = recipe.known.transform(align(data.known[i], times, name="X"))
        elif recipe.known.n_columns:
            known = tail.covariates.known[len(tail.filled) :]
        if recipe.known.n_columns and len(known) < len(times):
            raise ValueError(f"X must hold the covariates of the {len(times)} steps that follow {label}.")
        past = np.empty((len(times), 0))
        if data.past is not None:
            past = recipe.past.transform(align(data.past[i], times, name="past_X"))[: len(times)]
        calendar = recipe.calendar_rows(times, n_after=1)[1:]
        x = recipe.transform.forward(values, tail.choice, name=label)
        tails[place] = tail.with_covariates(Covariates(calendar, known, past, np.empty(0))).extended(
            x, recipe.encoding.period
        )
        series[place] = replace(own, values=values[-1:], times=own.times.joined(times).take(-1))
    return replace(panel, series=tuple(series)), replace(memory, tails=tuple(tails))


def _following(covariates: Series, times: Times) -> Series:
    """Return the covariates of the steps that follow, from rows for these only, or for earlier ones as well."""
    n = len(times)
    positions = isinstance(covariates.times, IntegerTimes) and covariates.times.start == 0
    if not positions:
        return align(covariates, times, name="X")
    if len(covariates) == n:
        return covariates
    if isinstance(times, IntegerTimes) and len(covariates) > times.start:
        later = covariates.take(times.start)
        if len(later) >= n:
            return later
    raise ValueError(f"X must have {n} rows, one for each step of the forecast, got {len(covariates)}.")


def _times_between(times: Times, new: Times, label: str) -> tuple[Times, Any]:
    """Return the times from the end of a series to that of new observations, and where these are among them.

    Raises
    ------
    ValueError
        If they do not follow, or are not on the grid of the series.
    """
    n = len(new)
    if isinstance(new, IntegerTimes) and new.start == 0:
        return times.after(n), slice(None)
    following = times.until(int(new.ticks_on(times)[-1])) if times.kind == new.kind else times
    found = following.locate(new, name="y")
    if (found < 0).any():
        raise ValueError(
            f"The observations must follow {label}, which ends at {times.label(len(times) - 1)}, at its frequency; got "
            f"{new.label(int((found < 0).argmax()))}."
        )
    return times.after(int(found[-1]) + 1), found
