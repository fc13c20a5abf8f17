"""Connectionist temporal classification (CTC): the loss of labels that are not aligned with the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from numbarnn.kernels.cpu.ctc import ctc
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import on_cuda, place_like, to_host
from numbarnn.layers.base import Padded
from numbarnn.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from numbarnn.recurrence.arguments import check_finite, checked_lengths

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

ON_IMPOSSIBLE = ("infinite", "zero", "raise")
_SOFTMAX = SoftmaxCrossEntropy()


class CTCLosses(NamedTuple):
    """Losses of the sequences of a batch, and their gradient.

    Attributes
    ----------
    losses : ndarray of shape (B,), dtype of z
        Negative log-likelihood of each sequence's labels.
    z_bar : ndarray of the shape of z
        Gradient of the sum of the losses; exactly zero after the end of a sequence.
    impossible : ndarray of bool of shape (B,)
        Whether each sequence is too short for its labels; if so, its gradient is zero.
    """

    losses: Array
    z_bar: Array
    impossible: Array


@dataclass(frozen=True)
class CTC:
    r"""Connectionist temporal classification (Graves et al. 2006 [1]_).

    The softmax y of the outputs of each step is a distribution over the labels and a blank. A path :math:`\pi` has one
    of them for each step. Removing first its repetitions and then its blanks gives a labelling :math:`B(\pi)`. The loss
    is the negative log-likelihood of a labelling l, whose likelihood is the sum over all its paths (eqs. 2, 3 and 12).
    The loss and its gradient, with w the weight of the sequence, are

    .. math:: \ell = -\ln \sum_{\pi \in B^{-1}(l)} \prod_t y^t_{\pi_t}, \qquad
              \bar z_{tk} = w \Big( y^t_k - \sum_{s: l'_s = k} \gamma_t(s) \Big),

    where :math:`\gamma_t(s) = \alpha_t(s) \beta_t(s) / (p(l | x) y^t_{l'_s})` is the posterior probability that the
    path is in state s of the labelling with blanks, l', at step t (eqs. 14 to 16). The forward and backward variables
    (eqs. 5 to 11) are stored with separate exponents, so that they neither underflow nor need logarithms.

    Targets are B arrays of integers: labels from 0 to C - 1, except the blank. An array may be empty. L labels, r of
    which equal the label before, need at least L + r steps.

    Parameters
    ----------
    blank : int, default=0
        The output that stands for no label.
    on_impossible : {'infinite', 'zero', 'raise'}, default='infinite'
        What to do if labels need more steps than there are: set the loss to infinity or zero, with a gradient of zero,
        or raise a ValueError that names the sequence.
    n_jobs : int, default=None
        Number of threads, as in joblib. The results do not depend on it.

    Notes
    -----
    The loss is the log-partition function over all paths minus that over the paths of l. Its Hessian is therefore the
    difference of two covariances of the indicators of a path, :math:`\mathrm{Cov}_y - \mathrm{Cov}_{\gamma}`.
    `hessian_product` uses only the first one, which is block-diagonal with blocks
    :math:`\mathrm{diag}(y^t) - y^t y^{tT}` and positive semi-definite. It is the Fisher information of the complete
    data, the paths. Louis 1982 [2]_ writes the Hessian as this information minus the missing information. It is thus
    an upper bound of the Hessian, with equality if the labels determine the path.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.
    .. [2] T. A. Louis, "Finding the observed information matrix when using the EM algorithm", Journal of the Royal
       Statistical Society B 44, 1982.

    Examples
    --------
    With three steps, a blank and two labels, 5 of the 27 paths give the labels 1, 2, and 6 give the label 1.

    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import CTC
    >>> value, z_bar = CTC().value_and_gradient(Padded(np.zeros((3, 2, 3))), [[1, 2], [1]], np.ones(2))
    >>> bool(np.isclose(value, np.log(27 / 5) + np.log(27 / 6)))
    True
    """

    blank: int = 0
    on_impossible: Literal["infinite", "zero", "raise"] = "infinite"
    n_jobs: int | None = None
    out_activation: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        check_blank(self.blank)
        if self.on_impossible not in ON_IMPOSSIBLE:
            raise ValueError(f"on_impossible must be one of {ON_IMPOSSIBLE}, got {self.on_impossible!r}")

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of different labels, plus one for the blank."""
        return n_targets + 1

    def value_and_gradient(self, z: Padded, targets: Any, weights: Array) -> tuple[float, Array]:
        """Return the weighted sum of the losses and its adjoint.

        Parameters
        ----------
        z : Padded
            Outputs of a model, ``(T, B, C)``.
        targets : sequence of B arrays of int
        weights : ndarray of shape (B,)

        Returns
        -------
        value : float
        z_bar : ndarray of the shape of z

        Raises
        ------
        ValueError
            If the targets or the weights do not fit z, or a sequence is impossible and `on_impossible` is "raise".
        """
        weights = self._checked_weights(z, weights)
        losses, z_bar, _ = self._losses(z, targets, weights)
        counted = weights != 0
        return float(np.sum(weights[counted] * losses[counted])), z_bar

    def losses(self, z: Padded, targets: Any) -> CTCLosses:
        """Return the loss of each sequence, and the gradient of their sum.

        Parameters
        ----------
        z : Padded
            Outputs of a model, ``(T, B, C)``.
        targets : sequence of B arrays of int

        Returns
        -------
        CTCLosses
            ``(losses, z_bar, impossible)``.
        """
        losses, z_bar, impossible = self._losses(z, targets, np.ones(z.values.shape[1]))
        return CTCLosses(losses.astype(z.values.dtype), z_bar, impossible)

    def hessian_product(self, z: Padded, z_dot: Array, targets: Any, weights: Array) -> Array:
        r"""Return the product of z_dot with the Fisher information of the paths.

        It is :math:`w (\mathrm{diag}(y^t) - y^t y^{tT}) \dot z_t` for each step, and zero for impossible sequences.

        Parameters
        ----------
        z : Padded
            Outputs of a model, ``(T, B, C)``.
        z_dot : ndarray of the shape of z
        targets : sequence of B arrays of int
        weights : ndarray of shape (B,)

        Returns
        -------
        product : ndarray of the shape of z
        """
        lengths = _ends(z)
        _, n_sequences, n_classes = z.values.shape
        labels, starts = flat_labels(targets, n_sequences, n_classes, self.blank)
        possible = steps_needed(labels, starts) <= lengths
        of_steps = np.repeat(self._checked_weights(z, weights) * possible, lengths).astype(z.values.dtype)
        return _SOFTMAX.hessian_product(z, z_dot, np.empty((len(of_steps), 0)), of_steps)

    def check_targets(self, targets: Any) -> None:
        """Raise a ValueError if a target is not a sequence of labels without the blank."""
        flat_labels(targets, len(targets), None, self.blank)

    def output(self, z: Array) -> Array:
        """Return the probabilities of the blank and the labels, the softmax over the last axis."""
        return _SOFTMAX.output(z)

    def point(self, z: Array) -> Array:
        """Return the output."""
        return _SOFTMAX.point(z)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of the softmax."""
        return _SOFTMAX.output_adjoint(z, output_bar)

    def _losses(self, z: Padded, targets: Any, weights: Array) -> tuple[Array, Array, Array]:
        if not z.is_sequence:
            raise ValueError(f"z must be of sequences, (T, B, C), got the shape {z.values.shape}")
        _, n_sequences, n_classes = z.values.shape
        labels, starts = flat_labels(targets, n_sequences, n_classes, self.blank)
        values = np.ascontiguousarray(to_host(z.values))
        lengths, n_threads = _ends(z), resolve_threads(self.n_jobs)
        impossible = steps_needed(labels, starts) > lengths
        if self.on_impossible == "raise" and impossible.any():
            b = int(impossible.argmax())
            raise ValueError(
                f"targets[{b}] needs at least {steps_needed(labels, starts)[b]} steps, one for each of its "
                f"{starts[b + 1] - starts[b]} labels and a blank between equal ones, got {lengths[b]}"
            )
        losses, z_bar = ctc(values, labels, starts, lengths, self.blank % n_classes, weights, n_threads)
        if self.on_impossible == "zero":
            losses[impossible] = 0
        return losses, place_like(z.values, z_bar), impossible

    def _checked_weights(self, z: Padded, weights: Array) -> Array:
        n_sequences = z.values.shape[1]
        if weights.shape != (n_sequences,):
            raise ValueError(f"weights must be one for each of the {n_sequences} sequences, got {weights.shape}")
        return weights.astype(np.float64)


def ctc_loss(
    z: ArrayLike,
    targets: Sequence[ArrayLike],
    lengths: ArrayLike | None = None,
    blank: int = 0,
    *,
    on_impossible: Literal["infinite", "zero", "raise"] = "infinite",
    n_jobs: int | None = None,
) -> CTCLosses:
    r"""Return the CTC losses of a batch and their gradient.

    A path :math:`\pi` has a label or a blank for each step. Its probability is :math:`\prod_t y^t_{\pi_t}`, where y is
    the softmax of z (Graves et al. 2006 [1]_, eq. 2). Removing first its repetitions and then its blanks gives a
    labelling :math:`B(\pi)`. The loss of labels l is :math:`-\ln p(l | x)`, where

    .. math:: p(l | x) = \sum_{\pi \in B^{-1}(l)} \prod_t y^t_{\pi_t} = \alpha_T(2 L + 1) + \alpha_T(2 L)

    follows from the forward variables (eqs. 3 and 8). With the backward variables as well, the gradient is (eqs. 15
    and 16)

    .. math:: \bar z_{tk} = y^t_k - \frac{1}{p(l | x) y^t_k} \sum_{s: l'_s = k} \alpha_t(s) \beta_t(s)

    Parameters
    ----------
    z : array-like of shape (T, B, C), float32 or float64
        Unnormalized outputs of a network for each step and sequence; the loss includes the softmax.
    targets : sequence of B array-likes of int
        Labels of each sequence, from 0 to C - 1, except the blank. An array may be empty.
    lengths : array-like of int of shape (B,), default=None
        Number of valid steps of each sequence; None means T for all. Later steps of z are not read.
    blank : int, default=0
        The output that stands for no label.
    on_impossible : {'infinite', 'zero', 'raise'}, default='infinite'
        What to do if labels need more steps than there are (one for each label, and one for a blank between equal
        neighbours): set the loss to infinity or zero, with a gradient of zero, or raise a ValueError that names the
        sequence.
    n_jobs : int, default=None
        Number of threads, as in joblib. The results do not depend on it.

    Returns
    -------
    losses : ndarray of shape (B,), dtype of z
        Negative log-likelihood of each sequence's labels.
    z_bar : ndarray of the shape and dtype of z
        Gradient of the sum of the losses; exactly zero after the end of a sequence.
    impossible : ndarray of bool of shape (B,)
        Whether each sequence is too short for its labels.

    Raises
    ------
    TypeError
        If z is not of float32 or float64, or targets, lengths or blank are not integers.
    ValueError
        If a shape does not fit, a valid step of z is not finite, a label is the blank or not one of the C classes, or a
        sequence is too short for its labels and ``on_impossible="raise"``.

    See Also
    --------
    numbarnn.losses.CTC : The same loss as an object for training, with a Hessian product.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.

    Examples
    --------
    With three steps, a blank and two labels, 5 of the 27 paths give the labels 1, 2, and 6 give the label 1.

    >>> import numpy as np
    >>> from numbarnn import ctc_loss
    >>> losses, z_bar, _ = ctc_loss(np.zeros((3, 2, 3)), [[1, 2], [1]])
    >>> np.exp(-losses) * 27
    array([5., 6.])
    >>> z_bar.shape
    (3, 2, 3)

    Two steps are too few for two equal labels:

    >>> ctc_loss(np.zeros((2, 1, 3)), [[1, 1]]).losses
    array([inf])
    """
    host, ends, blank = checked_outputs(z, lengths, blank)
    loss = CTC(blank, on_impossible, n_jobs)
    losses, z_bar, impossible = loss.losses(Padded(host, ends), targets)
    return CTCLosses(place_like(z, losses), place_like(z, z_bar), impossible)


def checked_outputs(z: Any, lengths: Any, blank: Any) -> tuple[Array, Array, int]:
    """Return outputs (T, B, C) as a contiguous NumPy array, lengths (B,), and the blank as a nonnegative index.

    Raises
    ------
    TypeError, ValueError
        If they are not as described in `ctc_loss`.
    """
    values: Any = z if on_cuda(z) else np.asarray(z)
    if values.dtype.char not in "fd":
        raise TypeError(f"z must be of float32 or float64, got {values.dtype}; write z.astype(float)")
    if values.ndim != 3 or values.shape[2] == 0:
        hint = "; for one sequence z (T, C) write z[:, np.newaxis]" if values.ndim == 2 else ""
        raise ValueError(f"z must have the shape (T, B, C), got {values.shape}{hint}")
    n_steps, n_sequences, n_classes = values.shape
    check_blank(blank)
    if not -n_classes <= blank < n_classes:
        raise ValueError(f"blank must be one of the {n_classes} classes of z, got {blank}")
    ends = np.full(n_sequences, n_steps) if lengths is None else checked_lengths(lengths, n_steps, n_sequences)
    host = np.ascontiguousarray(to_host(values))
    check_finite("z", host, None if lengths is None else ends)
    return host, ends, int(blank) % n_classes


def check_blank(blank: Any) -> None:
    """Raise a TypeError if the blank is not an integer."""
    if isinstance(blank, bool) or not isinstance(blank, int | np.integer):
        raise TypeError(f"blank must be an integer, got {blank!r}")


def flat_labels(targets: Any, n_sequences: int, n_classes: int | None, blank: int) -> tuple[Array, Array]:
    """Return the concatenated labels of all sequences, and the offsets where each sequence starts, shape (B + 1,).

    Parameters
    ----------
    targets : sequence of B array-likes of int
    n_sequences : int
    n_classes : int or None
        Number of classes; None if it is not known.
    blank : int

    Raises
    ------
    TypeError
        If targets are not sequences of integers.
    ValueError
        If their number is not B, or a label is the blank or not one of the classes.
    """
    if isinstance(targets, str | bytes) or not hasattr(targets, "__len__"):
        raise TypeError(f"targets must be a list of integer arrays, one for each sequence, got {targets!r}")
    if len(targets) != n_sequences:
        raise ValueError(f"targets must be one array for each of the {n_sequences} sequences, got {len(targets)}")
    arrays = [np.asarray(target) for target in targets]
    for b, array in enumerate(arrays):
        if array.ndim != 1:
            hint = f"; write targets=[{targets!r}] for one sequence" if n_sequences == 1 else ""
            raise ValueError(f"targets[{b}] must be one-dimensional, got the shape {array.shape}{hint}")
        if array.dtype.kind not in "iu" and array.size:
            raise TypeError(f"targets[{b}] must hold integers, got {array.dtype}")
    starts = np.zeros(n_sequences + 1, np.intp)
    np.cumsum([array.size for array in arrays], out=starts[1:])
    labels = np.concatenate([*arrays, np.empty(0, np.intp)]).astype(np.intp)
    blank = blank if n_classes is None else blank % n_classes
    faulty = (labels < 0) | (labels == blank) | (False if n_classes is None else labels >= n_classes)
    if faulty.any():
        place = int(faulty.argmax())
        b = int(np.searchsorted(starts, place, "right")) - 1
        raise ValueError(
            f"targets must be labels from 0 to {'C' if n_classes is None else n_classes} - 1 without the blank "
            f"{blank}, got targets[{b}][{place - starts[b]}] = {labels[place]}"
        )
    return labels, starts


def steps_needed(labels: Array, starts: Array) -> Array:
    """Return how many steps the labels of each sequence need: one each, and one for a blank between equal ones."""
    repeated = np.zeros(len(labels) + 1, np.intp)
    repeated[1:-1] = labels[1:] == labels[:-1]
    inner = starts[:-1][np.diff(starts) > 0]
    repeated[inner] = 0  # the last label of another sequence
    counts = np.concatenate([[0], np.cumsum(repeated[:-1])])
    return np.diff(starts) + np.diff(counts[starts])


def _ends(z: Padded) -> Array:
    n_steps, n_sequences, _ = z.values.shape
    return np.full(n_sequences, n_steps, np.intp) if z.lengths is None else z.lengths
