"""The contract of a loss, and what losses of independent rows share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.base import Padded
from numbarnn.protocols import check_protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]

BLOCK_BYTES = 1 << 18
"""Bytes of outputs of which NumPy computes the losses at a time."""


class Loss(Protocol):
    """A number that training makes small, as a function of the outputs z of a model.

    The outputs come with their lengths. Each loss defines the form of its targets: most take one row for each output,
    sequence after sequence, but a target may also be a sequence of another length.

    Attributes
    ----------
    out_activation : str
        Name of the function that turns z into what the user sees.
    """

    out_activation: ClassVar[str]

    def n_outputs(self, n_targets: int) -> int:
        """Return how many outputs per row a model must have for so many targets per row."""
        ...

    def value_and_gradient(self, z: Padded, targets: Any, weights: Array) -> tuple[Any, Array]:
        """Return the weighted sum of the losses, and its derivative by the values of z."""
        ...

    def hessian_product(self, z: Padded, z_dot: Array, targets: Any, weights: Array) -> Array:
        """Return the product of z_dot with the positive semi-definite middle factor of the Gauss-Newton matrix."""
        ...

    def check_targets(self, targets: Any) -> None:
        """Raise a ValueError if the targets are none that the loss is meant for."""
        ...

    def output(self, z: Array) -> Array:
        """Return the output activation of z, over the last axis."""
        ...

    def point(self, z: Array) -> Array:
        """Return the point prediction of each target, over the last axis."""
        ...

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for that of `output(z)`."""
        ...


def check_loss(loss: Any) -> None:
    """Check that an object offers what the `Loss` protocol asks for.

    Parameters
    ----------
    loss : object

    Raises
    ------
    TypeError
        If the activation or a method is missing, or a method has other parameters. The message names all of them.

    Examples
    --------
    >>> from numbarnn.losses import SquaredError, check_loss
    >>> check_loss(SquaredError())
    """
    faults = [] if isinstance(getattr(loss, "out_activation", None), str) else ["out_activation is missing"]
    check_protocol(loss, Loss, "loss", faults)


