"""Plot of the training of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from numbarnn.plotting.axes import checked_axes, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class LossCurveDisplay:
    """Plot of the training loss of each epoch, and of the validation score if there is one.

    `from_estimator` creates a display. The parameters are stored as attributes.

    Parameters
    ----------
    loss_curves : list of array-like of shape (n_epochs,)
        The loss of each epoch, of one network or of each member of an ensemble.
    validation_scores : list of array-like of shape (n_epochs,), default=None
        The validation score of each epoch, likewise.
    name : str, default=None
        Name of the estimator, for the title.

    Attributes
    ----------
    loss_lines_, validation_lines_ : list of matplotlib Line2D
    ax_ : matplotlib Axes
        The axes of the losses.
    validation_ax_ : matplotlib Axes or None
        The axes of the validation scores, which share the horizontal axis and have their own scale on the right.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import RNNRegressor
    >>> from numbarnn.plotting import LossCurveDisplay
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> reg = RNNRegressor(4, cell="elman", learning_rate_init=0.05, random_state=0).fit(X, X[:, 2])
    >>> display = LossCurveDisplay.from_estimator(reg)
    >>> len(display.loss_lines_[0].get_ydata()) == reg.n_iter_
    True
    >>> display.ax_.set_yscale("log")
    """

    loss_lines_: list[Line2D]
    validation_lines_: list[Line2D]
    ax_: Axes
    validation_ax_: Axes | None
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        loss_curves: Sequence[Any],
        validation_scores: Sequence[Any] | None = None,
        name: str | None = None,
    ):
        self.loss_curves = loss_curves
        self.validation_scores = validation_scores
        self.name = name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None, **styles: Any) -> Self:
        """Plot the training of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator with the attribute `loss_curve_`, an ensemble with `estimators_`, or a pipeline that ends
            with one of them.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no `loss_curve_`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        members = getattr(last, "estimators_", [last])
        if not all(hasattr(member, "loss_curve_") for member in members):
            raise TypeError(f"{type(last).__name__} has no attribute loss_curve_: there is no training to draw.")
        scores = [getattr(member, "validation_scores_", None) for member in members]
        display = cls(
            loss_curves=[member.loss_curve_ for member in members],
            validation_scores=None if any(each is None for each in scores) else scores,
            name=type(last).__name__,
        )
        return display.plot(ax, **styles)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        loss_kwargs: dict[str, Any] | None = None,
        validation_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Plot the losses and the validation scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        loss_kwargs, validation_kwargs : dict, default=None
            Keyword arguments of matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        ax = checked_axes(self, ax)
        alpha = 1.0 if len(self.loss_curves) == 1 else 0.6
        style = line_style(loss_kwargs, color="tab:blue", alpha=alpha, label="training loss")
        self.loss_lines_ = _lines(ax, self.loss_curves, style)
        ax.set(xlabel="epoch", ylabel="training loss", title=self.name)
        self.validation_ax_, self.validation_lines_ = None, []
        if self.validation_scores is not None:
            self.validation_ax_ = ax.twinx()
            self.validation_ax_.set_ylabel("validation score")
            style = line_style(validation_kwargs, color="tab:orange", alpha=alpha, label="validation score")
            self.validation_lines_ = _lines(self.validation_ax_, self.validation_scores, style)
            self.validation_ax_.legend(handles=[self.loss_lines_[0], self.validation_lines_[0]])
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _lines(ax: Axes, curves: Sequence[Any], style: dict[str, Any]) -> list[Line2D]:
    """Draw curves over the epochs, counted from 1; the first one has the label."""
    lines = []
    for i, curve in enumerate(curves):
        lines += ax.plot(np.arange(1, len(curve) + 1), curve, **(style | {"label": None} if i else style))
    return lines
