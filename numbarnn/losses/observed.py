"""Losses of targets with missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numbarnn.kernels.devices import place_like, to_host
from numbarnn.losses.base import RowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class Observed(RowLoss):
    r"""Wrap a loss so that missing targets, which are NaN, are ignored.

    With :math:`\ell` the wrapped loss of a single target, :math:`z_{nk}` the outputs of row n for target k, and
    :math:`O_n` the observed targets of row n, the loss of row n is

    .. math:: \ell_n = \frac{1}{K} \sum_{k \in O_n} \ell(z_{nk}, t_{nk})

    The sum is divided by the number K of all targets, not by the number of observed targets. Thus every observed target
    has the same weight, and for rows without missing targets the value and the gradient are those of the wrapped loss,
    bit for bit. The gradient with respect to the outputs of a missing target is zero, and so is their part of the
    Hessian product. A row keeps its full weight in the mean over rows even if some of its targets are missing.

    Everything else, such as the outputs and the point prediction, is taken from the wrapped loss. Rows on a CUDA device
    are copied to the CPU and back.

    Parameters
    ----------
    loss : RowLoss
        A loss that is a mean over the targets, such as `SquaredError`, `Quantile` or `Gaussian`.

    Raises
    ------
    TypeError
        If the loss is not a `RowLoss`, or not a mean over targets, as the losses for classification are not.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import Observed, SquaredError
    >>> z, targets = Padded(np.array([[1.0, 3.0], [2.0, 2.0]])), np.array([[1.0, np.nan], [1.0, 1.0]])
    >>> value, z_bar = Observed(SquaredError()).value_and_gradient(z, targets, np.ones(2))
    >>> print(value)
    0.5
    >>> print(z_bar)
    [[0.  0. ]
     [0.5 0.5]]
    """

    takes_nan: ClassVar[bool] = True

    loss: RowLoss

    def __post_init__(self) -> None:
        if not isinstance(self.loss, RowLoss):
            raise TypeError(f"loss must be a RowLoss, such as SquaredError(), got {self.loss!r}")
        self.loss.columns(1)

    @property
    def out_activation(self) -> str:  # type: ignore[override]
        """Output activation of the wrapped loss."""
        return self.loss.out_activation

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of outputs that the wrapped loss needs."""
        return self.loss.n_outputs(n_targets)

    def columns(self, n_targets: int) -> Array:
        """Return the indices of the outputs of each target."""
        return self.loss.columns(n_targets)

    def check_targets(self, targets: Array) -> None:
        """Check the observed targets, one row each."""
        self.loss.check_targets(targets[~np.isnan(targets)][:, np.newaxis])

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint."""
        if self.loss.skips_nan:
            return self.loss.row_values_and_gradient(z, targets, weights)
        rows = _Rows.of(self.loss, to_host(targets))
        if rows.complete.all():
            return self.loss.row_values_and_gradient(z, targets, weights)
        whole, single = rows.split(to_host(z), to_host(targets), to_host(weights))
        value, whole_bar = self.loss.row_values_and_gradient(*whole)
        single_value, single_bar = self.loss.row_values_and_gradient(*single)
        return value + single_value, place_like(z, rows.join(whole_bar, single_bar))

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:
        """Return the Gauss-Newton middle factor of rows z (N, K) times z_dot."""
        rows = _Rows.of(self.loss, targets)
        (whole, *of_whole), (single, *of_single) = rows.split(z, targets, weights)
        whole_dot, single_dot = (part[0] for part in rows.split(z_dot, targets, weights))
        return rows.join(
            self.loss.row_hessian_product(whole, whole_dot, *of_whole),
            self.loss.row_hessian_product(single, single_dot, *of_single),
        )

    def output(self, z: Array) -> Array:
        """Return the output of the wrapped loss."""
        return self.loss.output(z)

    def point(self, z: Array) -> Array:
        """Return the point prediction of the wrapped loss."""
        return self.loss.point(z)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for that of `output(z)`."""
        return self.loss.output_adjoint(z, output_bar)


@dataclass(frozen=True)
class _Rows:
    """Rows without missing targets, unchanged, and the observed targets of the other rows, one row each."""

    columns: Array
    """Outputs of each target, (K, m)."""
    complete: Array
    """Whether no target of a row is missing, (N,)."""
    observed: Array
    """Whether a target is observed, for the other rows, (number of them, K)."""

    @classmethod
    def of(cls, loss: RowLoss, targets: Array) -> _Rows:
        observed = ~np.isnan(targets)
        complete = np.asarray(observed.all(axis=1))
        return cls(loss.columns(targets.shape[1]), complete, observed[~complete])

    def split(self, z: Array, targets: Array, weights: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Return outputs, targets and weights of the complete rows, and those of the other observed targets."""
        n_targets, width = self.columns.shape
        outputs = z[~self.complete][:, self.columns.ravel()].reshape(-1, width)[self.observed.ravel()]
        shares = np.repeat(weights[~self.complete] / weights.dtype.type(n_targets), self.observed.sum(axis=1))
        single = outputs, targets[~self.complete][self.observed][:, np.newaxis], shares
        return (z[self.complete], targets[self.complete], weights[self.complete]), single

    def join(self, whole: Array, single: Array) -> Array:
        """Return an array of the shape of z from its two parts, with zeros for missing targets."""
        rows = np.zeros((len(self.complete), self.columns.size), whole.dtype)
        rows[self.complete] = whole
        by_target = np.zeros((*self.observed.shape, self.columns.shape[1]), single.dtype)
        by_target[self.observed] = single
        others = np.empty((len(by_target), self.columns.size), single.dtype)
        others[:, self.columns.ravel()] = by_target.reshape(others.shape)
        rows[~self.complete] = others
        return rows
