"""Plot of vanishing and exploding gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from numbarnn.plotting.axes import checked_axes, fill_style, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class GradientFlowDisplay:
    """Plot of the norms of the derivative of the loss with respect to the state of each layer, over time.

    Lines are medians over the sequences, and filled areas extend from the 10% to the 90% quantile. A line that falls
    towards the first steps shows a vanishing gradient, and one that rises an exploding gradient. Sequences of different
    lengths are aligned at their last steps.

    `from_estimator` and `from_norms` create a display. The parameters are stored as attributes.

    Parameters
    ----------
    norms : dict of str to array-like of shape (n, T), or to list of n array-likes of shape (T_i,)
        Norms for each layer, or for each part of the state.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
    fills_ : dict of str to matplotlib PolyCollection
        Empty for a single sequence.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    numbarnn.RNNClassifier.gradient_flow : Computes the norms for the layers of a fitted network.
    numbarnn.gradient_flow : Computes the norms for one cell.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> from numbarnn.plotting import GradientFlowDisplay
    >>> cell = numbarnn.Elman.init(n_inputs=3, n_units=5, dtype="float64", random_state=0)
    >>> y, _, tape = numbarnn.forward(cell, np.ones((50, 2, 3)))
    >>> norms = numbarnn.gradient_flow(cell, tape, state_bar=(np.ones_like(y[-1]),))
    >>> display = GradientFlowDisplay.from_norms(norms)
    >>> curve = display.lines_["h"].get_ydata()
    >>> len(curve), bool(curve[0] < 1e-3 * curve[-1])
    (51, True)
    """

    lines_: dict[str, Line2D]
    fills_: dict[str, PolyCollection]
    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, *, norms: Mapping[str, Any]):
        self.norms = norms

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, ax: Axes | None = None, **styles: Any) -> Self:
        """Plot the gradient flow of a fitted estimator.

        Parameters
        ----------
        estimator : RNNClassifier or RNNRegressor
            A fitted estimator with a single network (``n_estimators=1``).
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator has no method `gradient_flow`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "gradient_flow"):
            raise TypeError(
                f"{type(estimator).__name__} has no method gradient_flow. For a pipeline pass its last step, "
                "pipe[-1], and what that step gets, pipe[:-1].transform(X)."
            )
        return cls(norms=estimator.gradient_flow(X, y)).plot(ax, **styles)

    @classmethod
    def from_norms(
        cls,
        norms: Mapping[str, NDArray] | Sequence[NDArray],
        *,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot norms that were computed by `numbarnn.gradient_flow`.

        Parameters
        ----------
        norms : tuple of ndarrays of shape (T + 1, B), or dict of str to such arrays
            The norms for the parts of the state, h and c, or for several networks by their names. Row t is for the
            state after t steps.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : GradientFlowDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_norms")
        named = norms if isinstance(norms, Mapping) else dict(zip("hc", norms, strict=False))
        return cls(norms={name: np.transpose(each) for name, each in named.items()}).plot(ax, **styles)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kwargs: dict[str, Any] | None = None,
        fill_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Plot the norms on a logarithmic scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        line_kwargs : dict, default=None
            Keyword arguments of matplotlib's `plot` for the medians.
        fill_kwargs : dict, default=None
            Keyword arguments of matplotlib's `fill_between` for the areas.

        Returns
        -------
        display : GradientFlowDisplay
            The display itself.
        """
        ax = checked_axes(self, ax)
        self.lines_, self.fills_, ragged = {}, {}, False
        for name, norms in self.norms.items():
            lengths = {len(row) for row in norms}
            ragged |= len(lengths) > 1
            table = _aligned(norms, max(lengths))
            lower, median, upper = np.nanquantile(table, (0.1, 0.5, 0.9), axis=0)
            steps = np.arange(len(median)) - (len(median) - 1 if len(lengths) > 1 else 0)
            (self.lines_[name],) = ax.plot(steps, median, **line_style(line_kwargs, label=name))
            if len(table) > 1:
                area = fill_style(fill_kwargs, facecolor=self.lines_[name].get_color(), alpha=0.2, linewidth=0)
                self.fills_[name] = ax.fill_between(steps, lower, upper, **area)
        ax.set(yscale="log", ylabel=r"$\|\partial L / \partial h_t\|$")
        ax.set_xlabel("time step, counted from the last" if ragged else "time step")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _aligned(norms: Any, longest: int) -> NDArray:
    """Return norms of shape (n, T), aligned at the last steps, with NaN before the first."""
    table = np.full((len(norms), longest), np.nan)
    for row, of_sequence in zip(table, norms, strict=True):
        row[longest - len(of_sequence) :] = of_sequence
    return table
