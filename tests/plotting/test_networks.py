"""What the displays of training and of derivatives draw."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline

import numbarnn
from numbarnn.plotting import GradientFlowDisplay, InputGradientDisplay, LossCurveDisplay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))


@pytest.fixture(scope="module")
def fitted():
    reg = numbarnn.RNNRegressor(
        3, cell="elman", early_stopping=True, validation_fraction=0.2, max_iter=6, n_iter_no_change=6, random_state=0
    )
    with pytest.warns(Warning, match="Maximum iterations"):
        return reg.fit(X, X[:, 2, 0])


def test_loss_curve_and_validation_scores(fitted):
    display = LossCurveDisplay.from_estimator(make_pipeline("passthrough", fitted), loss_kwargs={"lw": 3})
    np.testing.assert_array_equal(display.loss_lines_[0].get_data(), [np.arange(1, 7), fitted.loss_curve_])
    np.testing.assert_array_equal(display.validation_lines_[0].get_data(), [np.arange(1, 7), fitted.validation_scores_])
    assert display.loss_lines_[0].get_linewidth() == 3
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "training loss")
    assert display.ax_.get_title() == "RNNRegressor"
    assert display.validation_ax_.get_ylabel() == "validation score"
    labels = [text.get_text() for text in display.validation_ax_.get_legend().get_texts()]
    assert labels == ["training loss", "validation score"]
    assert display.validation_ax_.figure is display.figure_


def test_loss_curves_of_an_ensemble():
    members = [SimpleNamespace(loss_curve_=[3.0, 2.0]), SimpleNamespace(loss_curve_=[4.0, 2.0, 1.0])]
    ensemble = MLPRegressor()
    ensemble.estimators_ = members
    display = LossCurveDisplay.from_estimator(ensemble)
    assert [line.get_ydata().tolist() for line in display.loss_lines_] == [[3, 2], [4, 2, 1]]
    assert display.validation_ax_ is None
    assert display.validation_lines_ == []


def test_loss_curves_need_a_fitted_network():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(numbarnn.RNNRegressor())
    with pytest.raises(TypeError, match="LinearRegression has no attribute loss_curve_"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X[:, 0], X[:, 1]))


def test_input_gradient_of_one_sequence(fitted):
    expected = fitted.input_gradient(X[:1])[0]
    for one in (X[0], X[:1], [X[0]], X[0].tolist()):
        display = InputGradientDisplay.from_estimator(fitted, one)
        np.testing.assert_array_equal(display.im_.get_array(), expected.T)
    assert display.im_.get_clim() == (-np.abs(expected).max(), np.abs(expected).max())
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["0", "1"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time step", "input")
    assert display.colorbar_.ax.get_ylabel() == "derivative of the output"
    named = display.plot(colorbar=False, im_kwargs={"cmap": "gray"})
    assert named.colorbar_ is None
    assert named.im_.get_cmap().name == "gray"


def test_input_gradient_of_columns_and_of_single_numbers(fitted):
    pandas = pytest.importorskip("pandas")
    calls = []

    class Squares:
        def input_gradient(self, X, output, *, step, activated):
            calls.append((output, step, activated))
            return [2 * np.asarray(x) for x in X]

    frame = pandas.DataFrame(X[0], columns=["load", "heat"])
    display = InputGradientDisplay.from_estimator(Squares(), frame, output=1, step=-1, activated=True)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["load", "heat"]
    assert calls == [(1, -1, True)]
    display = InputGradientDisplay.from_estimator(Squares(), X[0, :, 0])
    np.testing.assert_array_equal(display.im_.get_array(), 2 * X[:1, :, 0])
    assert InputGradientDisplay.from_estimator(Squares(), np.zeros(3)).im_.get_clim() == (-1, 1)


def test_input_gradient_of_a_label():
    class Transcriber:
        def input_gradient(self, X, output, *, step, position, activated):
            return [position * np.asarray(x) for x in X]

    display = InputGradientDisplay.from_estimator(Transcriber(), X[0], position=3)
    np.testing.assert_array_equal(display.im_.get_array(), 3 * X[0].T)


def test_input_gradient_of_a_network_of_rows():
    rows = X[:, :, 0]
    reg = numbarnn.RNNRegressor(3, cell="elman", max_iter=2, random_state=0)
    with pytest.warns(Warning, match="Maximum iterations"):
        reg.fit(rows, rows[:, 2])
    display = InputGradientDisplay.from_estimator(reg, rows[0])
    np.testing.assert_array_equal(display.gradient[:, 0], reg.input_gradient(rows[:1])[0])


def test_errors_of_input_gradients(fitted):
    with pytest.raises(ValueError, match=r"Expected X to be one sequence, such as X\[0\], got 40"):
        InputGradientDisplay.from_estimator(fitted, X)
    with pytest.raises(TypeError, match=r"Pipeline has no method input_gradient.*pipe\[-1\]"):
        InputGradientDisplay.from_estimator(make_pipeline("passthrough", fitted), X[0])
    with pytest.raises(ValueError, match="Expected 2 feature_names, got 1"):
        InputGradientDisplay.from_estimator(fitted, X[0], feature_names=["a"])


def test_gradient_flow_of_the_layers(fitted):
    display = GradientFlowDisplay.from_estimator(fitted, X, X[:, 2, 0])
    norms = fitted.gradient_flow(X, X[:, 2, 0])
    assert list(display.lines_) == list(display.fills_) == list(norms)
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_data(), [np.arange(6), np.median(norms[name], axis=0)])
    heights = display.fills_[name].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose(heights.max(), np.quantile(norms[name], 0.9, axis=0).max(), rtol=1e-14)
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "time step"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(norms)
    with pytest.raises(TypeError, match=r"Pipeline has no method gradient_flow"):
        GradientFlowDisplay.from_estimator(make_pipeline("passthrough", fitted), X, X[:, 2, 0])


def test_gradient_flow_of_ragged_sequences_is_aligned_at_the_end():
    display = GradientFlowDisplay(norms={"layer0": [[1.0, 4.0], [2.0, 3.0, 8.0]]}).plot()
    np.testing.assert_array_equal(display.lines_["layer0"].get_data(), [[-2, -1, 0], [2, 2, 6]])
    assert display.ax_.get_xlabel() == "time step, counted from the last"


def test_gradient_flow_of_a_cell():
    h, c = np.array([[1.0], [2.0], [4.0]]), np.array([[3.0], [2.0], [1.0]])
    display = GradientFlowDisplay.from_norms((h, c), line_kwargs={"ls": ":"})
    np.testing.assert_array_equal(display.lines_["h"].get_data(), [[0, 1, 2], [1, 2, 4]])
    np.testing.assert_array_equal(display.lines_["c"].get_ydata(), [3, 2, 1])
    assert display.fills_ == {}
    assert display.lines_["h"].get_linestyle() == ":"
    assert list(GradientFlowDisplay.from_norms({"RNN": h, "LSTM": c}).lines_) == ["RNN", "LSTM"]
