"""The contract of a cell, and the check that a class of cells fulfils it."""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import FunctionType
from typing import Any, ClassVar, Protocol

import numpy as np

from numbarnn.cells.form import Form, form_of
from numbarnn.cells.trial import Number, trial_of


class Cell(Protocol):
    """A cell: a `typing.NamedTuple` of its weights whose class has the equations of one step of one unit.

    With I inputs, H units, N outputs (H unless they are projected) and G gates, of which g see the inputs and r see h:

    Attributes
    ----------
    W : ndarray of shape (I, g * H)
        Input weights, the gates' blocks of columns side by side.
    R : ndarray of shape (N, r * H)
        Recurrent weights.
    b : ndarray of shape (G * H,)
        Bias.
    n_gates : int
        G, the number of pre-activations `a = x_t W + h_(t-1) R + b` of a unit; at least 1.
    state_size : int
        Number of parts of the state: 1 for `(h,)`, 2 for `(h, c)`.
    n_saved : int
        How many numbers `step` saves for the derivatives.

    Notes
    -----
    Further fields behind `b` are parameters of the units, `(H,)` each; the methods then take them as a tuple `p`.
    A class may also have these attributes:

    - `input_gates`, `recurrent_gates`: the gate of each block of W's and of R's columns, if not every gate has one.
    - `inner_gates`: the gates whose block of R is multiplied by an inner state instead of h. The class then has the
      methods `inner`, `inner_saved`, `inner_tangent` and `inner_adjoint` (see `numbarnn.GRUResetBefore`).
    - `projection`: the last fields, `("P",)` or `("P", "b_P")`, if h is a projection of the units' outputs (see
      `numbarnn.ProjectedLSTM` and `numbarnn.Jordan`).
    - `normalisation`: the four fields behind `b` if the products and c are normalised. The class then has the methods
      `output`, `output_tangent` and `output_adjoint`, and `n_saved` counts one number more for each gate (see
      `numbarnn.LayerNormLSTM`).

    The methods are static and compute with numbers: floats, complex numbers, or the vectors of a kernel. They use
    `+ - * /` between numbers and the functions of `numbarnn.cells.numbers`. `init(n_inputs, n_units, dtype,
    random_state)` is needed by networks and estimators only.
    """

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray

    n_gates: ClassVar[int]
    state_size: ClassVar[int]
    n_saved: ClassVar[int]

    @staticmethod
    def step(a: tuple, state: tuple) -> tuple[tuple, tuple]:
        """Return the new state, whose first part is the output h, and the numbers to save."""
        ...

    @staticmethod
    def tangent(saved: tuple, state_before: tuple, state: tuple, a_dot: tuple, state_before_dot: tuple) -> tuple:
        """Return the tangent of the new state. With parameters of the units, it takes `p` and `p_dot` as well."""
        ...

    @staticmethod
    def adjoint(saved: tuple, state_before: tuple, state: tuple, state_bar: tuple) -> tuple:
        """Return the adjoints of the pre-activations and of the state before, without the part through `a`.

        With parameters of the units, it takes `p` as well and returns their adjoints third.
        """
        ...


def check_cell(cell_class: Any) -> None:
    """Check that a class fulfils the contract of `Cell`, by its declarations and by a trial of its methods.

    Nothing is compiled. A class that has passed is not checked again.

    Parameters
    ----------
    cell_class : type

    Raises
    ------
    TypeError
        If the class is no NamedTuple, a method is missing or takes other parameters, or an equation uses anything but
        arithmetic between numbers and the functions of `numbarnn.cells.numbers`.
    ValueError
        If the first three fields are not W, R and b, a declared number or gate is impossible, or a method returns
        another number of values than the class declares.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.cells import check_cell
    >>> check_cell(LSTM)
    """
    if not isinstance(cell_class, type):
        raise TypeError(f"a cell must be a class, got {cell_class!r}")
    _check(cell_class)


@lru_cache(256)
def _check(cell_class: Any) -> None:
    _check_fields(cell_class)
    _check_counts(cell_class)
    _check_gates(cell_class)
    form = form_of(cell_class)
    _check_normalisation(cell_class, form)
    for name, parameters in _methods(form).items():
        _check_method(cell_class, name, parameters)
    _Trial(cell_class, form).run()


