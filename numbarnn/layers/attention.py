"""Attention over a memory: the weights of its rows for each query, and the weighted sum of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cells.initial import glorot_uniform, random_of
from numbarnn.kernels.cpu import attention_passes
from numbarnn.kernels.cpu.memory import Projections
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import on_cuda, place_like, to_host
from numbarnn.layers.base import Parameter
from numbarnn.layers.checks import check_sizes
from numbarnn.recurrence.arguments import check_finite, checked_lengths

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Array = NDArray[Any]

KINDS = ("additive", "general", "dot")


class AdditiveAttention(NamedTuple):
    r"""Weights of additive attention (Bahdanau et al. 2015 [1]_).

    The score of a row :math:`m_j` of the memory for a query q is :math:`e_j = v \cdot \tanh(q W + m_j U)`, the
    alignment model of section 3.1 and appendix A.1.2 of the paper, here for row vectors.

    Parameters
    ----------
    W : ndarray of shape (N, A)
        Projection of the queries.
    U : ndarray of shape (M, A)
        Projection of the memory.
    v : ndarray of shape (A,)
        Weights of the hidden units.

    References
    ----------
    .. [1] D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
       ICLR 2015.
    """

    W: Any
    U: Any
    v: Any

    @classmethod
    def init(
        cls, n_query: int, n_memory: int, n_units: int, dtype: DTypeLike = "float32", random_state: Any = None
    ) -> AdditiveAttention:
        """Draw Glorot-uniform weights.

        Parameters
        ----------
        n_query, n_memory, n_units : int
            Sizes N, M and A; A is the number of hidden units.
        dtype : {"float32", "float64"}, default="float32"
        random_state : int, RandomState or None, default=None

        Returns
        -------
        AdditiveAttention
        """
        check_sizes(n_query=n_query, n_memory=n_memory, n_units=n_units)
        random = random_of(random_state)
        W, U = (glorot_uniform(n, n_units, random).astype(dtype) for n in (n_query, n_memory))
        return cls(W, U, glorot_uniform(n_units, 1, random)[:, 0].astype(dtype))


class GeneralAttention(NamedTuple):
    r"""Weights of general attention (Luong et al. 2015 [1]_, eq. 8).

    The score of a row :math:`m_j` of the memory for a query q is the bilinear form
    :math:`e_j = q W m_j^T`.

    Parameters
    ----------
    W : ndarray of shape (N, M)
        Matrix of the bilinear form.

    References
    ----------
    .. [1] M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches to attention-based neural machine translation",
       EMNLP 2015.
    """

    W: Any

    @classmethod
    def init(
        cls, n_query: int, n_memory: int, dtype: DTypeLike = "float32", random_state: Any = None
    ) -> GeneralAttention:
        """Draw Glorot-uniform weights.

        Parameters
        ----------
        n_query, n_memory : int
            N and M.
        dtype : {"float32", "float64"}, default="float32"
        random_state : int, RandomState or None, default=None

        Returns
        -------
        GeneralAttention
        """
        check_sizes(n_query=n_query, n_memory=n_memory)
        return cls(glorot_uniform(n_query, n_memory, random_of(random_state)).astype(dtype))


class AttentionTape(NamedTuple):
    """Tape of `attend`: the tape of the kernels, the weights of the score, and whether there was a time axis.

    It refers to the arrays of `params`. Do not change them before the derivatives are computed.
    """

    passes: attention_passes.AttentionTape
    params: Any
    has_time: bool
    like: Any

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Shapes of the query, the memory, the context and the weights."""
        n_query, n_memory = self.passes.sizes
        n_sequences, n_steps, n_rows = self.passes.of.weights.shape
        lead = (n_steps, n_sequences) if self.has_time else (n_sequences,)
        return (*lead, n_query), (n_rows, n_sequences, n_memory), (*lead, n_memory), (*lead, n_rows)


class AttendResult(NamedTuple):
    """Results of `attend`: context, weights and tape."""

    context: Any
    weights: Any
    tape: AttentionTape


class AttendTangent(NamedTuple):
    """Results of `attend_tangent`: the tangents of the context and of the weights."""

    context: Any
    weights: Any


class AttendAdjoint(NamedTuple):
    """Results of `attend_adjoint`: the adjoints of `params` (None for kind "dot"), of the query and of the memory."""

    params: Any
    query: Any
    memory: Any


