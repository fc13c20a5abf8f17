"""Plot of the attention weights of one sequence."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from numbarnn.plotting.axes import checked_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage


class AttentionDisplay:
    """Heat map of the attention weights of one pair of source and target.

    As in figure 3 of Bahdanau et al. 2015 [1]_, it shows how the two are aligned, with one row for each step of the
    target and one column for each step of the source. Use `from_estimator` or `from_predictions` to create a display.
    The parameters are stored as attributes.

    Parameters
    ----------
    weights : ndarray of shape (T_out, T_in)
        Attention weights; each row sums to one.
    source : sequence of length T_in, default=None
        Labels of the steps of the source. None means their numbers.
    target : sequence of length T_out, default=None
        Labels of the steps of the target. None means their numbers.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The heat map.
    colorbar_ : matplotlib Colorbar or None
        The colorbar, if there is one.
    ax_ : matplotlib Axes
        The axes of the heat map.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    numbarnn.estimators.Seq2SeqClassifier.predict : Returns the weights.

    References
    ----------
    .. [1] D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
       ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.plotting import AttentionDisplay
    >>> weights = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    >>> display = AttentionDisplay.from_predictions(weights, source="two", target=["T", "UW"])
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['T', 'UW']
    """

    im_: AxesImage
    colorbar_: Colorbar | None
    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        weights: NDArray,
        source: Sequence[Hashable] | None = None,
        target: Sequence[Hashable] | None = None,
    ):
        self.weights = weights
        self.source = source
        self.target = target

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        *,
        n_steps: int | None = None,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot the attention weights of a fitted estimator when it predicts the target of one source.

        Parameters
        ----------
        estimator : Seq2SeqClassifier or Seq2SeqRegressor
            A fitted estimator with attention.
        x : array-like of shape (T, I), or sequence of labels
            One source, such as ``X[0]``.
        n_steps : int, default=None
            Number of steps that a `Seq2SeqRegressor` predicts. None means its `n_steps_`.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator does not support attention, such as a pipeline.
        ValueError
            If x is not one source, or the estimator was fitted with ``attention=None``.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "attention"):
            raise TypeError(
                f"{type(estimator).__name__} has no attention. For a pipeline pass its last step, pipe[-1], and what "
                "that step gets, pipe[:-1].transform(X)[0]."
            )
        options = {} if n_steps is None else {"n_steps": n_steps}
        predicted, weights = estimator.predict([x], return_attention=True, **options)
        source = x if hasattr(estimator.source_, "vocabulary") else None
        target = predicted[0] if hasattr(estimator, "vocabulary_") else None
        return cls.from_predictions(weights[0], source, target, ax=ax, **styles)

    @classmethod
    def from_predictions(
        cls,
        weights: ArrayLike,
        source: Sequence[Hashable] | None = None,
        target: Sequence[Hashable] | None = None,
        *,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot given attention weights.

        Parameters
        ----------
        weights : array-like of shape (T_out, T_in)
            Weights of one sequence, for example from `Seq2SeqClassifier.predict`.
        source : sequence of length T_in, default=None
            Labels of the steps of the source. None means their numbers.
        target : sequence of length T_out, default=None
            Labels of the steps of the target. None means their numbers.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the weights do not have two axes, or a number of labels does not fit them.
        """
        return cls(weights=np.asarray(weights), source=source, target=target).plot(ax, **styles)

    def plot(self, ax: Axes | None = None, *, colorbar: bool = False, im_kwargs: dict[str, Any] | None = None) -> Self:
        """Plot the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        colorbar : bool, default=False
            Whether to add a colorbar.
        im_kwargs : dict, default=None
            Keyword arguments of matplotlib's `imshow`.

        Returns
        -------
        display : AttentionDisplay
            The display itself.
        """
        if self.weights.ndim != 2:
            raise ValueError(f"weights must be those of one sequence, (T_out, T_in), got shape {self.weights.shape}.")
        for name, labels, n in zip(("target", "source"), (self.target, self.source), self.weights.shape, strict=True):
            if labels is not None and len(labels) != n:
                raise ValueError(
                    f"{name} must have {n} labels, as the weights {self.weights.shape}, got {len(labels)}."
                )
        ax = checked_axes(self, ax)
        style: dict[str, Any] = {"aspect": "auto", "cmap": "Blues", "interpolation": "nearest", "vmin": 0, "vmax": 1}
        self.im_ = ax.imshow(self.weights, **style | (im_kwargs or {}))
        ax.set(xlabel="source", ylabel="target")
        if self.source is not None:
            ax.set_xticks(range(len(self.source)), list(map(str, self.source)))
        if self.target is not None:
            ax.set_yticks(range(len(self.target)), list(map(str, self.target)))
        self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, label="weight") if colorbar else None
        self.ax_, self.figure_ = ax, ax.figure
        return self