def _check_fields(cell_class: Any) -> None:
    name = cell_class.__name__
    if not (issubclass(cell_class, tuple) and hasattr(cell_class, "_fields") and hasattr(cell_class, "_make")):
        raise TypeError(
            f"{name} is not a cell: its class must be a typing.NamedTuple of its weights, such as numbarnn.LSTM"
        )
    fields = cell_class._fields
    if fields[:3] != ("W", "R", "b"):
        raise ValueError(f"the first three fields of {name} must be W, R, b in this order, got {', '.join(fields)}")
    for attribute, sizes in (("normalisation", (0, 4)), ("projection", (0, 1, 2))):
        names = getattr(cell_class, attribute, ())
        if not isinstance(names, tuple) or len(names) not in sizes:
            wanted = " or ".join(map(str, sizes[1:]))
            raise ValueError(f"{name}.{attribute} must be a tuple of {wanted} names of fields, got {names!r}")
    last = (*getattr(cell_class, "normalisation", ()), *getattr(cell_class, "projection", ()))
    if last and fields[max(3, len(fields) - len(last)) :] != last:
        raise ValueError(f"the last fields of {name} must be {', '.join(last)} in this order, got {', '.join(fields)}")


def _check_counts(cell_class: Any) -> None:
    for attribute, least in (("n_gates", 1), ("state_size", 1), ("n_saved", 0)):
        count = getattr(cell_class, attribute, None)
        if count is None:
            raise TypeError(f"{cell_class.__name__} must have the class attribute {attribute}, an integer")
        if not isinstance(count, int) or isinstance(count, bool) or count < least:
            raise ValueError(f"{cell_class.__name__}.{attribute} must be an integer of at least {least}, got {count!r}")


def _check_gates(cell_class: Any) -> None:
    name, n_gates = cell_class.__name__, cell_class.n_gates
    for attribute, least in (("input_gates", 1), ("recurrent_gates", 1), ("inner_gates", 0)):
        gates = getattr(cell_class, attribute, None)
        if gates is None:
            continue
        integers = isinstance(gates, tuple) and all(isinstance(g, int) and not isinstance(g, bool) for g in gates)
        if not integers or len(gates) < least or len(set(gates)) < len(gates) or not set(gates) <= set(range(n_gates)):
            raise ValueError(
                f"{name}.{attribute} must be a tuple of different integers from 0 to n_gates - 1 = {n_gates - 1}, "
                f"got {gates!r}"
            )
    form = form_of(cell_class)
    if not set(form.inner_gates) <= set(form.recurrent_gates):
        raise ValueError(
            f"{name}.inner_gates must be among recurrent_gates {form.recurrent_gates}, got {form.inner_gates}"
        )


def _check_normalisation(cell_class: Any, form: Form) -> None:
    """Refuse combinations that the loops over time of cells with normalisation do not support."""
    if not form.normalisation:
        return
    every = tuple(range(form.n_gates))
    others = form.unit_parameters or form.projection or form.inner_gates
    if others or form.input_gates != every or form.recurrent_gates != every or cell_class.state_size != 2:
        raise ValueError(
            f"{cell_class.__name__}: a cell with normalisation must have the state (h, c), every gate in W and in R, "
            "and neither parameters of the units, nor a projection, nor inner gates"
        )


def _methods(form: Form) -> dict[str, tuple[str, ...]]:
    """Return the methods that a class of this form must have, and their parameters."""
    p, p_dot = (("p",), ("p_dot",)) if form.unit_parameters else ((), ())
    methods = {
        "step": ("a", "state", *p),
        "tangent": ("saved", "state_before", "state", "a_dot", "state_before_dot", *p, *p_dot),
        "adjoint": ("saved", "state_before", "state", "state_bar", *p),
    }
    if form.inner_gates:
        methods |= {
            "inner": ("a", "state"),
            "inner_saved": ("saved", "state_before"),
            "inner_tangent": ("saved", "state_before", "a_dot", "state_before_dot"),
            "inner_adjoint": ("saved", "state_before", "u_bar"),
        }
    if form.normalisation:
        methods |= {
            "output": ("o", "v", "p"),
            "output_tangent": ("o", "v", "o_dot", "v_dot", "p", "p_dot"),
            "output_adjoint": ("o", "v", "h_bar", "p"),
        }
    return methods


