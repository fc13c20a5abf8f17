"""A trial run of an equation in Python, on numbers that support exactly what every kernel supports."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, NoReturn

from numba import config
from numba.core.registry import cpu_target

from numbarnn.cells import numbers

_HINT = (
    "An equation computes with + - * / between numbers and the functions of numbarnn.cells.numbers (tanh, sigmoid, "
    "relu, their slopes, zero), without constants, NumPy functions and branches: write 1 - np.tanh(a)**2 as "
    "tanh_slope(tanh(a)), and (1 - z) * n + z * h as n + z * (h - n)."
)


def jit_is_off() -> bool:
    """Return whether `NUMBA_DISABLE_JIT` is set, so that kernels and equations run as plain Python."""
    return bool(vars(config)["DISABLE_JIT"])  # Numba sets it from the environment, unseen by type checkers


class Number:
    """A number without a value.

    It represents a vector of the CPU kernels, which can be combined with vectors only; everything else is refused.
    """

    def __init__(self, value: Any) -> None:
        raise TypeError(f"a number cannot be made of the constant {value!r}")

    @classmethod
    def of_trial(cls) -> Number:
        """Return a new number."""
        return cls.__new__(cls)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> NoReturn:
        raise TypeError(f"NumPy's {ufunc.__name__} does not take a number of a kernel")

    def __array_function__(self, function: Any, *options: Any) -> NoReturn:
        raise TypeError(f"NumPy's {function.__name__} does not take a number of a kernel")

    def __bool__(self) -> bool:
        raise TypeError("there is no branch on the value of a number")

    def __neg__(self) -> Number:
        return self.of_trial()

    __hash__ = None  # type: ignore[assignment]


def _define_arithmetic(name: str, sign: str) -> None:
    def of_numbers(left: Number, right: Any) -> Number:
        if not isinstance(right, Number):
            raise TypeError(f"a number {sign} the constant {right!r} of type {type(right).__name__} is not possible")
        return Number.of_trial()

    def reflected(right: Number, left: Any) -> NoReturn:
        raise TypeError(f"the constant {left!r} of type {type(left).__name__} {sign} a number is not possible")

    setattr(Number, f"__{name}__", of_numbers)
    setattr(Number, f"__r{name}__", reflected)


def _define_refusal(name: str, sign: str) -> None:
    def refuse(left: Number, *others: Any) -> NoReturn:
        raise TypeError(f"numbers have no operation {sign}")

    setattr(Number, f"__{name}__", refuse)


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/")):
    _define_arithmetic(_name, _sign)
for _name, _sign in (
    ("pow", "**"),
    ("rpow", "**"),
    ("floordiv", "//"),
    ("mod", "%"),
    ("abs", "abs"),
    ("pos", "unary +"),
    ("float", "float"),
    ("complex", "complex"),
    *zip(("lt", "le", "gt", "ge", "eq", "ne"), ("<", "<=", ">", ">=", "==", "!="), strict=True),
):
    _define_refusal(_name, _sign)
for _name in ("zero", "tanh", "sigmoid", "relu", "reciprocal_deviation", "tanh_slope", "sigmoid_slope", "relu_slope"):
    setattr(Number, _name, Number.__neg__)


def trial_of(where: str, equation: FunctionType, given: tuple) -> Any:
    """Return the result of an equation for numbers without a value.

    Raises
    ------
    TypeError
        If it uses an operation that a kernel does not support.
    ValueError
        If it unpacks other numbers of values than the class declares.
    """
    _check_names(where, equation, set())
    try:
        return _in_python(equation)(*given)
    except (ValueError, IndexError) as error:
        counts = ", ".join(
            f"{len(value)} for {name}" if isinstance(value, tuple) else name
            for name, value in zip(inspect.signature(equation).parameters, given, strict=False)
        )
        raise ValueError(f"{where} fails with the numbers that the class declares ({counts}): {error}") from error
    except Exception as error:
        raise TypeError(f"{where} fails in a trial run: {error}. {_HINT}") from error


def _names_of(function: FunctionType) -> dict[str, Any]:
    """Return the global and nonlocal variables that a function uses."""
    loaded = {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {
        **{name: value for name, value in function.__globals__.items() if name in loaded},
        **{name: cell.cell_contents for name, cell in cells},
    }


def _check_names(where: str, function: FunctionType, seen: set[FunctionType]) -> None:
    """Refuse functions that a kernel cannot call."""
    seen.add(function)
    for name, value in _names_of(function).items():
        called = getattr(value, "py_func", value)
        if not isinstance(called, FunctionType) or called in seen or called.__module__ == numbers.__name__:
            continue
        if called is value and not _is_known_to_numba(called):
            raise TypeError(
                f"{where} calls {name}, a plain Python function that no kernel can call: decorate it with "
                "numba.extending.register_jitable"
            )
        _check_names(where, called, seen)


def _is_known_to_numba(function: FunctionType) -> bool:
    if jit_is_off():  # no function is compiled
        return True
    cpu_target.typing_context.refresh()
    try:
        return cpu_target.typing_context.resolve_value_type(function) is not None
    except Exception:  # Numba's and Python's own errors, as the version has it
        return False


def _in_python(function: FunctionType) -> Callable[..., Any]:
    """Return a function that calls in Python what Numba compiles, such as a helper below `@njit`."""
    names = _names_of(function)
    helpers = {
        name: _in_python(value.py_func)
        for name, value in names.items()
        if isinstance(getattr(value, "py_func", None), FunctionType)
    }
    if not helpers:
        return function
    closure = tuple(CellType(helpers.get(name, names[name])) for name in function.__code__.co_freevars)
    known = {**function.__globals__, **helpers}
    return FunctionType(function.__code__, known, function.__name__, function.__defaults__, closure or None)