class RowLoss(ABC):
    """A loss that is a weighted sum over rows: one row per vector, or per valid step, sequence after sequence.

    Attributes
    ----------
    skips_nan : bool
        Whether `row_values_and_gradient` leaves out targets that are NaN by itself.
    """

    out_activation: ClassVar[str] = "identity"
    skips_nan: ClassVar[bool] = False
    takes_nan: ClassVar[bool] = False
    """Whether targets may be NaN, which is a missing target."""

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of targets."""
        return n_targets

    def columns(self, n_targets: int) -> Array:
        """Return which outputs belong to each target, for `Observed`.

        Parameters
        ----------
        n_targets : int

        Returns
        -------
        columns : ndarray of int of shape (n_targets, m)
            The columns of z of each target; those of a target are side by side unless a loss says otherwise.

        Raises
        ------
        TypeError
            If the loss is not the mean of the losses of single targets.
        """
        return np.arange(self.n_outputs(n_targets)).reshape(n_targets, -1)

    def value_and_gradient(self, z: Padded, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss and its adjoint.

        Parameters
        ----------
        z : Padded
            Outputs of a model, ``(B, K)`` or ``(T, B, K)``.
        targets : ndarray of shape (N, ...)
            One row per vector, or per valid step, sequence after sequence.
        weights : ndarray of shape (N,), dtype of z

        Returns
        -------
        value : float
        z_bar : ndarray of the shape of z
            Zero past the ends of the sequences.

        Raises
        ------
        ValueError
            If the targets or the weights do not fit z.
        """
        rows = _rows(z)
        self._check_rows(rows, targets, weights)
        value, rows_bar = self.row_values_and_gradient(rows, targets, weights)
        return value, _like(z, rows_bar)

    def hessian_product(self, z: Padded, z_dot: Array, targets: Array, weights: Array) -> Array:
        """Return the middle factor of the Gauss-Newton matrix (Schraudolph 2002) times z_dot.

        Parameters
        ----------
        z : Padded
        z_dot : ndarray of the shape of z
        targets : ndarray of shape (N, ...)
        weights : ndarray of shape (N,), dtype of z

        Returns
        -------
        product : ndarray of the shape of z
        """
        rows, rows_dot = to_host(_rows(z)), to_host(_rows(Padded(z_dot, z.lengths)))
        product = self.row_hessian_product(rows, rows_dot, to_host(targets), to_host(weights))
        return _like(z, place_like(z.values, product))

    def check_targets(self, targets: Array) -> None:  # noqa: B027  (most losses take any number)
        """Accept all numbers."""

    def output(self, z: Array) -> Array:
        """Return z itself."""
        return z

    def point(self, z: Array) -> Array:
        """Return the output."""
        return self.output(z)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:  # noqa: ARG002
        """Return `output_bar` itself."""
        return output_bar

    @abstractmethod
    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint."""

    @abstractmethod
    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:
        """Return the Gauss-Newton middle factor of rows z (N, K) times z_dot."""

    def _check_rows(self, z: Array, targets: Array, weights: Array) -> None:
        shape = (len(z), self.n_outputs(targets.shape[1]) if targets.ndim == 2 else z.shape[1])
        if len(targets) != len(z) or z.shape != shape or weights.shape != (len(z),):
            raise ValueError(
                f"targets and weights must have one row for each of the {len(z)} rows of z {z.shape}, "
                f"got targets {targets.shape} and weights {weights.shape}"
            )


class NumpyRowLoss(RowLoss):
    """A loss of rows that NumPy computes; rows on a CUDA device are copied to the processor and back."""

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint, not finite where z is not or one overflows."""
        rows, host_targets, host_weights = to_host(z), to_host(targets), to_host(weights)
        losses, z_bar = np.empty(len(rows), rows.dtype), np.empty_like(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller finds it, and says what to do
            for block in blocks(rows):
                losses[block], slopes = self.losses_and_slopes(rows[block], host_targets[block])
                np.multiply(slopes, host_weights[block, np.newaxis], out=z_bar[block], casting="same_kind")
            value = float(np.sum(losses * host_weights, dtype=np.float64))
        return value, place_like(z, z_bar)

    @abstractmethod
    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row (N,), and its derivative by the row (N, K)."""


class DistributionLoss(NumpyRowLoss):
    """The negative log-likelihood of a distribution whose parameters a model predicts, up to a constant."""

    @abstractmethod
    def distribution(self, z: Array) -> Any:
        """Return the distribution of each target for outputs z.

        Parameters
        ----------
        z : ndarray of shape (..., n_outputs)

        Returns
        -------
        distribution : frozen distribution of scipy.stats
            Of shape (..., K), with ``mean``, ``std``, ``cdf``, ``ppf`` (quantiles) and ``rvs`` (samples), in double
            precision.
        """


def blocks(rows: Array) -> Iterator[slice]:
    """Return slices of rows whose arrays stay in the processor's cache while NumPy works on them."""
    size = max(1, BLOCK_BYTES // max(1, rows[:1].nbytes))
    return (slice(start, start + size) for start in range(0, len(rows), size))


def _rows(z: Padded) -> Array:
    return backend_of(z.values).valid_rows(z.values, z.lengths) if z.is_sequence else z.values


def _like(z: Padded, rows: Array) -> Array:
    """Return rows, one per valid step, in the shape of z, zero past the ends."""
    if not z.is_sequence:
        return rows
    n_steps, n_sequences, _ = z.values.shape
    ends = np.full(n_sequences, n_steps, np.intp) if z.lengths is None else z.lengths
    return backend_of(rows).time_major(rows, np.cumsum(ends) - ends, ends, n_steps)
