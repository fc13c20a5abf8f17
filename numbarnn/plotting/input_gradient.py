"""Plot of the input gradient of one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array
from numbarnn.plotting.axes import checked_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage


class InputGradientDisplay:
    """Heat map of the derivatives of an output with respect to all inputs and time steps of one sequence.

    `from_estimator` creates a display. The parameters are stored as attributes.

    Parameters
    ----------
    gradient : ndarray of shape (T, I)
        Derivatives with respect to the inputs.
    feature_names : sequence of str of length I, default=None
        Names of the inputs.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The heat map, white where the derivative is zero.
    colorbar_ : matplotlib Colorbar or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    numbarnn.RNNClassifier.input_gradient : Computes the derivatives.

    Examples
    --------
    The target is the value of the input "a" at the third step:

    >>> import numpy as np
    >>> from numbarnn import RNNRegressor
    >>> from numbarnn.plotting import InputGradientDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> reg = RNNRegressor(8, cell="elman", learning_rate_init=0.02, random_state=0).fit(X, X[:, 2, 0])
    >>> display = InputGradientDisplay.from_estimator(reg, X[0], feature_names=["a", "b"])
    >>> divmod(int(np.abs(display.im_.get_array()).argmax()), 5)
    (0, 2)
    """

    im_: AxesImage
    colorbar_: Colorbar | None
    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, *, gradient: NDArray, feature_names: Sequence[str] | None = None):
        self.gradient = gradient
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        output: Any = None,
        *,
        step: int | None = None,
        position: int | None = None,
        activated: bool = False,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot the input gradient of a fitted estimator for one sequence.

        Parameters
        ----------
        estimator : RNNClassifier, RNNRegressor or CTCClassifier
            A fitted estimator with a single network (``n_estimators=1``).
        X : array-like of shape (T, I) or (T,)
            One sequence, such as ``X[0]``; also ``X[:1]`` of shape (1, T, I), or a list of one sequence.
        output : class label or int, default=None
            The class, or the index of the output, to differentiate, as in `input_gradient`. None is the predicted
            class, or the only output.
        step : int, default=None
            With `return_sequences`, the step whose output is differentiated. None differentiates the sum over all
            steps.
        position : int, default=None
            Of a `CTCClassifier`, the index of the label of the transcription whose output is differentiated, at the
            step at which it is found; it takes the place of `output` and `step`.
        activated : bool, default=False
            Whether to differentiate the output after its activation, such as a probability.
        feature_names : sequence of str of length I, default=None
            Names of the inputs. None uses the names of the columns of X or those that the estimator was fitted with.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : InputGradientDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no method `input_gradient`.
        ValueError
            If X is not one sequence, or there is no such output or step.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "input_gradient"):
            raise TypeError(
                f"{type(estimator).__name__} has no method input_gradient. For a pipeline pass its last step, "
                "pipe[-1], and what that step gets, pipe[:-1].transform(X)."
            )
        sequence = _one_sequence(X)
        flat = np.ndim(sequence) == 1
        of_label = {} if position is None else {"position": position}
        gradient = estimator.input_gradient([sequence], output, step=step, activated=activated, **of_label)[0]
        if feature_names is None and not flat:
            feature_names = getattr(sequence, "columns", getattr(estimator, "feature_names_in_", None))
        names = None if feature_names is None else [str(name) for name in feature_names]
        return cls(gradient=np.asarray(gradient).reshape(len(gradient), -1), feature_names=names).plot(ax, **styles)

    def plot(self, ax: Axes | None = None, *, colorbar: bool = True, im_kwargs: dict[str, Any] | None = None) -> Self:
        """Plot the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        colorbar : bool, default=True
            Whether to add a colorbar.
        im_kwargs : dict, default=None
            Keyword arguments of matplotlib's `imshow`.

        Returns
        -------
        display : InputGradientDisplay
            The display itself.
        """
        n_inputs = self.gradient.shape[1]
        if self.feature_names is not None and len(self.feature_names) != n_inputs:
            raise ValueError(f"Expected {n_inputs} feature_names, got {len(self.feature_names)}.")
        ax = checked_axes(self, ax)
        largest = float(np.abs(self.gradient).max(initial=0.0)) or 1.0
        style: dict[str, Any] = {"aspect": "auto", "cmap": "RdBu_r", "interpolation": "nearest"}
        style |= {"vmin": -largest, "vmax": largest, **(im_kwargs or {})}
        self.im_ = ax.imshow(self.gradient.T, **style)
        ax.set(xlabel="time step", ylabel="input")
        if self.feature_names is not None:
            ax.set_yticks(range(n_inputs), self.feature_names)
        elif n_inputs <= 20:
            ax.set_yticks(range(n_inputs))
        self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, label="derivative of the output") if colorbar else None
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _one_sequence(X: Any) -> Any:
    """Return a single sequence of shape (T, I) or (T,), out of a container of one if there is one."""
    items = separate(X)
    if items is None and as_array(X, name="X").ndim == 3:
        items = list(as_array(X, name="X"))
    if items is None:
        return X if hasattr(X, "columns") else as_array(X, name="X")
    if len(items) != 1:
        raise ValueError(f"Expected X to be one sequence, such as X[0], got {len(items)}.")
    return items[0]
