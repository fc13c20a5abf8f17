"""Embedding of categorical inputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.backend import zeros_like
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, Parameter, PassSettings, Tangent
from numbarnn.layers.checks import check_sizes
from numbarnn.layers.stateless import Stateless

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


class EmbeddingParameters(NamedTuple):
    """One table of vectors `(n_categories, n_dims)` for each column of codes."""

    tables: tuple[Any, ...]


class EmbeddingTape(NamedTuple):
    """The inputs, of which only shape and dtype matter, the codes of each column, and which are valid (None: all)."""

    values: Any
    codes: list[Any]
    valid: Any


@dataclass(frozen=True)
class Embedding(Stateless):
    r"""Embedding layer: replace columns of category codes by learned vectors, and pass the other inputs through.

    The outputs are the other inputs in their order, followed by the vectors of the columns in the order of `columns`
    (Guo and Berkhahn 2016 [1]_). A code is an integer from 0 to ``n_categories - 1``, stored as a float. The layer is
    computed with NumPy; values on a CUDA device are copied to the CPU and back.

    Parameters
    ----------
    n_inputs : int
        Number of inputs, including the columns of codes.
    n_categories : tuple of int
        Number of categories of each column of codes.
    n_dims : tuple of int
        Dimension of the vectors of each column of codes.
    columns : tuple of int
        Indices of the inputs that are codes.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, a column is not one of the inputs or occurs twice, or `n_categories`,
        `n_dims` and `columns` do not have the same length.

    Notes
    -----
    With :math:`E` the table of vectors of a column and :math:`c_n` the code of row n, the output is
    :math:`y_n = E_{c_n}`, the product of the one-hot encoded code and the table. Adjoint:
    :math:`\bar E_c = \sum_{n: c_n = c} \bar y_n`; the adjoint of a code is zero. The entries of a table are initialized
    from a normal distribution whose variance is the reciprocal of the dimension, so that the expected squared norm of a
    vector is one.

    References
    ----------
    .. [1] C. Guo and F. Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737, 2016.

    Examples
    --------
    A numeric input, followed by the code of one of seven weekdays:

    >>> import numpy as np
    >>> from numbarnn.layers import Embedding, Padded
    >>> layer = Embedding(n_inputs=2, n_categories=(7,), n_dims=(3,), columns=(1,))
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> layer.forward(parameters, Padded(np.array([[0.5, 6.0], [0.1, 0.0]]))).y.values.shape
    (2, 4)
    """

    n_inputs: int
    n_categories: tuple[int, ...]
    n_dims: tuple[int, ...]
    columns: tuple[int, ...]

    def __post_init__(self) -> None:
        check_sizes(n_inputs=self.n_inputs)
        for name in ("n_categories", "n_dims", "columns"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not len(self.n_categories) == len(self.n_dims) == len(self.columns) > 0:
            raise ValueError(
                f"n_categories, n_dims and columns must have one entry for each column of codes, at least one; "
                f"got {self.n_categories}, {self.n_dims} and {self.columns}"
            )
        for n_categories, n_dims in zip(self.n_categories, self.n_dims, strict=True):
            check_sizes(n_categories=n_categories, n_dims=n_dims)
        if len(set(self.columns)) < len(self.columns) or not set(self.columns) <= set(range(self.n_inputs)):
            raise ValueError(f"columns must be different numbers from 0 to {self.n_inputs - 1}, got {self.columns}")

    @property
    def n_outputs(self) -> int:
        """Number of inputs that are not codes, plus the dimensions of all vectors."""
        return len(self._others) + sum(self.n_dims)

    @property
    def parameters(self) -> EmbeddingParameters:
        """Shapes of the tables."""
        shapes = zip(self.n_categories, self.n_dims, strict=True)
        return EmbeddingParameters(tuple(Parameter(shape, decays=True) for shape in shapes))

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> EmbeddingParameters:
        """Draw the tables from a normal distribution."""
        shapes = zip(self.n_categories, self.n_dims, strict=True)
        tables = (random_state.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes)
        return EmbeddingParameters(tuple(table.astype(dtype) for table in tables))

    def forward(
        self,
        parameters: EmbeddingParameters,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Any = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return the other inputs and the vectors.

        Raises
        ------
        ValueError
            If a code is not an integer, or not one of the categories.
        """
        values, valid = to_host(x.values), None
        if x.is_sequence and x.lengths is not None:
            valid = np.arange(len(values))[:, np.newaxis] < x.lengths
        codes = self._codes(values, valid)
        y = place_like(x.values, self._looked_up(to_host(parameters).tables, values, codes, valid))
        tape = EmbeddingTape(x.values, codes, valid) if settings.keep_tape else None
        return Forward(Padded(y, x.lengths), (), tape)

    def tangent(
        self,
        parameters: EmbeddingParameters,
        tape: EmbeddingTape,
        parameters_dot: EmbeddingParameters | None = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the other inputs and of the vectors."""
        values, codes, valid = tape
        x_dot = np.zeros(values.shape, values.dtype) if x_dot is None else to_host(x_dot)
        tables_dot = None if parameters_dot is None else to_host(parameters_dot).tables
        return Tangent(place_like(values, self._looked_up(tables_dot, x_dot, codes, valid)), ())

    def adjoint(
        self,
        parameters: EmbeddingParameters,
        tape: EmbeddingTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the tables and of x, which is zero for codes and past the ends of the sequences."""
        values, codes, valid = tape
        if y_bar is None:
            return Adjoint(
                EmbeddingParameters(tuple(map(zeros_like, parameters.tables))),
                zeros_like(values) if inputs else None,
                (),
            )
        host = to_host(y_bar)
        tables_bar = []
        for own, part, n_categories in zip(codes, self._parts, self.n_categories, strict=True):
            # y[n, part] = table[codes[n]]
            terms = host[..., part].reshape(-1, part.stop - part.start)
            tables_bar.append(_one_hot_columns(own, valid, n_categories, values.dtype) @ terms)
        x_bar = None
        if inputs:
            # y[n, : len(others)] = x[n, others]
            x_bar = np.zeros(values.shape, values.dtype)
            x_bar[..., self._others] = host[..., : len(self._others)]
            if valid is not None:
                x_bar[~valid] = 0
            x_bar = place_like(values, x_bar)
        return Adjoint(place_like(values, EmbeddingParameters(tuple(tables_bar))), x_bar, ())

    @property
    def _others(self) -> list[int]:
        """Inputs that are not codes."""
        return [column for column in range(self.n_inputs) if column not in self.columns]

    @property
    def _parts(self) -> list[slice]:
        """Positions of the vectors of each column among the outputs."""
        return [slice(*bounds) for bounds in pairwise(accumulate(self.n_dims, initial=len(self._others)))]

    def _codes(self, values: Array, valid: Array | None) -> list[Array]:
        """Return the codes of each column as integers, zero past the ends of the sequences."""
        codes = []
        for column, n_categories in zip(self.columns, self.n_categories, strict=True):
            own = values[..., column] if valid is None else np.where(valid, values[..., column], 0)
            wrong = own[~((own >= 0) & (own < n_categories) & (own == np.floor(own)))]
            if wrong.size:
                raise ValueError(
                    f"column {column} of x must hold codes of {n_categories} categories, "
                    f"integers from 0 to {n_categories - 1}, got {wrong[0]}"
                )
            codes.append(own.astype(np.intp))
        return codes

    def _looked_up(
        self, tables: tuple[Array, ...] | None, values: Array, codes: list[Array], valid: Array | None
    ) -> Array:
        """Return the other inputs and the vectors side by side; with tables of None the vectors are zero."""
        parts = [values[..., self._others]] if self._others else []
        if tables is None:
            parts += [np.zeros((*values.shape[:-1], n_dims), values.dtype) for n_dims in self.n_dims]
        else:
            parts += [np.take(table, own, axis=0) for table, own in zip(tables, codes, strict=True)]
        y = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        if valid is not None:
            y[~valid] = 0
        return y


def _one_hot_columns(codes: Array, valid: Array | None, n_categories: int, dtype: Any) -> Any:
    """Return the sparse matrix (n_categories, N) whose column n has a one in row `codes[n]`, if n is valid.

    Its product with rows adds those of each code in their order.
    """
    from scipy.sparse import csc_array  # noqa: PLC0415  (slow to import, and most networks have no embedding)

    counts = np.ones(codes.size, np.intp) if valid is None else valid.ravel()
    rows = codes.ravel() if valid is None else codes[valid]
    entries = np.ones(rows.size, dtype), rows, np.concatenate(([0], np.cumsum(counts)))
    return csc_array(entries, shape=(n_categories, codes.size))