def _check_method(cell_class: Any, name: str, parameters: tuple[str, ...]) -> None:
    method, wanted = getattr(cell_class, name, None), ", ".join(parameters)
    if method is None:
        raise TypeError(f"{cell_class.__name__} must have the static method {name}({wanted})")
    if not isinstance(method, FunctionType):
        raise TypeError(f"{cell_class.__name__}.{name} must be a static method written in Python, got {method!r}")
    signature = inspect.signature(method)
    try:
        signature.bind(*parameters)
    except TypeError:
        raise TypeError(f"{cell_class.__name__}.{name} must take ({wanted}), but takes {signature}") from None


class _Trial:
    """Calls of a class's methods with numbers that only count."""

    def __init__(self, cell_class: Any, form: Form) -> None:
        self.cell_class = cell_class
        self.form = form
        self.a = self._numbers(form.n_gates)
        self.state = self._numbers(cell_class.state_size)
        self.p = (self._numbers(len(form.unit_parameters)),) if form.unit_parameters else ()

    def run(self) -> None:
        """Compare the numbers of values that the methods return with those that the class declares."""
        form, state, a = self.form, self.state, self.a
        if form.inner_gates:
            _, a = self._call("inner", (a, state), "the inner state u and a", ("u", "a"))
        after, saved = self._call("step", (a, state, *self.p), "the state and what to save", ("state", "saved"))
        self._call("tangent", (saved, state, after, self.a, state, *self.p, *self.p), "the state's tangent", ("state",))
        bars = ("a", "state", "p") if form.unit_parameters else ("a", "state")
        self._call("adjoint", (saved, state, after, state, *self.p), "the adjoints of " + ", ".join(bars), bars)
        if form.inner_gates:
            self._call("inner_saved", (saved, state), "the inner state u", ("u",))
            self._call("inner_tangent", (saved, state, self.a, state), "the tangent of u", ("u",))
            self._call("inner_adjoint", (saved, state, Number.of_trial()), "the adjoints of a, state", ("a", "state"))
        if form.normalisation:
            o, v, p = Number.of_trial(), Number.of_trial(), self._numbers(2)
            self._call("output", (o, v, p), "h", ("u",))
            self._call("output_tangent", (o, v, o, v, p, p), "the tangent of h", ("u",))
            self._call("output_adjoint", (o, v, o, p), "the adjoints of o, v and p", ("u", "u", "gains"))

    def _call(self, name: str, given: tuple, what: str, parts: tuple[str, ...]) -> Any:
        """Call a method and check that each part of its result has as many numbers as declared."""
        where = f"{self.cell_class.__name__}.{name}"
        returned = trial_of(where, getattr(self.cell_class, name), given)
        if len(parts) == 1:
            self._check_part(where, parts[0], returned)
            return returned
        if not isinstance(returned, tuple) or len(returned) != len(parts):
            got = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else type(returned).__name__
            raise TypeError(f"{where} must return a tuple of {len(parts)}, {what}, got {got}")
        for part, values in zip(parts, returned, strict=True):
            self._check_part(where, part, values)
        return returned

    def _check_part(self, where: str, part: str, values: Any) -> None:
        if part == "u":
            self._check_number(where, values)
            return
        count, declared = self._declared(part)
        if not isinstance(values, tuple):
            raise TypeError(f"{where} must return the numbers of {part} as a tuple, got {type(values).__name__}")
        if len(values) != count:
            raise ValueError(
                f"{where} must return {count} numbers for {part}, as {declared} says, but returns {len(values)}"
            )
        for value in values:
            self._check_number(where, value)

    def _declared(self, part: str) -> tuple[int, str]:
        """Return how many numbers a part has, and where the class says so."""
        if part == "saved":
            n_saved = self.cell_class.n_saved
            if self.form.normalisation:
                return n_saved - self.form.n_gates, f"n_saved = {n_saved}, less one for each gate,"
            return n_saved, f"n_saved = {n_saved}"
        return {
            "a": (self.form.n_gates, f"n_gates = {self.form.n_gates}"),
            "state": (self.cell_class.state_size, f"state_size = {self.cell_class.state_size}"),
            "p": (len(self.form.unit_parameters), f"the fields {', '.join(self.form.unit_parameters)}"),
            "gains": (2, "the normalisation of c"),
        }[part]

    @staticmethod
    def _check_number(where: str, value: Any) -> None:
        if not isinstance(value, Number):
            raise TypeError(f"{where} returns {value!r} where a number is expected; for 0 write zero(x) of a number x")

    @staticmethod
    def _numbers(count: int) -> tuple[Number, ...]:
        return tuple(Number.of_trial() for _ in range(count))
