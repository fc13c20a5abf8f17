"""The adapters to aeon."""

from __future__ import annotations

import doctest
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.interop.collections import collection, results

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Data seen by instance"),
]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("aeon")
    from aeon.testing.estimator_checking import check_estimator

    from numbarnn.interop import aeon as adapters

ADAPTERS = [adapters.RNNTimeSeriesClassifier, adapters.RNNTimeSeriesRegressor]


def kind_of(adapter):
    return adapter.__name__.removeprefix("RNNTimeSeries").lower()


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_checks_of_aeon(adapter):
    outcomes = check_estimator(adapter)
    assert len(outcomes) > 30
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "PASSED"} == {}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_channels_come_first(adapter, ragged):
    series, y, network = collection(kind_of(adapter), ragged=ragged)
    adapted = adapter(network).fit(series if ragged else np.stack(series), y)
    sequences = [x.T for x in series]
    assert_array_equal(results(adapted, series), results(network.fit(sequences, y), sequences))


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_nothing_need_be_scaled_by_default(adapter):
    series, y, _ = collection(kind_of(adapter))
    X = 1e6 + 1e3 * np.stack(series)
    y = 1e6 + 1e3 * y if y.dtype == np.float64 else y
    assert adapter().fit(X, y).score(X, y) > 0.95


def test_examples():
    assert doctest.testmod(adapters).failed == 0
