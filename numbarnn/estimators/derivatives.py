"""The derivatives of a fitted network, in the forms of its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbarnn.data import Sequences
from numbarnn.data.forms import Form
from numbarnn.data.patches import stack_patches, stack_rows, unstack_rows
from numbarnn.estimators.directions import (
    Fitted,
    check_derivatives,
    checked_array,
    encoded_examples,
    output_columns,
    output_rows,
    read_sequences,
    step_rows,
)
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.prediction import predict
from numbarnn.sensitivity import (
    TruncationError,
    layer_gradient_flow,
    pull_back,
    push_forward,
    sequence_gradients,
    truncation_error,
)


class PulledBack(NamedTuple):
    """Derivatives by the inputs, in the form of X, and by `theta_`.

    Attributes
    ----------
    X_bar : ndarray or list of ndarrays
    theta_bar : ndarray of shape (P,)
    """

    X_bar: Any
    theta_bar: NDArray


class DerivativesMixin:
    """Derivatives of a fitted network with respect to its inputs and parameters.

    The outputs that are differentiated are the K numbers z of the network before their activation: the score of a
    class, not its probability.
    """

    def input_gradient(
        self: Fitted, X: Any, output: Any = None, *, step: int | None = None, activated: bool = False
    ) -> Any:
        r"""Return the derivative of an output with respect to every input number.

        Its absolute value is the saliency map of Simonyan et al. [1]_ (eq. 4), and its product with X a first-order
        estimate of what each input contributes.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        output : class label, int or array-like of shape (n,), default=None
            The class, or the number of the column of z, that is differentiated: one for all sequences or one for each.
            None is the predicted class, or the only output.
        step : int, default=None
            With `return_sequences`, the step whose output is differentiated; -1 is each sequence's last. None is the
            sum over all steps (and the predicted class of each step).
        activated : bool, default=False
            Whether to differentiate the output after its activation, such as the probability of the class, the standard
            deviation or the quantile. The gradient of a score does not vanish where the network is certain, and
            does not depend on the other classes.

        Returns
        -------
        gradient : ndarray or list of ndarrays
            In the form of X: (n, T, I) or (n, T), or a list of n arrays (T_i, I) or (T_i,).

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, there is no such output or step, `output` must be given, or this is an ensemble.

        References
        ----------
        .. [1] K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks: visualising image
           classification models and saliency maps", ICLR workshop 2014.

        Examples
        --------
        Only the last value decides:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> reg = RNNRegressor(8, cell="elman", learning_rate_init=0.01, random_state=0).fit(X, 0.5 * X[:, -1])
        >>> gradient = reg.input_gradient(X)
        >>> gradient.shape, int(np.abs(gradient.mean(axis=0)).argmax())
        ((200, 3), 2)
        """
        sequences, form = read_sequences(self, X)
        patches = stack_patches(sequences, self.patch_)
        z = steps_of(
            self, predict(self.network_, self.theta_, patches, n_jobs=resolve_threads(self.n_jobs)).z, sequences
        )
        rows = output_rows(self, step, sequences)
        columns = output_columns(self, output, z, sequences.lengths)[rows]
        return gradient_of_outputs(self, sequences, form, z, (rows, columns), activated=activated)

    def parameter_gradients(self: Fitted, X: Any, y: Any) -> NDArray:
        """Return the gradient of each sequence's own loss with respect to `theta_`.

        The loss is that of `fit` without the penalty; with `return_sequences` it is the mean over the steps of a
        sequence that are not masked. So the mean of the gradients over the sequences of a batch, weighted by
        `sample_weight` (and by the numbers of steps, with `return_sequences`), is the gradient of the batch.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.

        Returns
        -------
        gradients : ndarray of shape (n, P)
            ``network_.views(gradients[i])`` names the parts of one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y are not as in `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn import RNNClassifier
        >>> X = np.random.default_rng(0).normal(size=(20, 5, 1))
        >>> y = X[:, -1, 0] > 0
        >>> clf = RNNClassifier(4, learning_rate_init=0.05, random_state=0).fit(X, y)
        >>> gradients = clf.parameter_gradients(X, y)
        >>> gradients.shape == (20, clf.theta_.size)
        True
        """
        sequences, _ = read_sequences(self, X)
        examples = encoded_examples(self, sequences, y)
        return sequence_gradients(self.network_, self._head.loss, self.theta_, examples)

    def gradient_flow(self: Fitted, X: Any, y: Any) -> dict[str, Any]:
        """Return how strongly each sequence's own loss depends on the outputs of each layer at each step.

        Norms that fall towards the first steps show a vanishing gradient, norms that rise an exploding one.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.

        Returns
        -------
        norms : dict of str to ndarray or list of ndarrays
            Norms of dL/dh_t, in the form of X: (n, T), or a list of n arrays (T_i,); with patches of k steps for each
            patch. The keys are "layer0" and so on; "layer0.forward" and "layer0.backward" with `bidirectional`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y are not as in `fit`.

        See Also
        --------
        numbarnn.gradient_flow : The same for one layer, with all parts of its state.

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 30))
        >>> reg = RNNRegressor(4, cell="elman", learning_rate_init=0.05, random_state=0).fit(X, X[:, -1])
        >>> norms = reg.gradient_flow(X, X[:, -1])["layer0"]
        >>> norms.shape, bool(norms[:, 0].mean() < 0.01 * norms[:, -1].mean())
        ((50, 30), True)
        """
        sequences, form = read_sequences(self, X)
        examples = encoded_examples(self, sequences, y)
        n_jobs = resolve_threads(self.n_jobs)
        flows = layer_gradient_flow(self.network_, self._head.loss, self.theta_, examples, n_jobs=n_jobs)
        return {name: form.restore(norms, examples.sequences.lengths) for name, norms in flows.items()}

    def truncation_error(self: Fitted, X: Any, y: Any, truncations: Sequence[tuple[int, int]]) -> TruncationError:
        r"""Compare the gradients that truncated BPTT takes with the exact gradient, at the fitted parameters.

        The loss is that of `fit` over all sequences, without the penalty. The truncated gradient ignores dependencies
        over more than k2 steps, and is biased by that.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        truncations : sequence of m pairs (int, int)
            Steps k1 and k2, as in the parameter `tbptt`; with patches they count patches.

        Returns
        -------
        relative_error : dict of str to ndarray of shape (m,)
            Norm of the difference divided by that of the exact gradient g, :math:`||\hat g - g|| / ||g||`, the relative
            bias of Aicher et al. [1]_. The keys are "total", for all of `theta_`, and "layer0" and so on.
        cosine : dict of str to ndarray of shape (m,)
            Cosine of the angle between the two gradients, by the same keys: where it is positive, a small step against
            the truncated gradient lowers the loss. NaN where a gradient is zero.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If k1 or k2 is not an integer.
        ValueError
            If X or y are not as in `fit`, a pair is not 1 <= k1 <= k2, the network reads in both directions or pools
            over steps, or a length is not a multiple of the patch.

        References
        ----------
        .. [1] C. Aicher, N. J. Foti and E. B. Fox, "Adaptively truncating backpropagation through time to control
           gradient bias", UAI 2019.

        Examples
        --------
        The targets are the tenth value from the end:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 15))
        >>> reg = RNNRegressor(8, batch_size=200, learning_rate_init=0.02, random_state=0).partial_fit(X, X[:, 5])
        >>> errors = reg.truncation_error(X, X[:, 5], [(5, 5), (5, 10), (5, 15)])
        >>> errors.relative_error["layer0"].round(1)
        array([0.7, 0.2, 0. ])
        """
        sequences, _ = read_sequences(self, X)
        self._architecture.check_truncation(sequences.lengths, "truncation_error")
        examples = encoded_examples(self, sequences, y)
        options: dict[str, Any] = {
            "checkpoint_memory_mb": self.checkpoint_memory_mb,
            "n_jobs": resolve_threads(self.n_jobs),
        }
        return truncation_error(self.network_, self._head.loss, self.theta_, examples, truncations, **options)

    def jacobian_vector_product(self: Fitted, X: Any, X_dot: Any = None, theta_dot: ArrayLike | None = None) -> Any:
        """Return the derivative of the outputs along a direction of the inputs and of the parameters (forward mode).

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        X_dot : array-like, default=None
            Direction of the inputs, in the form of X; None is zero.
        theta_dot : array-like of shape (P,), default=None
            Direction of `theta_`; None is zero.

        Returns
        -------
        outputs_dot : ndarray of shape (n, K)
            With `return_sequences` for each step, in the form of X: (n, T, K), or a list of n arrays (T_i, K).

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, or a direction has another shape or holds NaN or infinity.

        See Also
        --------
        vector_jacobian_product : Products with the transposed Jacobian.

        References
        ----------
        .. [1] A. Griewank and A. Walther, "Evaluating derivatives", 2nd edition, SIAM 2008, chapter 3.

        Examples
        --------
        The change of the outputs per unit of the third value of each series:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 4))
        >>> reg = RNNRegressor(4, learning_rate_init=0.05, random_state=0).fit(X, X[:, 2])
        >>> reg.jacobian_vector_product(X, X_dot=np.tile([0, 0, 1, 0], (50, 1))).shape
        (50, 1)
        """
        sequences, form = read_sequences(self, X)
        dtype, lengths = self.theta_.dtype, sequences.lengths
        inputs_dot = None
        if X_dot is not None:
            inputs_dot = step_rows("X_dot", X_dot, lengths, sequences.n_inputs, dtype, flat=form.flat)
        if theta_dot is not None:
            theta_dot = checked_array("theta_dot", theta_dot, self.theta_.shape, dtype)
        patches = stack_patches(sequences, self.patch_)
        if inputs_dot is not None and self.patch_ > 1:
            inputs_dot = stack_rows(inputs_dot, lengths, self.patch_)
        n_jobs = resolve_threads(self.n_jobs)
        outputs_dot = push_forward(self.network_, self.theta_, patches, theta_dot, inputs_dot, n_jobs=n_jobs)
        check_derivatives(outputs_dot)
        outputs_dot = steps_of(self, outputs_dot, sequences)
        return form.restore(outputs_dot, lengths) if self.network_.returns_sequences else outputs_dot

    def vector_jacobian_product(self: Fitted, X: Any, outputs_bar: Any) -> PulledBack:
        """Return the derivatives of ``sum(outputs_bar * outputs)`` with respect to X and `theta_` (reverse mode).

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        outputs_bar : array-like of shape (n, K)
            Cotangent of the outputs; with `return_sequences` for each step, in the form of X: (n, T, K), or a list of
            n array-likes (T_i, K).

        Returns
        -------
        X_bar : ndarray or list of ndarrays
            Derivative by the inputs, in the form of X.
        theta_bar : ndarray of shape (P,)
            Derivative by `theta_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, or the cotangent has another shape or holds NaN or infinity.

        See Also
        --------
        jacobian_vector_product : Products with the Jacobian itself.

        References
        ----------
        .. [1] A. Griewank and A. Walther, "Evaluating derivatives", 2nd edition, SIAM 2008, chapter 3.

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 4))
        >>> reg = RNNRegressor(4, learning_rate_init=0.05, random_state=0).fit(X, X[:, 2])
        >>> X_bar, theta_bar = reg.vector_jacobian_product(X, np.ones((50, 1)))
        >>> X_bar.shape, theta_bar.shape == reg.theta_.shape
        ((50, 4), True)
        """
        sequences, form = read_sequences(self, X)
        dtype, lengths = self.theta_.dtype, sequences.lengths
        if self.network_.returns_sequences:
            rows = step_rows("outputs_bar", outputs_bar, lengths, self.n_outputs_, dtype, flat=False)
        else:
            rows = checked_array("outputs_bar", outputs_bar, (len(lengths), self.n_outputs_), dtype)
        return _pulled_back(self, sequences, form, rows)


def gradient_of_outputs(
    estimator: Fitted, sequences: Sequences, form: Form, z: NDArray, places: tuple[NDArray, NDArray], *, activated: bool
) -> Any:
    """Return the derivative of a sum of outputs by the inputs, in the form of X.

    Parameters
    ----------
    estimator : Fitted
    sequences : Sequences
    form : Form
    z : ndarray of shape (N, K)
        All outputs.
    places : tuple of two ndarrays of int
        Rows and columns of the outputs that are added up.
    activated : bool
        Whether they are differentiated after their activation.
    """
    outputs_bar = np.zeros_like(z)
    outputs_bar[places] = 1
    if activated:
        outputs_bar = estimator._head.loss.output_adjoint(z, outputs_bar)
    return _pulled_back(estimator, sequences, form, outputs_bar).X_bar


def _pulled_back(estimator: Fitted, sequences: Sequences, form: Form, outputs_bar: NDArray) -> PulledBack:
    """Return the derivatives by inputs and parameters, for cotangents of outputs in rows of steps or sequences."""
    k, lengths, n_jobs = estimator.patch_, sequences.lengths, resolve_threads(estimator.n_jobs)
    if k > 1 and estimator.network_.returns_sequences:
        outputs_bar = stack_rows(outputs_bar, lengths, k).reshape(-1, outputs_bar.shape[1])
    patches = stack_patches(sequences, k)
    rows, theta_bar = pull_back(estimator.network_, estimator.theta_, patches, outputs_bar, n_jobs=n_jobs)
    check_derivatives(rows, theta_bar)
    rows = unstack_rows(rows, lengths, k) if k > 1 else rows
    return PulledBack(form.restore(rows[:, 0] if form.flat else rows, lengths), theta_bar)


def steps_of(estimator: Fitted, rows: NDArray, sequences: Sequences) -> NDArray:
    """Return rows of outputs without those of the padding of patches."""
    k = estimator.patch_
    if k == 1 or not estimator.network_.returns_sequences:
        return rows
    return unstack_rows(rows.reshape(-1, k * rows.shape[1]), sequences.lengths, k)
