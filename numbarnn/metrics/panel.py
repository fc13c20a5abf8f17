"""True values and forecasts of one series or of several, as the metrics read them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, as_floats, validate_sample_weight
from numbarnn.data.validation.arrays import check_numeric, first_row

Layout = Literal["values", "levels", "samples"]


class Panel(NamedTuple):
    """True values and forecasts of n series with K columns each; n is 1 for arrays.

    Attributes
    ----------
    y_true : list of n ndarrays of shape (H_i, K)
        NaN is a missing value.
    y_pred : list of n ndarrays of shape (H_i, K), or (H_i, K, M) for M levels or samples
    step_weights : list of n ndarrays of shape (H_i, K)
        Weight of each value within its series; zero where `y_true` is missing.
    series_weights : ndarray of shape (n,)
    keys : list of n hashables, or None
        The keys of the series, if they came as a dict.
    separate : bool
        Whether the series came as a list or dict, not as one array.
    """

    y_true: list[NDArray]
    y_pred: list[NDArray]
    step_weights: list[NDArray]
    series_weights: NDArray
    keys: list[Hashable] | None
    separate: bool

    def pooled_weights(self) -> NDArray:
        """Return the weights of the values of all series, one series after the other."""
        pairs = zip(self.step_weights, self.series_weights, strict=True)
        return np.concatenate([weights * of_series for weights, of_series in pairs])

    def read(self, name: str, values: Any) -> list[NDArray]:
        """Return further values of the same series, such as those of training, as arrays of shape (T_i, K)."""
        arrays = []
        for i, (label, item) in enumerate(_named(name, values, self)):
            array = _floats(item, label)
            _refuse_infinity(array, label)
            array = _with_columns(array)
            if array.shape[1] != self.y_true[i].shape[1]:
                raise ValueError(
                    f"Expected {label} with {self.y_true[i].shape[1]} columns, as in y_true, got {array.shape[1]}."
                )
            arrays.append(array)
        return arrays

    def label(self, name: str, i: int) -> str:
        """Return the expression by which series i of an argument is taken."""
        return f"{name}[{i if self.keys is None else self.keys[i]!r}]" if self.separate else name


def read_panel(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    *,
    name: str = "y_pred",
    layout: Layout = "values",
    infinite: bool = False,
) -> Panel:
    """Validate the arguments that all metrics have.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
    y_pred : array-like or list or dict of n of them
        For the layout "values" in the shape of `y_true`. For "levels" with one more axis at the end; a frame with two
        levels of column names holds (H, K * M). For "samples" with one more axis at the start; a frame has one row per
        step and one column per sample.
    sample_weight : array-like or None
        For one array of shape (H,), the weights of the steps. For a panel of shape (n,), the weights of the series, or
        a list or dict of n arrays, the weights of the steps.
    name : str
        Name of the argument `y_pred` in error messages.
    layout : {"values", "levels", "samples"}
    infinite : bool
        Whether forecasts may be infinite.

    Returns
    -------
    panel : Panel

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, or nothing was observed.
    """
    keys = list(y_true) if isinstance(y_true, Mapping) else None
    items = list(y_true.values()) if isinstance(y_true, Mapping) else separate(y_true)
    panel = Panel([], [], [], np.ones(1), keys, items is not None)
    truths = []
    for i, item in enumerate([y_true] if items is None else items):
        label = panel.label("y_true", i)
        truth = _floats(item, label)
        if truth.ndim > 2:
            raise ValueError(f"Expected {label} of shape (H,) or (H, K), got shape {truth.shape}.")
        _refuse_infinity(truth, label)
        truths.append(_with_columns(truth))
    panel = panel._replace(y_true=truths)
    columns = {truth.shape[1] for truth in truths}
    if len(columns) > 1:
        raise ValueError(f"Expected the same number of columns in every series of y_true, got {sorted(columns)}.")
    forecasts = [
        _forecast(item, label, truth, layout, infinite=infinite)
        for truth, (label, item) in zip(truths, _named(name, y_pred, panel), strict=True)
    ]
    step_weights, series_weights = _weights(sample_weight, panel)
    observed = [~np.isnan(truth) for truth in truths]
    step_weights = [weights * seen for weights, seen in zip(step_weights, observed, strict=True)]
    if not any(weights.any() for weights in step_weights):
        raise ValueError("y_true has no observed value: there is nothing to compare the forecasts with.")
    return panel._replace(y_pred=forecasts, step_weights=step_weights, series_weights=series_weights)


def weighted_means(values: NDArray, weights: NDArray) -> NDArray:
    """Return the weighted mean of each column, without values of weight zero; NaN where all weights are zero.

    Parameters
    ----------
    values : ndarray of shape (n, K)
    weights : ndarray of shape (n, K)

    Returns
    -------
    means : ndarray of shape (K,)
    """
    totals = weights.sum(axis=0)
    sums = (np.where(weights > 0, values, 0) * weights).sum(axis=0)
    return np.divide(sums, totals, out=np.full(len(totals), np.nan), where=totals > 0)


def mean_over_series(scores: NDArray, panel: Panel) -> NDArray:
    """Return the mean over the series, by their weights, of scores of shape (n, K); NaN takes no part."""
    return weighted_means(scores, panel.series_weights[:, np.newaxis] * ~np.isnan(scores))


def mean_over_columns(scores: NDArray, multioutput: Any) -> Any:
    """Return the scores of the K columns, or their mean, as `multioutput` says; NaN takes no part in a mean."""
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return scores
        if multioutput != "uniform_average":
            raise ValueError(
                f"multioutput must be 'uniform_average', 'raw_values' or an array of weights, got {multioutput!r}."
            )
        weights = np.ones(len(scores))
    else:
        weights = _floats(multioutput, "multioutput")
        if weights.shape != scores.shape or not (weights >= 0).all():
            raise ValueError(
                f"multioutput must be {len(scores)} weights that are not negative, one per column, got {multioutput!r}."
            )
    return float(weighted_means(scores[:, np.newaxis], (weights * ~np.isnan(scores))[:, np.newaxis])[0])


def _named(name: str, values: Any, panel: Panel) -> list[tuple[str, Any]]:
    """Return the names and the values of the series in an argument, in the order of those of `y_true`."""
    n = len(panel.y_true)
    if panel.keys is not None:
        if not isinstance(values, Mapping) or not set(panel.keys) <= set(values):
            got = f"the keys {list(values)[:9]}" if isinstance(values, Mapping) else f"a {type(values).__name__}"
            raise ValueError(f"y_true is a dict: expected {name} as a dict with the same {n} keys, got {got}.")
        items = [values[key] for key in panel.keys]
    elif panel.separate:
        found = None if isinstance(values, Mapping) else separate(values)
        if found is None:
            shape = np.shape(values)
            hint = f" Write list({name})." if len(shape) > 1 and shape[0] == n else ""
            raise ValueError(
                f"y_true is a list of {n} series: expected {name} as a list of {n} as well, got a "
                f"{type(values).__name__}.{hint}"
            )
        if len(found) != n:
            raise ValueError(f"y_true holds {n} series, but {name} holds {len(found)}.")
        items = found
    else:
        if isinstance(values, Mapping) or (separate(values) is not None):
            raise ValueError(
                f"y_true is one array, but {name} holds separate series: pass both as lists of arrays, or both as "
                "arrays of shape (H,) or (H, K). Lists of lists of one length are one array: if those in y_true "
                "are series, write [np.array(series) for series in y_true]."
            )
        items = [values]
    return [(panel.label(name, i), item) for i, item in enumerate(items)]


def _floats(values: Any, name: str) -> NDArray:
    array = as_array(values, name=name)
    check_numeric(array, name=name)
    if array.ndim == 0:
        raise ValueError(f"Expected {name} to be an array or a list, got a {type(values).__name__}.")
    return as_floats(array, np.float64, input_name=name)


def _with_columns(array: NDArray) -> NDArray:
    return array[:, np.newaxis] if array.ndim == 1 else array


def _refuse_infinity(array: NDArray, name: str) -> None:
    infinite = np.isinf(array)
    if infinite.any():
        raise ValueError(f"Input {name} contains infinity: {name}[{first_row(infinite)}].")


def _forecast(values: Any, name: str, truth: NDArray, layout: Layout, *, infinite: bool) -> NDArray:
    """Return the forecasts of one series as an array of shape (H, K), or (H, K, M) for levels or samples."""
    array = _floats(values, name)
    nan = np.isnan(array)
    if nan.any():
        raise ValueError(f"Input {name} contains NaN: {name}[{first_row(nan)}]. A forecast must not be missing.")
    if not infinite:
        _refuse_infinity(array, name)
    columns = getattr(values, "columns", None)
    if layout == "samples" and columns is None:
        array = np.moveaxis(array, 0, -1)
    n_steps, n_columns = truth.shape
    expected, given = "(H, K)", np.shape(values)
    if layout == "values":
        fits = array.ndim <= 2 and array.size == truth.size
    else:
        expected = "(H, K, M)" if layout == "levels" else "(n_samples, H, K)"
        side_by_side = n_columns > 1 and getattr(columns, "nlevels", 1) == 2
        fits = array.ndim == 3 or (array.ndim == 2 and (n_columns == 1 or side_by_side))
    if not fits or len(array) != n_steps or (array.ndim == 3 and array.shape[1] != n_columns):
        raise ValueError(
            f"Expected {name} of shape {expected} with H={n_steps} and K={n_columns}, as in y_true; K may be left out "
            f"if it is 1. Got shape {given}."
        )
    return array.reshape(truth.shape) if layout == "values" else array.reshape(n_steps, n_columns, -1)


def _weights(sample_weight: Any, panel: Panel) -> tuple[list[NDArray], NDArray]:
    """Return the weights of all values within their series, and those of the series."""
    n, lengths = len(panel.y_true), np.array([len(truth) for truth in panel.y_true], dtype=np.intp)
    of_steps = of_series = None
    if not panel.separate:
        of_steps = validate_sample_weight(sample_weight, np.ones(lengths[0], dtype=np.intp))
    elif sample_weight is not None:
        items: Sequence[Any] = sample_weight
        if isinstance(sample_weight, Mapping):
            items = [item for _, item in _named("sample_weight", sample_weight, panel)]
        if any(np.ndim(item) for item in items):
            of_steps = validate_sample_weight(items, lengths, per_step=True)
        else:
            of_series = validate_sample_weight(items, lengths)
    weights = np.ones(lengths.sum()) if of_steps is None else of_steps
    columns = panel.y_true[0].shape[1]
    split = np.split(np.repeat(weights[:, np.newaxis], columns, axis=1), np.cumsum(lengths)[:-1])
    return split, np.ones(n) if of_series is None else of_series
