"""Wrong arguments of each pass are refused, with a message that names the argument."""

from __future__ import annotations

import numpy as np
import pytest

import numbarnn

T, B, I, H = 4, 3, 2, 5


@pytest.fixture(scope="module")
def cell():
    return numbarnn.LSTM.init(I, H, "float64", random_state=0)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).standard_normal((T, B, I))


@pytest.fixture(scope="module")
def tape(cell, x):
    return numbarnn.forward(cell, x).tape


def zeros(*shape, dtype="float64"):
    return np.zeros(shape, dtype)


def with_one(number, *shape):
    """Zeros, but for one number somewhere."""
    array = zeros(*shape)
    array.flat[array.size // 2] = number
    return array


BAD_X = {
    "rank 2": zeros(T, I),
    "rank 4": zeros(T, B, I, 1),
    "a number": 1.0,
    "other features": zeros(T, B, I + 1),
    "float32 with float64 weights": zeros(T, B, I, dtype="float32"),
    "integers": zeros(T, B, I, dtype=int),
    "booleans": zeros(T, B, I, dtype=bool),
    "complex": zeros(T, B, I, dtype=complex),
    "half": zeros(T, B, I, dtype="float16"),
    "long double": zeros(T, B, I, dtype="longdouble"),
    "other byte order": zeros(T, B, I, dtype=np.dtype("float64").newbyteorder()),
    "objects": zeros(T, B, I, dtype=object),
    "strings": np.full((T, B, I), "a"),
    "ragged lists": [[[1.0, 2.0]], [[1.0]]],
    "none": None,
    "a NaN": with_one(np.nan, T, B, I),
    "an infinity": with_one(-np.inf, T, B, I),
    "a masked array": np.ma.masked_array(zeros(T, B, I)),
}


@pytest.mark.parametrize("bad", BAD_X.values(), ids=BAD_X)
def test_x(cell, bad):
    with pytest.raises((TypeError, ValueError), match=r"\bx\b"):
        numbarnn.forward(cell, bad)


BAD_LENGTHS = {
    "too few": [4, 4],
    "rank 2": [[4], [4], [4]],
    "a number": 4,
    "negative": [4, -1, 4],
    "beyond T": [4, 5, 4],
    "far beyond T": [4, 2**62, 4],
    "beyond int64": np.array([4, 2**64 - 1, 4], np.uint64),
    "floats": [4.0, 1.5, 4.0],
    "nan": [4, np.nan, 4],
    "booleans": [True, True, False],
    "strings": ["4", "4", "4"],
    "a masked array": np.ma.masked_array([4, 4, 4], mask=[0, 1, 0]),
}


@pytest.mark.parametrize("bad", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_lengths(cell, x, bad):
    with pytest.raises((TypeError, ValueError), match="lengths"):
        numbarnn.forward(cell, x, lengths=bad)


h = zeros(B, H)
BAD_STATE = {
    "an array": h,
    "one part": (h,),
    "three parts": (h, h, h),
    "other batch": (h, zeros(B + 1, H)),
    "other units": (zeros(B, H + 1), h),
    "rank 1": (h[0], h),
    "float32": (h, h.astype("float32")),
    "complex": (h, h.astype(complex)),
    "a NaN": (h, with_one(np.nan, B, H)),
    "a masked array": (h, np.ma.masked_array(h)),
}


@pytest.mark.parametrize("bad", BAD_STATE.values(), ids=BAD_STATE)
class TestState:
    def test_initial(self, cell, x, bad):
        with pytest.raises((TypeError, ValueError), match="state"):
            numbarnn.forward(cell, x, bad)

    def test_cotangent(self, cell, tape, bad):
        with pytest.raises((TypeError, ValueError), match="state_bar"):
            numbarnn.adjoint(cell, tape, None, bad)

    def test_tangent(self, cell, tape, bad):
        with pytest.raises((TypeError, ValueError), match="state_dot"):
            numbarnn.tangent(cell, tape, state_dot=bad)


BAD_WEIGHTS = {
    "W of rank 1": {"W": zeros(4 * H)},
    "W of another width": {"W": zeros(I, 4 * H + 1)},
    "W of three gates": {"W": zeros(I, 3 * H)},
    "R not square": {"R": zeros(H + 1, 4 * H)},
    "R of rank 3": {"R": zeros(H, 4, H)},
    "b of another width": {"b": zeros(H)},
    "b of rank 2": {"b": zeros(1, 4 * H)},
    "W in float32": {"W": zeros(I, 4 * H, dtype="float32")},
    "b of integers": {"b": zeros(4 * H, dtype=int)},
    "R complex": {"R": zeros(H, 4 * H, dtype=complex)},
    "b missing": {"b": None},
    "a NaN in R": {"R": with_one(np.nan, H, 4 * H)},
    "an infinity in b": {"b": with_one(np.inf, 4 * H)},
    "b masked": {"b": np.ma.masked_array(zeros(4 * H))},
}


@pytest.mark.parametrize("bad", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
class TestWeights:
    def test_forward(self, cell, x, bad):
        with pytest.raises((TypeError, ValueError), match=rf"\b({'|'.join(cell._fields)})\b"):
            numbarnn.forward(cell._replace(**bad), x)

    def test_adjoint(self, cell, tape, bad):
        with pytest.raises((TypeError, ValueError), match=rf"\b({'|'.join(cell._fields)})\b"):
            numbarnn.adjoint(cell._replace(**bad), tape)

    def test_tangent(self, cell, tape, bad):
        with pytest.raises((TypeError, ValueError), match="cell_dot"):
            numbarnn.tangent(cell, tape, cell_dot=cell._replace(**bad))


@pytest.mark.parametrize("bad", [None, "lstm", numbarnn.LSTM, (1, 2, 3), 3.0], ids=repr)
def test_no_cell(x, tape, bad):
    for call in (
        lambda: numbarnn.forward(bad, x),
        lambda: numbarnn.adjoint(bad, tape),
        lambda: numbarnn.tangent(bad, tape),
    ):
        with pytest.raises(TypeError, match="cell"):
            call()


BAD_Y_BAR = {
    "other steps": zeros(T + 1, B, H),
    "other batch": zeros(T, B - 1, H),
    "other units": zeros(T, B, I),
    "rank 2": zeros(B, H),
    "a number": 1.0,
    "float32": zeros(T, B, H, dtype="float32"),
    "integers": zeros(T, B, H, dtype=int),
    "a NaN": with_one(np.nan, T, B, H),
    "a masked array": np.ma.masked_array(zeros(T, B, H)),
}


@pytest.mark.parametrize("bad", BAD_Y_BAR.values(), ids=BAD_Y_BAR)
def test_y_bar(cell, tape, bad):
    with pytest.raises((TypeError, ValueError), match="y_bar"):
        numbarnn.adjoint(cell, tape, bad)


BAD_X_DOT = {
    "other features": zeros(T, B, I + 1),
    "rank 2": zeros(T, I),
    "float32": zeros(T, B, I, dtype="float32"),
    "a number": 0.0,
    "a NaN": with_one(np.nan, T, B, I),
}


@pytest.mark.parametrize("bad", BAD_X_DOT.values(), ids=BAD_X_DOT)
def test_x_dot(cell, tape, bad):
    with pytest.raises((TypeError, ValueError), match="x_dot"):
        numbarnn.tangent(cell, tape, x_dot=bad)


def test_tangent_of_another_cell(cell, tape):
    with pytest.raises((TypeError, ValueError), match="cell_dot"):
        numbarnn.tangent(cell, tape, cell_dot=numbarnn.Elman.init(I, H, "float64"))


@pytest.mark.parametrize("bad", [None, (), (1, 2), "tape"], ids=repr)
def test_no_tape(cell, bad):
    for function in (numbarnn.adjoint, numbarnn.tangent):
        with pytest.raises((TypeError, ValueError), match="tape"):
            function(cell, bad)


OTHER_CELLS = {
    "other cell": numbarnn.Elman.init(I, H, "float64", random_state=0),
    "other units": numbarnn.LSTM.init(I, H + 1, "float64", random_state=0),
    "other inputs": numbarnn.LSTM.init(I + 1, H, "float64", random_state=0),
    "other dtype": numbarnn.LSTM.init(I, H, "float32", random_state=0),
}


@pytest.mark.parametrize("other", OTHER_CELLS.values(), ids=OTHER_CELLS)
def test_tape_of_another_cell(tape, other):
    for function in (numbarnn.adjoint, numbarnn.tangent):
        with pytest.raises((TypeError, ValueError), match="tape"):
            function(other, tape)


def test_tape_of_another_cell_with_arrays_of_the_same_shapes(x):
    elman = numbarnn.Elman.init(I, H, "float64", random_state=0)
    tape = numbarnn.forward(elman, x).tape
    for function in (numbarnn.adjoint, numbarnn.tangent):
        with pytest.raises((TypeError, ValueError), match="tape"):
            function(numbarnn.ElmanReLU(*elman), tape)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
def test_n_jobs(cell, x, tape, n_jobs):
    for function, given in ((numbarnn.forward, x), (numbarnn.adjoint, tape), (numbarnn.tangent, tape)):
        with pytest.raises((TypeError, ValueError), match="n_jobs"):
            function(cell, given, n_jobs=n_jobs)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("n_inputs", {"n_inputs": 0}),
        ("n_inputs", {"n_inputs": 2.5}),
        ("n_units", {"n_units": -1}),
        ("n_units", {"n_units": "3"}),
        ("dtype", {"dtype": "float16"}),
        ("dtype", {"dtype": int}),
    ],
)
@pytest.mark.parametrize("kind", numbarnn.cells.CELLS.values(), ids=numbarnn.cells.CELLS)
def test_init(kind, name, arguments):
    with pytest.raises((TypeError, ValueError), match=name):
        kind.init(**({"n_inputs": 2, "n_units": 3} | arguments))
