from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from numbarnn.cells.form import form_of
from numbarnn.cells.initial import glorot_uniform
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import on_cuda
from numbarnn.network import passes
from numbarnn.network.checks import checked_batch, checked_masks, checked_states
from numbarnn.network.parameters import Layout, Parameters, Readout
from numbarnn.network.regularization import Regularization
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from numbarnn.network.masks import NetworkMasks
    from numbarnn.network.results import Adjoint, Forward, Tape

    Array = NDArray[Any]


_NONE = Regularization()


@dataclass(frozen=True)
class Network:
    """Recurrent layers in series under a dense readout, as a function of one flat parameter vector.

    In both directions (Schuster and Paliwal 1997) a layer has a second cell that reads each sequence from
    its last valid step to its first; the features of the two stand side by side, forward first. On last
    states the readout sees the forward cell after the last valid step and the backward one after the first.
    The arrays are NumPy's, or device arrays of numba-cuda all of them; the results are where the arguments were.

    Parameters
    ----------
    cell : type
        A cell class, such as `numbarnn.LSTM`.
    n_inputs : int
        Inputs per step, I.
    hidden_layer_sizes : tuple of int
        Units of each layer, per direction.
    n_outputs : int
        Outputs of the readout, K.
    bidirectional : bool, default=False
        Whether the layers read in both directions.
    return_sequences : bool, default=False
        Whether the readout acts on every step (True) or on the last states (False).
    learn_state : bool, default=False
        Whether the state before the first step is a parameter of each cell rather than zero.
    regularization : Regularization, default=Regularization()
        What is dropped in runs with masks, and what is clipped; by default nothing.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer, or less than one, there is no layer, or the regularization is not one for the cell.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.network import Network
    >>> network = Network(LSTM, n_inputs=3, hidden_layer_sizes=(4,), n_outputs=2)
    >>> theta = network.init("float64", random_state=0)
    >>> z, tape = network.forward(theta, np.ones((5, 1, 3)))
    >>> z.shape
    (1, 2)
    >>> theta_bar, x_bar = network.adjoint(theta, tape, np.ones((1, 2)))
    >>> network.views(theta_bar)["layer0.forward.R"].shape
    (4, 16)
    """

    cell: type[Any]
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    bidirectional: bool = False
    return_sequences: bool = False
    learn_state: bool = False
    regularization: Regularization = _NONE

    def __post_init__(self) -> None:
        if not isinstance(self.cell, type):
            raise TypeError(f"cell must be a cell class, such as numbarnn.LSTM, got {self.cell!r}")
        object.__setattr__(self, "hidden_layer_sizes", tuple(self.hidden_layer_sizes))
        if not self.hidden_layer_sizes:
            raise ValueError("hidden_layer_sizes must name at least one layer, got ()")
        for size in self.hidden_layer_sizes:
            check_scalar(size, "hidden_layer_sizes", Integral, min_val=1)
        check_scalar(self.n_inputs, "n_inputs", Integral, min_val=1)
        check_scalar(self.n_outputs, "n_outputs", Integral, min_val=1)
        if not isinstance(self.regularization, Regularization):
            raise TypeError(f"regularization must be a Regularization, got {self.regularization!r}")
        self.regularization.check_for(self.cell)

    @property
    def n_parameters(self) -> int:
        """Number of parameters, P."""
        return self.layout.size

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the directions in which the layers read."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def layer_shapes(self) -> list[tuple[int, int]]:
        """Inputs and units of each layer, in each direction."""
        widths = [size * len(self.directions) for size in self.hidden_layer_sizes]
        return list(zip([self.n_inputs, *widths], self.hidden_layer_sizes, strict=False))

    def hands_on_last_state(self, i: int) -> bool:
        """Return whether layer i hands on its last state, rather than the outputs of all steps."""
        return not self.return_sequences and i == len(self.hidden_layer_sizes) - 1

    @property
    def width(self) -> int:
        """Numbers per step where the network is widest: inputs, features of a layer, or outputs."""
        return max(self.n_inputs, self.n_outputs, max(self.hidden_layer_sizes) * len(self.directions))

    @cached_property
    def layout(self) -> Layout:
        """Places of the named arrays in the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {}
        kind: Any = self.cell
        for i, (n_inputs, n_units) in enumerate(self.layer_shapes):
            cell_shapes = form_of(kind).shapes(n_inputs, n_units, n_units)
            for direction in self.directions:
                shapes |= {f"layer{i}.{direction}.{field}": shape for field, shape in cell_shapes.items()}
                shapes |= {f"layer{i}.{direction}.state{k}": (n_units,) for k in range(self._n_learned)}
        shapes["readout.W"] = self._readout_shape
        shapes["readout.b"] = (self.n_outputs,)
        return Layout(shapes)

    def init(self, dtype: DTypeLike = "float32", random_state: int | np.random.RandomState | None = None) -> Array:
        """Draw a parameter vector.

        The cells initialize themselves (Glorot-uniform W, orthogonal R). The readout's W is Glorot-uniform
        too, its bias zero, and so are learned initial states.

        Parameters
        ----------
        dtype : {"float32", "float64"} or dtype, default="float32"
        random_state : int, RandomState or None, default=None

        Returns
        -------
        theta : ndarray of shape (P,)
        """
        rng = check_random_state(random_state)
        arrays: list[Array] = []
        for n_inputs, n_units in self.layer_shapes:
            for _ in self.directions:
                arrays += self.cell.init(n_inputs, n_units, dtype=dtype, random_state=rng)
                arrays += [np.zeros(n_units, dtype)] * self._n_learned
        arrays.append(glorot_uniform(*self._readout_shape, rng).astype(dtype))
        arrays.append(np.zeros(self.n_outputs, dtype))
        return self.layout.flatten(arrays)

    def views(self, theta: Array) -> dict[str, Array]:
        """Return the named arrays as writable views of a flat vector.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters, or anything of their shape, such as a gradient.

        Returns
        -------
        views : dict of str to ndarray
            ``"layer0.forward.W"`` and so on by the cell's fields, ``"readout.W"`` and ``"readout.b"``; learned
            initial states are ``"layer0.forward.state0"`` and so on.

        Raises
        ------
        ValueError
            If theta is no contiguous float vector of P numbers.
        """
        self._check_theta(theta)
        return self.layout.views(theta)

    def parameters(self, theta: Array | Parameters) -> Parameters:
        """Return a flat vector with the cells and the readout that view it; Parameters pass as they are."""
        if isinstance(theta, Parameters):
            return theta
        views = iter(self.views(theta).values())
        n_fields = len(self.cell._fields)
        layers, states = [], []
        for _ in self.hidden_layer_sizes:
            pairs = [
                (self.cell(*islice(views, n_fields)), tuple(islice(views, self._n_learned))) for _ in self.directions
            ]
            layers.append(tuple(cell for cell, _ in pairs))
            states.append(tuple(state for _, state in pairs))
        return Parameters(theta, tuple(layers), Readout(*views), tuple(states))

    def forward(
        self,
        theta: Array | Parameters,
        x: Array,
        lengths: ArrayLike | None = None,
        keep_tape: bool = True,
        *,
        masks: NetworkMasks | None = None,
        checkpoint_memory_mb: float | None = None,
        n_jobs: int | None = None,
    ) -> Forward:
        """Run the network from zero or from learned states.

        Parameters
        ----------
        theta : ndarray of shape (P,), or Parameters
        x : ndarray of shape (T, B, I), dtype of theta
        lengths : array-like of int of shape (B,), default=None
            Valid steps of each sequence; None if all have T.
        keep_tape : bool, default=True
            Whether to keep what the other passes need.
        masks : NetworkMasks, default=None
            What is dropped, from `draw_masks`; None is the network as it predicts. The tape carries them.
        checkpoint_memory_mb : float, default=None
            MB that the layers' tapes may take, as in `numbarnn.forward`; None is no limit.
        n_jobs : int, default=None
            Number of threads, in scikit-learn's sense.

        Returns
        -------
        Forward
            ``(z, tape)`` with z ``(B, K)``, or ``(T, B, K)``, zero past the lengths, if `return_sequences`.

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit together.
        """
        parameters = self.parameters(theta)
        x, lengths = checked_batch(self, x, lengths, parameters.theta)
        return passes.forward(
            self,
            parameters,
            x,
            lengths,
            masks=checked_masks(self, masks, x),
            keep_tape=keep_tape,
            tape_bytes=checked_tape_bytes(checkpoint_memory_mb, cuda=on_cuda(x)),
            n_threads=resolve_threads(n_jobs),
        )

    def advance(
        self,
        theta: Array | Parameters,
        x: Array,
        lengths: ArrayLike | None = None,
        state: tuple[tuple[Array, ...], ...] | None = None,
        *,
        n_jobs: int | None = None,
    ) -> tuple[Array, tuple[tuple[Array, ...], ...]]:
        """Run the network on from a state; to the bit what one `forward` over all steps since the zero state gives.

        Parameters
        ----------
        theta : ndarray of shape (P,), or Parameters
        x : ndarray of shape (T, B, I), dtype of theta
        lengths : array-like of int of shape (B,), default=None
            Valid steps of each sequence; None if all have T.
        state : tuple of tuples of ndarrays of shape (B, H), default=None
            The state of each layer, as `advance` returned it; None is the initial one.
        n_jobs : int, default=None
            Number of threads, in scikit-learn's sense.

        Returns
        -------
        z : ndarray of shape (B, K), or (T, B, K) if `return_sequences`
        state : tuple of tuples of ndarrays
            The state of each layer after each sequence's last valid step.

        Raises
        ------
        ValueError, TypeError
            If shapes or dtypes do not fit together, or the network reads in both directions.

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn import LSTM
        >>> from numbarnn.network import Network
        >>> network = Network(LSTM, n_inputs=3, hidden_layer_sizes=(4,), n_outputs=2)
        >>> theta, x = network.init("float64", random_state=0), np.ones((5, 1, 3))
        >>> _, state = network.advance(theta, x[:2])
        >>> z, _ = network.advance(theta, x[2:], state=state)
        >>> np.array_equal(z, network.forward(theta, x).z)
        True
        """
        if self.bidirectional:
            raise ValueError("A network that reads in both directions has no state to go on from.")
        parameters = self.parameters(theta)
        x, lengths = checked_batch(self, x, lengths, parameters.theta)
        if state is not None:
            state = checked_states(parameters, state, x.shape[1])
        return passes.advance(self, parameters, x, lengths, state, n_threads=resolve_threads(n_jobs))

    def tangent(
        self,
        theta: Array | Parameters,
        tape: Tape,
        theta_dot: Array | Parameters | None = None,
        x_dot: Array | None = None,
        *,
        n_jobs: int | None = None,
    ) -> Array:
        """Return the derivative of z along a direction.

        Parameters
        ----------
        theta : ndarray of shape (P,), or Parameters
        tape : Tape
            Of a forward pass with the same theta.
        theta_dot : ndarray of shape (P,), or Parameters, default=None
            Direction of the parameters; None is zero.
        x_dot : ndarray of shape (T, B, I), default=None
            Direction of the inputs; None is zero.
        n_jobs : int, default=None
            Number of threads, in scikit-learn's sense.

        Returns
        -------
        z_dot : ndarray of the shape of z
        """
        direction = None if theta_dot is None else self.parameters(theta_dot)
        return passes.tangent(self, self.parameters(theta), tape, direction, x_dot, n_threads=resolve_threads(n_jobs))

    def adjoint(
        self,
        theta: Array | Parameters,
        tape: Tape,
        z_bar: Array,
        *,
        inputs: bool = False,
        n_jobs: int | None = None,
    ) -> Adjoint:
        """Return the derivatives of ``sum(z_bar * z)``: the steps of `forward` reversed.

        Parameters
        ----------
        theta : ndarray of shape (P,), or Parameters
        tape : Tape
            Of a forward pass with the same theta.
        z_bar : ndarray of the shape of z
            Cotangent of the outputs; past a sequence's length it has no effect.
        inputs : bool, default=False
            Whether to compute x_bar, which training does not need.
        n_jobs : int, default=None
            Number of threads, in scikit-learn's sense.

        Returns
        -------
        Adjoint
            ``(theta_bar, x_bar)``; x_bar ``(T, B, I)`` is zero past the lengths, or None unless `inputs`.

        Raises
        ------
        ValueError
            If z_bar has not the shape and dtype of z.
        """
        parameters = self.parameters(theta)
        shape = (*tape.features.shape[:-1], self.n_outputs)
        if z_bar.shape != shape or z_bar.dtype != parameters.theta.dtype:
            raise ValueError(
                f"z_bar must have the shape {shape} and the dtype {parameters.theta.dtype}, "
                f"got {z_bar.shape} and {z_bar.dtype}"
            )
        return passes.adjoint(self, parameters, tape, z_bar, inputs=inputs, n_threads=resolve_threads(n_jobs))

    @property
    def _n_learned(self) -> int:
        """How many vectors a cell's learned initial state has."""
        return self.cell.state_size if self.learn_state else 0

    @property
    def _readout_shape(self) -> tuple[int, int]:
        return self.hidden_layer_sizes[-1] * len(self.directions), self.n_outputs

    def _check_theta(self, theta: Any) -> None:
        cuda = hasattr(theta, "__cuda_ndarray__")
        if not (cuda or isinstance(theta, np.ndarray)) or theta.dtype not in (np.float32, np.float64):
            kind = getattr(theta, "dtype", type(theta).__name__)
            raise TypeError(f"theta must be an array of float32 or float64, got {kind}")
        if theta.shape != (self.n_parameters,):
            raise ValueError(f"theta must have the shape ({self.n_parameters},), got {theta.shape}")
        if not (theta.is_c_contiguous() if cuda else theta.flags.c_contiguous):
            raise ValueError("theta must be contiguous, got a strided view")
