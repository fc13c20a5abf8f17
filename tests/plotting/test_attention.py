"""The picture of an alignment."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from numbarnn.plotting import AttentionDisplay

WEIGHTS = np.array([[0.7, 0.3, 0.0], [0.1, 0.2, 0.7]])


class Speller:
    """An estimator whose predictions and weights are known."""

    attention = "additive"
    vocabulary_ = None

    def __init__(self, source_):
        self.source_ = source_

    def predict(self, X, n_steps=2, *, return_attention):
        assert return_attention
        assert len(X) == 1
        return [["T", 5][:n_steps]], [WEIGHTS[:n_steps]]


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_labels_of_source_and_target():
    display = AttentionDisplay.from_estimator(Speller(SimpleNamespace(vocabulary=None)), "two", colorbar=True)
    np.testing.assert_array_equal(display.im_.get_array(), WEIGHTS)
    assert labels(display.ax_.xaxis) == ["t", "w", "o"]
    assert labels(display.ax_.yaxis) == ["T", "5"]
    assert display.im_.get_clim() == (0, 1)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("source", "target")
    assert display.colorbar_.ax.get_ylabel() == "weight"
    plain = display.plot(im_kwargs={"cmap": "gray"})
    assert plain.colorbar_ is None
    assert plain.im_.get_cmap().name == "gray"


def test_steps_of_numbers_have_none():
    display = AttentionDisplay.from_estimator(Speller(SimpleNamespace()), np.zeros((3, 2)), n_steps=1)
    assert display.source is None
    assert display.weights.shape == (1, 3)


def test_errors():
    with pytest.raises(ValueError, match=r"target must have 2 labels, as the weights \(2, 3\), got 1"):
        AttentionDisplay.from_predictions(WEIGHTS, "two", ["T"])
    with pytest.raises(ValueError, match=r"weights must be those of one sequence, \(T_out, T_in\), got shape \(3,\)"):
        AttentionDisplay.from_predictions(WEIGHTS[0])
    with pytest.raises(TypeError, match=r"Pipeline has no attention.*pipe\[-1\]"):
        AttentionDisplay.from_estimator(make_pipeline("passthrough"), "two")
