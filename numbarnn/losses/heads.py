"""Heads: what links the targets of an estimator to the outputs of its model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import log_expit, log_softmax

from numbarnn.losses.sigmoid_cross_entropy import SigmoidCrossEntropy
from numbarnn.losses.softmax_cross_entropy import SoftmaxCrossEntropy

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.losses.base import Loss

    Array = NDArray[Any]


class Head(Protocol):
    """A loss with what an estimator needs around it.

    Attributes
    ----------
    loss : Loss
    n_outputs : int
        Outputs of the model per row.
    """

    @property
    def loss(self) -> Any:
        """The loss."""
        ...

    @property
    def n_outputs(self) -> int:
        """Outputs of the model per row."""
        ...

    def encode(self, rows: Array, dtype: DTypeLike) -> Array:
        """Return targets, one row each, as the loss takes them."""
        ...

    def predict(self, z: Array) -> Array:
        """Return the point prediction of each row of outputs, encoded as the targets are."""
        ...

    def decode(self, encoded: Array) -> Array:
        """Return encoded targets as the user has them."""
        ...


@dataclass(frozen=True, eq=False)
class ClassHead:
    """One class per row.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import ClassHead
    >>> head = ClassHead(np.array(["cat", "dog"]))
    >>> head.encode(np.array(["dog", "cat"]), "float64")
    array([1, 0])
    >>> head.decode(head.predict(np.array([[0.1, 0.9]])))
    array(['dog'], dtype='<U3')
    """

    classes: Any
    loss: Loss = field(default_factory=SoftmaxCrossEntropy)

    @property
    def n_outputs(self) -> int:
        """One output per class."""
        return len(self.classes)

    def encode(self, rows: Array, dtype: DTypeLike) -> Array:  # noqa: ARG002
        """Return the number of each label's class.

        Raises
        ------
        ValueError
            If there is not one label per row, or a label is not one of the classes.
        """
        if rows.ndim != 1:
            raise ValueError(f"y must have one class per row, got shape {rows.shape}")
        unknown = set(np.unique(rows).tolist()) - set(self.classes.tolist())
        if unknown:
            raise ValueError(f"`y` has classes not in `self.classes_`: {sorted(unknown)} not in {self.classes}.")
        return np.searchsorted(self.classes, rows)

    def predict(self, z: Array) -> Array:
        """Return the class with the largest output."""
        return z.argmax(axis=-1)

    def most_likely(self, probabilities: Array) -> Array:
        """Return the class with the largest probability."""
        return probabilities.argmax(axis=-1)

    def decode(self, encoded: Array) -> Array:
        """Return the labels of the classes."""
        return self.classes[encoded]

    def log_output(self, z: Array) -> Array:
        """Return the logarithms of the probabilities."""
        return log_softmax(z, axis=-1)


@dataclass(frozen=True, eq=False)
class LabelsHead:
    """Several labels per row, each of them there or not.

    Parameters
    ----------
    n_labels : int
    """

    n_labels: int
    loss: Loss = field(default_factory=SigmoidCrossEntropy)

    @property
    def classes(self) -> Array:
        """Numbers of the columns."""
        return np.arange(self.n_labels)

    @property
    def n_outputs(self) -> int:
        """One output per label."""
        return self.n_labels

    def encode(self, rows: Array, dtype: DTypeLike) -> Array:
        """Return zeros and ones as floats.

        Raises
        ------
        ValueError
            If there are other numbers of columns, or other numbers than zeros and ones.
        """
        if rows.ndim != 2 or rows.shape[1] != self.n_labels:
            raise ValueError(f"y must have {self.n_labels} columns, one for each label, got shape {rows.shape}")
        others = np.setdiff1d(np.unique(rows), (0, 1))
        if others.size:
            raise ValueError(f"y must hold zeros and ones where there are several labels per row, got {others[:5]}")
        return rows.astype(dtype)

    def predict(self, z: Array) -> Array:
        """Return one where a label is more likely than not."""
        return (z > 0).astype(int)

    def most_likely(self, probabilities: Array) -> Array:
        """Return one where the probability is above one half."""
        return (probabilities > 0.5).astype(int)

    def decode(self, encoded: Array) -> Array:
        """Return the zeros and ones as they are."""
        return encoded

    def log_output(self, z: Array) -> Array:
        """Return the logarithms of the probabilities."""
        return log_expit(z)


@dataclass(frozen=True, eq=False)
class NumberHead:
    """Numbers: one target per row, or several.

    Parameters
    ----------
    loss : Loss
    n_targets : int
    one_dimensional : bool
        Whether the targets of the user are (n,) rather than (n, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import NumberHead, Quantile
    >>> head = NumberHead(Quantile((0.1, 0.5, 0.9)), n_targets=1, one_dimensional=True)
    >>> head.decode(head.predict(np.array([[0.0, 2.0, 0.0]])))
    array([2.])
    """

    loss: Any
    n_targets: int
    one_dimensional: bool

    @property
    def n_outputs(self) -> int:
        """As many outputs as the loss needs for the targets."""
        return self.loss.n_outputs(self.n_targets)

    def encode(self, rows: Array, dtype: DTypeLike) -> Array:
        """Return targets (N, K) as floats; NaN, a missing target, only for a loss that takes it, such as `Observed`.

        Raises
        ------
        ValueError
            If there are other numbers of targets, one is missing or overflows, or one is not for the loss.
        """
        targets = rows.reshape(len(rows), -1)
        if targets.shape[1] != self.n_targets:
            raise ValueError(f"y must have {self.n_targets} targets per row, got shape {rows.shape}")
        with np.errstate(over="ignore"):
            floats = np.ascontiguousarray(targets, dtype=dtype)
        missing = np.isnan(targets) if getattr(self.loss, "takes_nan", False) else False
        if not (np.isfinite(floats) | missing).all():
            raise ValueError(f"y must be finite in {np.dtype(dtype)}, got numbers that are too large for it")
        self.loss.check_targets(floats)
        return floats

    def predict(self, z: Array) -> Array:
        """Return the mean, or the median, of each target."""
        return self.loss.point(z)

    def decode(self, encoded: Array) -> Array:
        """Return targets in the user's number of dimensions."""
        return encoded[..., 0] if self.one_dimensional else encoded