def attend(
    query: Array,
    memory: Array,
    lengths: ArrayLike | None = None,
    kind: str = "dot",
    params: AdditiveAttention | GeneralAttention | None = None,
    *,
    n_jobs: int | None = None,
) -> AttendResult:
    r"""Attend to the rows of a memory, such as the outputs of an encoder.

    For a query q, each row :math:`m_j` of the memory has a score :math:`e_j`. The weights are
    :math:`\alpha = \mathrm{softmax}(e)`, and the context is :math:`c = \sum_j \alpha_j m_j` (Bahdanau et al. 2015 [1]_,
    eqs. 5 and 6). The scores are

    - ``"additive"``: :math:`e_j = v \cdot \tanh(q W + m_j U)` (Bahdanau et al. 2015 [1]_, section 3.1);
    - ``"general"``: :math:`e_j = q W m_j^T` (Luong et al. 2015 [2]_, eq. 8);
    - ``"dot"``: :math:`e_j = q m_j^T` (Luong et al. 2015 [2]_, eq. 8).

    Parameters
    ----------
    query : ndarray of shape (Tq, B, N) or (B, N)
        Queries of each sequence, float32 or float64. A NumPy array or a CUDA array. Attention is computed on the CPU:
        CUDA arrays are copied there, and the results are copied back.
    memory : ndarray of shape (S, B, M)
        Rows that each sequence attends to, of the same dtype as the query. With ``kind="dot"`` M must be N.
    lengths : array-like of int of shape (B,), default=None
        Number of valid rows of each memory, from 0 to S; None means all S. The other rows are not read, and their
        weights are exactly zero. The context of a memory of length 0 is zero.
    kind : {"dot", "general", "additive"}, default="dot"
        Kind of score.
    params : AdditiveAttention or GeneralAttention, default=None
        Weights of the score; must be None for ``"dot"``.
    n_jobs : int, default=None
        Number of threads, as in `numbarnn.forward`. The bits of the results do not depend on it.

    Returns
    -------
    context : ndarray of shape (Tq, B, M) or (B, M)
    weights : ndarray of shape (Tq, B, S) or (B, S)
        Nonnegative weights that sum to one over the rows of each memory (to zero for a memory of length 0).
    tape : AttentionTape
        Input of `attend_tangent` and `attend_adjoint`. It refers to the arrays of `params`.

    Raises
    ------
    TypeError
        If an argument is not a float array of the same dtype as the query, or `params` does not fit `kind`.
    ValueError
        If `kind` is unknown, shapes do not fit together, a length is out of range, or a valid entry is NaN or infinite.

    References
    ----------
    .. [1] D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
       ICLR 2015.
    .. [2] M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches to attention-based neural machine translation",
       EMNLP 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import attend
    >>> memory = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[5.0, 5.0]]])
    >>> context, weights, tape = attend(np.array([[0.0, 10.0]]), memory, lengths=[2])
    >>> weights.round(3)
    array([[0., 1., 0.]])
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be 'additive', 'general' or 'dot', got {kind!r}")
    like, query = query, _checked("query", query, None)
    has_time = query.ndim == 3
    if query.ndim not in (2, 3):
        raise ValueError(f"query must have shape (Tq, B, N) or (B, N), got {query.shape}")
    check_finite("query", query)
    memory = _checked("memory", memory, query.dtype)
    if memory.ndim != 3 or memory.shape[1] != query.shape[-2]:
        raise ValueError(f"memory must have shape (S, {query.shape[-2]}, M) for this query, got {memory.shape}")
    n_rows, n_sequences, n_memory = memory.shape
    ends = np.full(n_sequences, n_rows, np.intp)
    if lengths is not None:
        ends = checked_lengths(lengths, n_rows, n_sequences, "rows of memory")
    check_finite("memory", memory, ends)
    params = _checked_params("params", params, kind, (query.shape[-1], n_memory), query.dtype)
    rows = query if has_time else query[np.newaxis]
    context, weights, tape = attention_passes.forward(
        projections_of(params), rows, memory, ends, resolve_threads(n_jobs)
    )
    if not has_time:
        context, weights = context[0], weights[0]
    context, weights = place_like(like, (context, weights))
    return AttendResult(context, weights, AttentionTape(tape, params, has_time, like if on_cuda(like) else None))


def attend_tangent(
    tape: AttentionTape,
    query_dot: Array | None = None,
    memory_dot: Array | None = None,
    params_dot: AdditiveAttention | GeneralAttention | None = None,
    *,
    n_jobs: int | None = None,
) -> AttendTangent:
    """Return the Jacobian-vector product of `attend`, the directional derivative of its results.

    Parameters
    ----------
    tape : AttentionTape
        From `attend`; it is not changed.
    query_dot : ndarray of the query's shape, default=None
        Direction of the queries; None is zero.
    memory_dot : ndarray of shape (S, B, M), default=None
        Direction of the memory; None is zero. Rows that are not valid are not read.
    params_dot : AdditiveAttention or GeneralAttention, default=None
        Direction of the weights of the score; None is zero.
    n_jobs : int, default=None
        Number of threads, as in `attend`.

    Returns
    -------
    context_dot : ndarray of the context's shape
    weights_dot : ndarray of the shape of the weights
        Exactly zero for rows that are not valid.

    Raises
    ------
    TypeError, ValueError
        If `tape` is not from `attend`, or a direction does not fit it or is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import attend, attend_tangent
    >>> query, memory = np.ones((1, 2)), np.eye(2)[:, np.newaxis]
    >>> tape = attend(query, memory).tape
    >>> attend_tangent(tape, query_dot=np.array([[1.0, -1.0]])).weights
    array([[ 0.5, -0.5]])
    """
    shapes, dtype = _checked_tape(tape).shapes, tape.passes.query.dtype
    query_dot, memory_dot = (
        None if array is None else _checked(name, array, dtype, shape)
        for name, array, shape in (("query_dot", query_dot, shapes[0]), ("memory_dot", memory_dot, shapes[1]))
    )
    if query_dot is not None:
        check_finite("query_dot", query_dot)
        query_dot = query_dot if tape.has_time else query_dot[np.newaxis]
    if memory_dot is not None:
        check_finite("memory_dot", memory_dot, tape.passes.memory.lengths)
    projections_dot = None
    if params_dot is not None:
        kind = kind_of(tape.params)
        projections_dot = projections_of(_checked_params("params_dot", params_dot, kind, tape.passes.sizes, dtype))
        _check_shapes("params_dot", params_dot, tape.params)
    results = attention_passes.tangent(tape.passes, projections_dot, query_dot, memory_dot, resolve_threads(n_jobs))
    return AttendTangent(*_placed(tape, results))


def attend_adjoint(
    tape: AttentionTape,
    context_bar: Array | None = None,
    weights_bar: Array | None = None,
    *,
    n_jobs: int | None = None,
) -> AttendAdjoint:
    """Return the vector-Jacobian product of `attend`, the derivatives of a loss with respect to its arguments.

    Parameters
    ----------
    tape : AttentionTape
        From `attend`; it is not changed.
    context_bar : ndarray of the context's shape, default=None
        Derivative of the loss with respect to the context; None is zero.
    weights_bar : ndarray of the shape of the weights, default=None
        Derivative of the loss with respect to the weights, such as that of a penalty; None is zero. Entries for rows
        that are not valid have no effect.
    n_jobs : int, default=None
        Number of threads, as in `attend`.

    Returns
    -------
    params_bar : AdditiveAttention, GeneralAttention or None
        Derivative with respect to the weights of the score; None for ``kind="dot"``.
    query_bar : ndarray of the query's shape
    memory_bar : ndarray of shape (S, B, M)
        Exactly zero for rows that are not valid.

    Raises
    ------
    TypeError, ValueError
        If `tape` is not from `attend`, or a cotangent does not fit it or is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import attend, attend_adjoint
    >>> query, memory = np.ones((1, 2)), np.eye(2)[:, np.newaxis]
    >>> tape = attend(query, memory).tape
    >>> attend_adjoint(tape, weights_bar=np.array([[1.0, 0.0]])).query
    array([[ 0.25, -0.25]])
    """
    shapes, dtype = _checked_tape(tape).shapes, tape.passes.query.dtype
    if context_bar is not None:
        context_bar = _checked("context_bar", context_bar, dtype, shapes[2])
        check_finite("context_bar", context_bar)
        context_bar = context_bar if tape.has_time else context_bar[np.newaxis]
    if weights_bar is not None:
        weights_bar = _checked("weights_bar", weights_bar, dtype, shapes[3])
        valid = np.arange(shapes[3][-1]) < tape.passes.memory.lengths[:, np.newaxis]
        weights_bar = np.where(valid, weights_bar, 0)
        check_finite("weights_bar", weights_bar)
        weights_bar = weights_bar if tape.has_time else weights_bar[np.newaxis]
    bars, query_bar, memory_bar = attention_passes.adjoint(
        tape.passes, context_bar, weights_bar, resolve_threads(n_jobs)
    )
    params_bar, memory_bar = place_like(tape.like, (params_from(kind_of(tape.params), bars), memory_bar))
    (query_bar,) = _placed(tape, (query_bar,))
    return AttendAdjoint(params_bar, query_bar, memory_bar)


def parameters_of(kind: str, n_query: int, n_memory: int, n_units: int) -> Any:
    """Return the shapes of the weights for a kind of score; an empty tuple for "dot"."""
    if kind == "dot":
        return ()
    if kind == "general":
        return GeneralAttention(Parameter((n_query, n_memory), decays=True))
    W, U = (Parameter((n, n_units), decays=True) for n in (n_query, n_memory))
    return AdditiveAttention(W, U, Parameter((n_units,), decays=True))


def projections_of(params: Any) -> Projections:
    """Return the weights of a score in the form that the kernels take; None or an empty tuple means the dot product."""
    if isinstance(params, AdditiveAttention):
        return Projections(params.W, params.U, params.v)
    if isinstance(params, GeneralAttention):
        # q W m^T = q (m W^T)^T: the keys are m W^T
        return Projections(None, params.W.T, None)
    return Projections(None, None, None)


def params_from(kind: str, bars: Projections) -> Any:
    """Return adjoints in the form of the weights for a kind of score; None for "dot"."""
    if kind == "additive":
        return AdditiveAttention(*(np.ascontiguousarray(bar) for bar in bars))
    return GeneralAttention(np.ascontiguousarray(bars.key.T)) if kind == "general" else None


def kind_of(params: Any) -> str:
    """Return the kind of score that the weights belong to."""
    if isinstance(params, AdditiveAttention):
        return "additive"
    return "general" if isinstance(params, GeneralAttention) else "dot"


def _placed(tape: AttentionTape, results: tuple[Array, ...]) -> Any:
    """Return results `(T, B, ..)` on the device of the query, without the time axis if the query had none."""
    if not tape.has_time:
        results = tuple(result[0] for result in results)
    return place_like(tape.like, results)


def _checked_tape(tape: Any) -> AttentionTape:
    if not isinstance(tape, AttentionTape):
        raise TypeError(f"tape must come from numbarnn.attend, got {type(tape).__name__}")
    return tape


def _checked(name: str, array: Any, dtype: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Return an array in the form that the kernels take, of the given dtype, or of any float dtype if it is None."""
    array = to_host(array) if on_cuda(array) else array
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        hint = "; fill it first, for the mask would be ignored" if isinstance(array, np.ma.MaskedArray) else ""
        raise TypeError(f"{name} must be a NumPy array or a CUDA array, got {type(array).__name__}{hint}")
    if dtype is None and array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if dtype is not None and array.dtype != dtype:
        raise TypeError(f"{name} must be {dtype} as the query, got {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return np.require(np.asarray(array), requirements=("C", "W"))


def _checked_params(name: str, params: Any, kind: str, sizes: tuple[int, int], dtype: Any) -> Any:
    """Return the checked weights of a score in the form that the kernels take; None for the dot product."""
    n_query, n_memory = sizes
    wanted: Any = {"additive": AdditiveAttention, "general": GeneralAttention, "dot": type(None)}[kind]
    if not isinstance(params, wanted):
        what = "None" if kind == "dot" else f"a numbarnn.layers.{wanted.__name__}"
        raise TypeError(f"{name} must be {what} for kind={kind!r}, got {type(params).__name__}")
    if params is None:
        if n_query != n_memory:
            raise ValueError(
                f"query and memory must have the same size for kind='dot', got {n_query} and {n_memory}; "
                f"kind='general' takes any sizes"
            )
        return None
    arrays = {field: _checked(f"{name}.{field}", array, dtype) for field, array in params._asdict().items()}
    n_units = arrays["v"].size if kind == "additive" else 0
    for field, parameter in parameters_of(kind, n_query, n_memory, n_units)._asdict().items():
        if arrays[field].shape != parameter.shape:
            raise ValueError(f"{name}.{field} must have shape {parameter.shape}, got {arrays[field].shape}")
        check_finite(f"{name}.{field}", arrays[field])
    return wanted(**arrays)


def _check_shapes(name: str, params_dot: Any, params: Any) -> None:
    for field, array, own in zip(params._fields, params_dot, params, strict=True):
        if array.shape != own.shape:
            raise ValueError(f"{name}.{field} must have shape {own.shape} as in params, got {array.shape}")
