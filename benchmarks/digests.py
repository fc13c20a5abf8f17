"""Print a digest of each thing that numbarnn computes, to show that a change leaves every bit as it was.

Before the change: `python -m benchmarks.digests --save before.txt`. After it: `python -m benchmarks.digests --compare
before.txt`, which prints the lines that differ. `python -m benchmarks.digests lstm` takes the cases with that in their
names. Kernels are compiled anew, which takes most of the time, only where a change may have touched them.

A line is a case's name and the beginning of the SHA-256 of its results, or the error that it raises. No case leaves a
parameter to its default, and what a case does not mean to show is as plain as it can be: drawn weights, one batch,
steps along the gradient. So a fault that is mended changes its own lines alone. The digests hold for one processor and
one set of libraries.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import hashlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm


def keep_cache() -> None:
    """Point Numba, before it is imported, to a cache for the sources of which kernels are made.

    These are the folders where something is compiled, less comments and docstrings. The suite's own cache is for the
    whole of the sources, so that a change to an estimator alone would have every kernel compiled once more.
    """
    compiles = re.compile(r"^\s*(import numba\b|from numba[. ]|from \S+\.compile import)", re.MULTILINE)
    files = sorted(Path(find_spec("numbarnn").origin).parent.rglob("*.py"))
    folders = {file.parent for file in files if compiles.search(file.read_text(encoding="utf-8"))}
    name = hashlib.sha256(sys.prefix.encode())
    for file in files:
        if file.parent in folders:
            name.update(f"{file} {_code(file)}".encode())
    os.environ["NUMBA_CACHE_DIR"] = str(Path(os.environ["NUMBA_CACHE_DIR"]).parent / f"digests-{name.hexdigest()[:16]}")


def _code(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


if __name__ == "__main__":
    keep_cache()

import numbarnn  # noqa: E402
from numbarnn.cells import CELLS  # noqa: E402

Case = tuple[str, Callable[[], Any]]

# What the library calls them. After a renaming these alone change, so that the cases keep their names.
CLIP, TAPE, TRUNCATION, MAX_NORM = "preactivation_clip", "checkpoint_memory_mb", "tbptt", "max_grad_norm"
MASKS, CUT, NEWEST = "RecurrentMasks", "make_xy", "last_window"

FORWARD = {"state": None, "lengths": None, "keep_tape": True, "masks": None, CLIP: None, TAPE: None, "n_jobs": 1}
ESTIMATOR = {
    "hidden_layer_sizes": (5,),
    "cell": "lstm",
    "projection_size": None,
    "bidirectional": False,
    "return_sequences": False,
    "pooling": "last",
    "patch": 1,
    "learn_initial_state": False,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "weight_dropout": 0.0,
    "zoneout": 0.0,
    CLIP: None,
    "solver": "sgd",
    "alpha": 0.0,
    "batch_size": 20,
    "learning_rate": "constant",
    "learning_rate_init": 0.1,
    "power_t": 0.5,
    "warmup_fraction": 0.0,
    "max_iter": 3,
    "max_fun": 15000,
    "shuffle": False,
    "random_state": 0,
    "tol": 0.0,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "early_stopping": False,
    "validation_fraction": 0.25,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "n_iter_no_change": 10,
    MAX_NORM: None,
    TRUNCATION: None,
    TAPE: None,
    "n_estimators": 1,
    "dtype": None,
    "device": "cpu",
    "n_jobs": 1,
}

DTYPES = ["float32", "float64"]
NARROW = ["jordan", "projected_lstm"]  # whose outputs may be fewer than their units
OF_EACH_FORM = ["elman", "lstm", "gru_reset_before", "projected_lstm", "layer_norm_lstm"]
KINDS = {"classifier": "float32", "regressor": "float64"}  # each fitted in a dtype of its own


# Digests


def digest(result: Any) -> str:
    """Return the digest of arrays and numbers, however they are nested."""
    sink = hashlib.sha256()
    _feed(sink, result)
    return sink.hexdigest()[:16]


def _feed(sink: Any, value: Any) -> None:
    """Add a result; of a dict only its values count, in their order, and a named tuple is a tuple."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        sink.update(f"{value.dtype.str}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, np.ndarray | list | tuple | dict):
        is_array, items = isinstance(value, np.ndarray), list(value.values() if isinstance(value, dict) else value)
        what = f"objects{value.shape}" if is_array else "list" if isinstance(value, list) else "tuple"
        sink.update(f"{what}{len(items)}".encode())
        for item in items:
            _feed(sink, item)
    else:
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(plain, bool | int | float | str | None):
            raise NotImplementedError(f"no digest of a {type(value).__name__}")
        sink.update(f"{type(plain).__name__}{plain.hex() if isinstance(plain, float) else plain};".encode())


def _normal(rng: np.random.Generator, shape: Any, dtype: str, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(dtype)


def _lengths(n_steps: int, n_sequences: int, shortest: int) -> np.ndarray:
    """Return lengths from the shortest to all steps, the first of them all steps."""
    return shortest + (n_steps - shortest - 5 * np.arange(n_sequences)) % (n_steps - shortest + 1)


# One layer: forward, adjoint, tangent


class Layer:
    """A cell and the arguments of its passes, all of them drawn."""

    def __init__(
        self,
        cell: str,
        dtype: str,
        *,
        n_steps: int = 7,
        n_sequences: int = 9,
        n_inputs: int = 3,
        n_units: int = 5,
        scale: float = 1.0,
    ) -> None:
        self.name, self.rng = cell, np.random.default_rng(0)
        self.normal = functools.partial(_normal, self.rng, dtype=dtype)
        like = initial_cell(cell, dtype, n_inputs, n_units)
        self.cell, self.cell_dot = (
            type(like)(*(self.normal(a.shape, scale=1 / np.sqrt(len(a))) for a in like)) for _ in range(2)
        )
        self.x, self.x_dot = (self.normal((n_steps, n_sequences, n_inputs), scale=s) for s in (scale, 1.0))
        parts = numbarnn.forward(self.cell, self.x[:0], **FORWARD).state
        self.state, self.state_dot, self.state_bar = (tuple(self.normal(p.shape) for p in parts) for _ in range(3))
        self.shapes = [(n_steps, *part.shape) for part in parts]
        self.y_bar = self.normal(self.shapes[0])
        self.lengths = _lengths(n_steps, n_sequences, 0)

    def forward(self, changes: dict[str, Any]) -> Any:
        """Run forward."""
        given = {"state": self.state, "lengths": self.lengths}
        return numbarnn.forward(self.cell, self.x, **{**FORWARD, **given, **changes})

    def adjoint(self, changes: dict[str, Any], **others: Any) -> Any:
        """Run forward and backward."""
        n_jobs = changes.get("n_jobs", 1)
        given = {"y_bar": self.y_bar, "state_bar": self.state_bar, "inputs": True, "n_jobs": n_jobs}
        return numbarnn.adjoint(self.cell, self.forward(changes).tape, **{**given, **others})

    def tangent(self, changes: dict[str, Any], **others: Any) -> Any:
        """Run forward, then along the directions."""
        n_jobs = changes.get("n_jobs", 1)
        given = {"cell_dot": self.cell_dot, "x_dot": self.x_dot, "state_dot": self.state_dot, "n_jobs": n_jobs}
        return numbarnn.tangent(self.cell, self.forward(changes).tape, **{**given, **others})

    def recurrent(self) -> np.ndarray:
        """Draw a mask of recurrent dropout."""
        return ((self.rng.random(self.shapes[0][1:]) < 0.7) / 0.7).astype(self.x.dtype)

    def zoneout(self) -> tuple[np.ndarray, ...]:
        """Draw a mask of zoneout for each part of the state."""
        return tuple((self.rng.random(shape) < 0.3).astype(self.x.dtype) for shape in self.shapes)

    def expected_zoneout(self) -> tuple[Any, ...]:
        """Return the probability for the last part of the state, the same for all units."""
        return *[None] * (len(self.shapes) - 1), np.full((1, 1, 1), 0.3, self.x.dtype)


def initial_cell(cell: str, dtype: str, n_inputs: int, n_units: int) -> Any:
    """Return the cell with its initial weights."""
    more = {"n_outputs": n_units // 2 + 1} if cell in NARROW else {}
    return CELLS[cell].init(n_inputs=n_inputs, n_units=n_units, dtype=dtype, random_state=0, **more)


def masks(recurrent: Any = None, zoneout: Any = None) -> dict[str, Any]:
    """Return masks as an option of a pass."""
    return {"masks": getattr(numbarnn, MASKS)(recurrent=recurrent, zoneout=zoneout)}


def everything(layer: Layer) -> dict[str, Any]:
    """Return all that acts within a recurrence; there is no zoneout with normalised layers."""
    zoneout = None if layer.name == "layer_norm_lstm" else layer.zoneout()
    return {**masks(layer.recurrent(), zoneout), CLIP: 0.5}


def little(layer: Layer) -> dict[str, Any]:
    """Give a tape so little room that most cells leave checkpoints."""
    return {TAPE: 0.0015 * layer.x.itemsize}


def unread(layer: Layer) -> dict[str, Any]:
    """Put NaN where nothing is read."""
    beyond = np.arange(len(layer.x))[:, np.newaxis] >= layer.lengths
    for array in (layer.x, layer.x_dot, layer.y_bar):
        array[beyond] = np.nan
    return {}


def strided(layer: Layer) -> dict[str, Any]:
    """Lay the inputs out with the units first."""
    layer.x, layer.y_bar = np.asfortranarray(layer.x), np.asfortranarray(layer.y_bar)
    return {}


PASSES = {
    "forward": lambda layer, changes: layer.forward(changes)[:2],
    "adjoint": Layer.adjoint,
    "tangent": Layer.tangent,
}
PARTIAL_PASSES = {
    "adjoint_of_y": functools.partial(Layer.adjoint, state_bar=None),
    "adjoint_of_state": functools.partial(Layer.adjoint, y_bar=None),
    "adjoint_without_inputs": functools.partial(Layer.adjoint, inputs=False),
    "tangent_of_weights": functools.partial(Layer.tangent, x_dot=None, state_dot=None),
    "tangent_of_inputs": functools.partial(Layer.tangent, cell_dot=None, state_dot=None),
    "tangent_of_state": functools.partial(Layer.tangent, cell_dot=None, x_dot=None),
}
LARGE = {"n_steps": 20, "n_sequences": 64, "n_inputs": 32, "n_units": 64}  # work enough for a second thread
WITH_ZONEOUT = [name for name in OF_EACH_FORM if name != "layer_norm_lstm"]

# By name: sizes, options, cells and dtypes.
SITUATIONS: dict[str, tuple[dict[str, Any], Callable[[Layer], dict[str, Any]], Any, list[str]]] = {
    "plain": ({}, lambda _: {}, CELLS, DTYPES),
    "wide": ({"n_units": 19}, lambda _: {}, CELLS, DTYPES),
    "tape": ({"n_steps": 40}, little, CELLS, DTYPES),
    "tape_in_pieces": ({"n_steps": 300}, little, OF_EACH_FORM, ["float32"]),
    "one_sequence": ({"n_sequences": 1}, lambda _: {}, CELLS, ["float32"]),
    "no_sequence": ({"n_sequences": 0}, lambda _: {}, CELLS, ["float32"]),
    "no_step": ({"n_steps": 0}, lambda _: {}, CELLS, ["float32"]),
    "saturated": ({"scale": 50.0}, lambda _: {}, CELLS, ["float32"]),
    "everything": ({}, everything, CELLS, ["float64"]),
    "everything_and_tape": ({"n_steps": 40}, lambda layer: everything(layer) | little(layer), CELLS, ["float64"]),
    "recurrent": ({}, lambda layer: masks(layer.recurrent()), OF_EACH_FORM, ["float32"]),
    "zoneout": ({}, lambda layer: masks(None, layer.zoneout()), WITH_ZONEOUT, ["float32"]),
    "expected_zoneout": ({}, lambda layer: masks(None, layer.expected_zoneout()), WITH_ZONEOUT, ["float32"]),
    "no_masks": ({}, lambda _: masks(), OF_EACH_FORM, ["float32"]),
    "clip": ({}, lambda _: {CLIP: 0.5}, OF_EACH_FORM, ["float32"]),
    "zero_state": ({}, lambda _: {"state": None}, OF_EACH_FORM, ["float32"]),
    "equal_lengths": ({}, lambda _: {"lengths": None}, OF_EACH_FORM, ["float32"]),
    "listed_lengths": ({}, lambda layer: {"lengths": layer.lengths.tolist()}, ["lstm"], ["float32"]),
    "unread": ({}, unread, OF_EACH_FORM, ["float32"]),
    "strided": ({}, strided, ["lstm"], ["float32"]),
    "one_thread": (LARGE, lambda _: {"n_jobs": 1}, OF_EACH_FORM, ["float32"]),
    "two_threads": (LARGE, lambda _: {"n_jobs": 2}, OF_EACH_FORM, ["float32"]),
}


def passes() -> Iterator[Case]:
    """Yield the passes of single layers."""
    for situation, (sizes, changes, cells, dtypes) in SITUATIONS.items():
        of_situation = {**PASSES, **PARTIAL_PASSES} if situation == "plain" else PASSES
        for cell in cells:
            for dtype in dtypes:
                for name, run in of_situation.items():
                    yield (
                        f"layer/{situation}/{cell}/{dtype}/{name}",
                        functools.partial(_pass, run, cell, dtype, sizes, changes),
                    )


def _pass(run: Any, cell: str, dtype: str, sizes: dict[str, Any], changes: Any) -> Any:
    layer = Layer(cell, dtype, **sizes)
    return run(layer, changes(layer))


def more_of_layers() -> Iterator[Case]:
    """Yield initial weights, and what there is for single layers beside their passes."""
    for cell in CELLS:
        for dtype in DTYPES:
            yield f"layer/init/{cell}/{dtype}", functools.partial(initial_cell, cell, dtype, 3, 5)
    for cell in OF_EACH_FORM:
        yield f"layer/no_tape/{cell}", lambda cell=cell: Layer(cell, "float32").forward({"keep_tape": False})[:2]
        yield f"layer/dot_test/{cell}", functools.partial(_tested, cell, numbarnn.testing.dot_test, rtol=None)
        yield (
            f"layer/taylor_test/{cell}",
            functools.partial(_tested, cell, numbarnn.testing.taylor_test, step=None, min_rate=1.5),
        )
    yield "layer/teacher_forced/jordan", _teacher_forced
    for cell in ("elman", "lstm", "gru_reset_before"):
        for dtype in DTYPES:
            yield f"analysis/gradient_flow/{cell}/{dtype}", functools.partial(_flow, cell, dtype, {})
            yield f"analysis/exponents/{cell}/{dtype}", functools.partial(_exponents, cell, dtype)
    yield "analysis/gradient_flow_with_tape/lstm", functools.partial(_flow, "lstm", "float32", {TAPE: 0.006})
    yield "analysis/gradient_flow_with_clip/lstm", functools.partial(_flow, "lstm", "float32", {CLIP: 0.5})


def _tested(cell: str, test: Any, **others: Any) -> Any:
    layer = Layer(cell, "float64")
    given = {"parameters": None, "masks": None, CLIP: None, "random_state": 0}
    return test(layer.cell, layer.x, state=layer.state, lengths=layer.lengths, **given, **others)


def _teacher_forced() -> Any:
    layer = Layer("jordan", "float32")
    cell, x = layer.cell.teacher_forced(layer.x, layer.y_bar)
    return numbarnn.forward(cell, x, **FORWARD)[:2]


def _flow(cell: str, dtype: str, changes: dict[str, Any]) -> Any:
    layer = Layer(cell, dtype)
    tape = layer.forward(changes).tape
    return numbarnn.gradient_flow(layer.cell, tape, y_bar=layer.y_bar, state_bar=layer.state_bar, n_jobs=1)


def _exponents(cell: str, dtype: str) -> Any:
    layer = Layer(cell, dtype, n_steps=20)
    given = {"n_exponents": 3, "n_warmup": 0, "interval": 2, "lengths": _lengths(20, 9, 1), "n_jobs": 1}
    return numbarnn.lyapunov_exponents(layer.cell, layer.x, state=layer.state, **given)


# Streams


def streams() -> Iterator[Case]:
    """Yield streams: their outputs, and where they end."""
    for cell in CELLS:
        yield f"stream/{cell}", functools.partial(_stream, cell, lambda _: {})
    yield "stream/lstm/float64", functools.partial(_stream, "lstm", lambda _: {}, dtype="float64")
    changes = {
        "zero_state": lambda _: {"state": None},
        "recurrent": lambda layer: masks(layer.recurrent()),
        "zoneout": lambda layer: masks(None, layer.expected_zoneout()),
        "clip": lambda _: {CLIP: 0.5},
    }
    for name, change in changes.items():
        yield f"stream/lstm/{name}", functools.partial(_stream, "lstm", change)
    yield "stream/lstm/no_sequence", functools.partial(_stream, "lstm", lambda _: {}, n_sequences=0)
    yield "stream/lstm/compiled", _compiled_stream


def _stream(cell: str, change: Any, dtype: str = "float32", **sizes: int) -> Any:
    layer = Layer(cell, dtype, **sizes)
    stream = _started(layer, change(layer))
    return [numbarnn.step(stream, x_t) for x_t in layer.x], stream.state


def _started(layer: Layer, changes: dict[str, Any]) -> Any:
    given = {"n_sequences": layer.x.shape[1], "state": layer.state, "masks": None, CLIP: None}
    return numbarnn.stream(layer.cell, **{**given, **changes})


def _compiled_stream() -> Any:
    import numba  # noqa: PLC0415

    @numba.njit
    def last(stream, x):
        for t in range(len(x)):
            y_t = numbarnn.step(stream, x[t])
        return y_t.copy()

    layer = Layer("lstm", "float32")
    stream = _started(layer, {})
    return last(stream, layer.x), stream.state


# Estimators: what they learn

RANDOM = {
    "dropout": 0.2,
    "input_dropout": 0.2,
    "recurrent_dropout": 0.2,
    "weight_dropout": 0.2,
    "zoneout": (0.1, 0.3),
}
REGULARIZED = {**RANDOM, CLIP: 0.5}
DEEP = {
    "hidden_layer_sizes": (5, 4),
    "bidirectional": True,
    "learn_initial_state": True,
    "return_sequences": True,
}
NESTEROV = {"momentum": 0.9, "nesterovs_momentum": True}
IN_STEPS = {"return_sequences": True}
STOPPING = {"early_stopping": True, "learning_rate_init": 1.0, "tol": 1e-4, "n_iter_no_change": 1, "max_iter": 9}

FITS: dict[str, dict[str, Any]] = {
    **{cell: {"cell": cell} for cell in CELLS},
    "units": {"hidden_layer_sizes": 19},
    "layers": {"hidden_layer_sizes": (5, 4)},
    "bidirectional": {"bidirectional": True},
    "return_sequences": IN_STEPS,
    "learn_initial_state": {"learn_initial_state": True},
    "deep": DEEP,
    **{f"deep_{cell}": {**DEEP, "cell": cell} for cell in OF_EACH_FORM if cell != "lstm"},
    **{name: {name: p} for name, p in RANDOM.items()},
    "clip": {CLIP: 0.5},
    "zoneout_of_both": {"zoneout": 0.2},
    "zoneout_of_elman": {"zoneout": 0.2, "cell": "elman"},
    "everything": {
        **DEEP,
        **REGULARIZED,
        "solver": "adam",
        "shuffle": True,
        "batch_size": 8,
        "alpha": 0.01,
        MAX_NORM: 0.1,
    },
    "momentum": {"momentum": 0.9},
    "nesterov": NESTEROV,
    "adam": {"solver": "adam"},
    "adam_of_other_rates": {"solver": "adam", "beta_1": 0.5, "beta_2": 0.7, "epsilon": 0.01},
    "alpha": {"alpha": 0.1},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1, "max_iter": 6},
    "converged": {"tol": 1.0, "n_iter_no_change": 1, "max_iter": 6},
    "early_stopping": STOPPING,
    "early_stopping_in_steps": {**IN_STEPS, **STOPPING},
    "batches": {"batch_size": 9},
    "batch_of_more": {"batch_size": 50},
    "batch_auto": {"batch_size": "auto"},
    "shuffle": {"batch_size": 9, "shuffle": True},
    "random_state": {"random_state": 7},
    "max_norm": {MAX_NORM: 0.01},
    "truncation": {TRUNCATION: (2, 4)},
    "truncation_alone": {TRUNCATION: (3, 3)},
    "truncation_in_steps": {**IN_STEPS, TRUNCATION: (2, 3)},
    "truncation_and_masks": {**REGULARIZED, **IN_STEPS, TRUNCATION: (2, 4), "hidden_layer_sizes": (5, 4)},
    "truncation_and_initial_state": {TRUNCATION: (2, 4), "learn_initial_state": True},
    "truncation_and_tape": {TRUNCATION: (20, 40), TAPE: 0.04},
    "tape": {TAPE: 0.04},
    "tape_and_masks": {**REGULARIZED, TAPE: 0.06},
    "weights": {},
    "weights_in_steps": IN_STEPS,
    "several": {},
    "several_in_steps": IN_STEPS,
    "two": {},
    "strings": {},
    "float32": {"dtype": "float32"},
    "float64": {"dtype": "float64"},
    "one_thread": {"hidden_layer_sizes": 64, "n_jobs": 1},
    "two_threads": {"hidden_layer_sizes": 64, "n_jobs": 2},
    "usual": {"solver": "adam", "alpha": 1e-4, "shuffle": True, "batch_size": "auto", "tol": 1e-4, **NESTEROV},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    **{fit: {"n_steps": 40} for fit in ("truncation_and_tape", "tape", "tape_and_masks")},
    **{fit: {"weighted": True} for fit in ("weights", "weights_in_steps")},
    **{fit: {"targets": "several"} for fit in ("several", "several_in_steps")},
    **{fit: {"n": 64, "n_steps": 20, "n_inputs": 32} for fit in ("one_thread", "two_threads")},
    "two": {"targets": "two"},
    "strings": {"targets": "strings"},
}
OF_LABELS = ["two", "strings"]  # which a regressor has nothing to do with
ATTRIBUTES = {
    "lstm": ["n_iter_", "t_", "loss_", "best_loss_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"],
    "adaptive": ["n_iter_"],
    "converged": ["n_iter_", "t_", "best_loss_"],
    "early_stopping": ["n_iter_", "t_", "validation_scores_", "best_validation_score_", "best_loss_"],
    "early_stopping_in_steps": ["n_iter_", "validation_scores_", "best_validation_score_"],
    "weights": ["t_"],
}


def examples(
    kind: str,
    *,
    in_steps: bool,
    n: int = 20,
    n_steps: int = 7,
    n_inputs: int = 3,
    targets: str = "one",
    weighted: bool = False,
) -> tuple[Any, Any, Any]:
    """Return ragged sequences, targets and weights."""
    rng = np.random.default_rng(0)
    lengths = _lengths(n_steps, n, 1)
    X = [_normal(rng, (length, n_inputs), KINDS[kind]) for length in lengths]
    n_rows = lengths.sum() if in_steps else n
    if kind == "regressor":
        rows = _normal(rng, (n_rows, 2) if targets == "several" else n_rows, "float64")
    elif targets == "several":
        rows = rng.integers(0, 2, (n_rows, 2))
    else:
        labels = {"one": [2, 3, 5], "two": [False, True, True], "strings": ["low", "top", "mid"]}
        rows = np.array(labels[targets])[rng.integers(0, 3, n_rows)]
    y = np.split(rows, np.cumsum(lengths)[:-1]) if in_steps else rows
    return X, y, rng.integers(0, 3, n) / 2 if weighted else None


def estimator(kind: str, changes: dict[str, Any]) -> Any:
    """Return an estimator that is not fitted."""
    classes = {"classifier": numbarnn.RNNClassifier, "regressor": numbarnn.RNNRegressor}
    return classes[kind](**{**ESTIMATOR, **changes})


def _examples_of(kind: str, fit: str) -> tuple[Any, Any, Any]:
    return examples(kind, in_steps=FITS[fit].get("return_sequences", False), **EXAMPLES.get(fit, {}))


@functools.cache
def fitted(kind: str, fit: str) -> Any:
    """Return a fitted estimator; none may change it."""
    X, y, weights = _examples_of(kind, fit)
    return estimator(kind, FITS[fit]).fit(X, y, sample_weight=weights)


def with_drawn_parameters(model: Any) -> Any:
    """Return the estimator as if it had learned parameters that are drawn here."""
    model = copy.copy(model)
    model.theta_ = _normal(np.random.default_rng(1), model.theta_.shape, model.theta_.dtype, scale=0.5)
    return model


def fits() -> Iterator[Case]:
    """Yield what estimators have learned."""
    for kind in KINDS:
        for fit in [fit for fit in FITS if kind == "classifier" or fit not in OF_LABELS]:
            for name in ["theta_", "loss_curve_", *ATTRIBUTES.get(fit, [])]:
                yield f"fit/{kind}/{fit}/{name}", lambda kind=kind, fit=fit, name=name: getattr(fitted(kind, fit), name)
        for name in ["warm_start", "partial_fit", "partial_fit_of_all", "partial_fit_after_fit"]:
            for part in ["theta_", "loss_curve_", "n_iter_", "t_"]:
                yield (
                    f"fit/{kind}/{name}/{part}",
                    lambda kind=kind, name=name, part=part: getattr(_fitted_again(kind, name), part),
                )
    for fit in ["lstm", "several", "two", "strings"]:
        yield f"fit/classifier/{fit}/classes_", lambda fit=fit: fitted("classifier", fit).classes_


@functools.cache
def _fitted_again(kind: str, how: str) -> Any:
    X, y, weights = examples(kind, in_steps=False, weighted=True)
    halves = [(X[start::2], y[start::2], weights[start::2]) for start in (0, 1)]
    model = estimator(kind, {"warm_start": True})
    if how == "partial_fit_of_all":
        model = estimator(kind, {**REGULARIZED, "solver": "adam", "batch_size": 4, "shuffle": True})
    classes = {"classes": [2, 3, 5]} if kind == "classifier" else {}
    if how in ("warm_start", "partial_fit_after_fit"):
        model.fit(X, y, sample_weight=None)
    for X_half, y_half, weights_half in halves:
        if how == "warm_start":
            model.fit(X_half, y_half, sample_weight=weights_half)
        else:
            model.partial_fit(X_half, y_half, sample_weight=weights_half, **classes)
    return model


# Estimators: predictions and derivatives, at drawn parameters


def _continued(model: Any, X: list[np.ndarray]) -> Any:
    """Return what the network says of the first step of each sequence, and then of the rest of those that have one."""
    first, state = model.predict([x[:1] for x in X], state=None, return_state=True)
    longer = np.array([len(x) > 1 for x in X])
    of_longer = tuple(tuple(part[longer] for part in layer) for layer in state)
    return first, state, model.predict([x[1:] for x in X if len(x) > 1], state=of_longer, return_state=True)


def _each_output(model: Any, X: list[np.ndarray]) -> Any:
    names = getattr(model, "classes_", np.arange(model.n_outputs_))
    return names[np.arange(len(X)) % len(names)]


def _gradient(model: Any, X: Any, *, output: Any = None, step: Any = None, activated: bool = False) -> Any:
    if output is None and (model.out_activation_ != "softmax" and model.n_outputs_ > 1):
        output = 1
    return model.input_gradient(X, output=output, step=step, activated=activated)


def _directions(model: Any, X: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.standard_normal(x.shape) for x in X], rng.standard_normal(model.theta_.shape)


def _along(model: Any, X: list[np.ndarray], *, inputs: bool, parameters: bool) -> Any:
    X_dot, theta_dot = _directions(model, X)
    return model.jacobian_vector_product(
        X, X_dot=X_dot if inputs else None, theta_dot=theta_dot if parameters else None
    )


def _pulled_back(model: Any, X: list[np.ndarray]) -> Any:
    rng, K = np.random.default_rng(2), model.n_outputs_
    in_steps = model.get_params()["return_sequences"]
    bars = [rng.standard_normal((len(x), K)) for x in X] if in_steps else rng.standard_normal((len(X), K))
    return model.vector_jacobian_product(X, bars)


TRUNCATIONS = [(1, 1), (2, 3), (7, 7)]
USES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "predict": lambda model, X, _: model.predict(X, state=None, return_state=False),
    "continued": lambda model, X, _: _continued(model, X),
    "score": lambda model, X, y: model.score(X, y, sample_weight=None),
    "score_by_weight": lambda model, X, y: model.score(X, y, sample_weight=np.arange(len(X)) / 8),
    "input_gradient": lambda model, X, _: _gradient(model, X),
    "input_gradient_activated": lambda model, X, _: _gradient(model, X, activated=True),
    "input_gradient_of_each": lambda model, X, _: _gradient(model, X, output=_each_output(model, X)),
    "parameter_gradients": lambda model, X, y: model.parameter_gradients(X, y),
    "gradient_flow": lambda model, X, y: model.gradient_flow(X, y),
    "truncation_error": lambda model, X, y: model.truncation_error(X, y, truncations=TRUNCATIONS),
    "jacobian_vector_product": lambda model, X, _: _along(model, X, inputs=True, parameters=True),
    "jacobian_vector_product_of_inputs": lambda model, X, _: _along(model, X, inputs=True, parameters=False),
    "jacobian_vector_product_of_theta": lambda model, X, _: _along(model, X, inputs=False, parameters=True),
    "vector_jacobian_product": lambda model, X, _: _pulled_back(model, X),
}
OF_CLASSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "predict_proba": lambda model, X, _: model.predict_proba(X, state=None, return_state=False),
    "predict_log_proba": lambda model, X, _: model.predict_log_proba(X),
}
IN_TURN: dict[str, Callable[[Any, Any, Any], Any]] = {
    "input_gradient_at_first": lambda model, X, _: _gradient(model, X, step=0),
    "input_gradient_at_last": lambda model, X, _: _gradient(model, X, step=-1),
}
NOT_BACKWARD = ["continued", "truncation_error"]  # what no network has that reads in both directions


def uses() -> Iterator[Case]:
    """Yield what fitted estimators are asked for."""
    fits = [*CELLS, "layers", "bidirectional", "learn_initial_state", "zoneout", "zoneout_of_both", "clip", "tape"]
    fits += ["everything", "several", "two_threads"]
    in_steps = ["return_sequences", "several_in_steps", *(fit for fit in FITS if fit.startswith("deep"))]
    for kind in KINDS:
        for fit in [*fits, *in_steps, *(OF_LABELS if kind == "classifier" else [])]:
            of_fit = {**USES, **(OF_CLASSES if kind == "classifier" else {})}
            of_fit |= IN_TURN if FITS[fit].get("return_sequences") else {}
            for name, use in of_fit.items():
                if name not in NOT_BACKWARD or not FITS[fit].get("bidirectional"):
                    yield f"use/{kind}/{fit}/{name}", functools.partial(_use, kind, fit, use)


def _use(kind: str, fit: str, use: Any) -> Any:
    X, y, _ = _examples_of(kind, fit)
    return use(with_drawn_parameters(fitted(kind, fit)), X, y)


# Forms of input, scaling, windows


def forms() -> dict[str, Any]:
    """Return sequences in every form."""
    import pandas as pd  # noqa: PLC0415  (none of numbarnn's dependencies)

    rng = np.random.default_rng(0)
    array = rng.standard_normal((6, 4, 2))
    flat = array[:, :, 0]
    ragged = [x[:length] for x, length in zip(array, [4, 1, 3, 2, 4, 2], strict=True)]
    ragged_flat = [x[:, 0] for x in ragged]
    return {
        "array": array,
        "array_float32": array.astype("float32"),
        "array_of_integers": (10 * array).astype(int),
        "array_of_objects": array.astype(object),
        "array_strided": np.asfortranarray(array),
        "array_flat": flat,
        "array_flat_float32": flat.astype("float32"),
        "lists": array.tolist(),
        "lists_flat": flat.tolist(),
        "frame": pd.DataFrame(flat, columns=["t0", "t1", "t2", "t3"]),
        "list": list(array),
        "list_ragged": ragged,
        "list_ragged_float32": [x.astype("float32") for x in ragged],
        "list_of_some_float32": [x.astype(dtype) for x, dtype in zip(ragged, [*DTYPES * 3], strict=True)],
        "list_flat": list(flat),
        "list_ragged_flat": ragged_flat,
        "tuple_ragged": tuple(ragged),
        "objects": _objects(list(array)),
        "objects_ragged": _objects(ragged),
        "objects_ragged_flat": _objects(ragged_flat),
        "lists_ragged": [x.tolist() for x in ragged],
        "lists_ragged_flat": [x.tolist() for x in ragged_flat],
        "list_of_frames": [pd.DataFrame(x, columns=["rate", "level"]) for x in ragged],
        "list_of_nameless_frames": [pd.DataFrame(x) for x in ragged],
        "list_of_series": [pd.Series(x) for x in ragged_flat],
    }


def _objects(items: list[Any]) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def _first_numbers(X: Any) -> Any:
    """Return one target for each step, in the container that X came in."""
    if (isinstance(X, np.ndarray) and X.ndim > 1) or hasattr(X, "columns"):
        return np.asarray(X).reshape(6, 4, -1)[:, :, 0]
    items = [np.asarray(x, float).reshape(len(x), -1)[:, 0] for x in X]
    return _objects(items) if isinstance(X, np.ndarray) else items


def _of_form(X: Any, *, in_steps: bool) -> Any:
    y = _first_numbers(X) if in_steps else np.arange(6) / 4
    return estimator("regressor", {"cell": "elman", "return_sequences": in_steps}).fit(X, y, sample_weight=None)


def _scaler(X: Any, *, sample_weight: Any = None, with_mean: bool = True, with_std: bool = True) -> Any:
    scaler = numbarnn.SequenceScaler(with_mean=with_mean, with_std=with_std)
    return scaler.fit(X, y=None, sample_weight=sample_weight)


def _features(model: Any) -> Any:
    return model.n_features_in_, getattr(model, "feature_names_in_", None)


def _of_drawn(X: Any, use: str, *, in_steps: bool = True, other: str | None = None) -> Any:
    model = with_drawn_parameters(_of_form(X, in_steps=in_steps))
    X = X if other is None else forms()[other]
    if use == "predict":
        return model.predict(X, state=None, return_state=False)
    if use == "input_gradient":
        return _gradient(model, X)
    if use == "jacobian_vector_product":
        return model.jacobian_vector_product(X, X_dot=X, theta_dot=None)
    return model.gradient_flow(X, _first_numbers(X) if in_steps else np.arange(6) / 4)


OTHER_FORMS = {  # what a network is fitted to, and what it predicts for
    "list_ragged": "array",
    "array": "objects_ragged",
    "array_flat": "list_ragged_flat",
    "list_ragged_flat": "array_flat",
    "array_float32": "array",
    "list_of_frames": "lists_ragged",
}
FORM_USES: dict[str, Callable[[Any], Any]] = {
    "features": lambda X: _features(_of_form(X, in_steps=False)),
    "scaler": lambda X: [getattr(_scaler(X), name) for name in ("mean_", "var_", "scale_")],
    "scaler_features": lambda X: _features(_scaler(X)),
    "scaled": lambda X: _scaler(X).transform(X),
    "unscaled": lambda X: _scaler(X).inverse_transform(X),
}


def targets() -> dict[str, tuple[str, Any]]:
    """Return who learns them and targets, in every form."""
    import pandas as pd  # noqa: PLC0415  (as above)

    numbers, labels = np.arange(6.0), ["low", "top", "mid", "low", "top", "mid"]
    of_regressor = {
        "list": numbers.tolist(),
        "column": numbers[:, np.newaxis],
        "float32": numbers.astype("float32"),
        "integers": numbers.astype(int),
        "series": pd.Series(numbers),
        "columns": np.stack([numbers, -numbers], axis=1),
        "frame": pd.DataFrame({"a": numbers, "b": -numbers}),
    }
    of_classifier = {
        "list_of_strings": labels,
        "array_of_strings": np.array(labels),
        "objects": np.array(labels, dtype=object),
        "series_of_strings": pd.Series(labels),
        "booleans": numbers > 2,
        "floats": numbers % 3,
        "column_of_strings": np.array(labels)[:, np.newaxis],
        "columns_of_integers": np.stack([numbers > 1, numbers < 3], axis=1).astype(int),
        "columns_of_booleans": np.stack([numbers > 1, numbers < 3], axis=1),
    }
    of_both = {"regressor": of_regressor, "classifier": of_classifier}
    return {name: (kind, y) for kind, forms in of_both.items() for name, y in forms.items()}


def _of_targets(kind: str, y: Any) -> Any:
    """Return what is learned, the predictions at drawn parameters, and the classes."""
    X = np.random.default_rng(0).standard_normal((6, 4, 2))
    model = estimator(kind, {"cell": "elman"}).fit(X, y, sample_weight=None)
    predicted = with_drawn_parameters(model).predict(X, state=None, return_state=False)
    return model.theta_, predicted, getattr(model, "classes_", None)


def series() -> dict[str, Any]:
    """Return long series in every form."""
    import pandas as pd  # noqa: PLC0415  (as above)

    several = np.random.default_rng(0).standard_normal((11, 2))
    one = several[:, 0]
    return {
        "array": several,
        "array_flat": one,
        "array_float32": several.astype("float32"),
        "array_of_integers": np.arange(11),
        "list": several.tolist(),
        "list_flat": one.tolist(),
        "frame": pd.DataFrame(several),
        "series": pd.Series(one),
    }


def _windows(values: Any, what: str, *, y: Any = None, horizon: int = 1, step: int = 1) -> Any:
    window = numbarnn.SlidingWindow(length=4, horizon=horizon, step=step)
    if what == "pairs":
        return getattr(window, CUT)(values, y=y)
    return window.fit(values, y=None).transform(values) if what == "all" else getattr(window, NEWEST)(values)


SCALINGS: dict[str, dict[str, Any]] = {
    "without_mean": {"with_mean": False},
    "without_std": {"with_std": False},
    "by_weight": {"sample_weight": np.arange(6) / 4},
}


def inputs() -> Iterator[Case]:
    """Yield what comes of each form of sequences and of targets."""
    for form, X in forms().items():
        for name, use in FORM_USES.items():
            yield f"form/{form}/{name}", functools.partial(use, X)
        for in_steps, what in ((False, "one"), (True, "in_steps")):
            yield f"form/{form}/{what}/theta_", lambda X=X, s=in_steps: _of_form(X, in_steps=s).theta_
            for name in ("predict", "input_gradient", "gradient_flow", "jacobian_vector_product"):
                yield f"form/{form}/{what}/{name}", functools.partial(_of_drawn, X, name, in_steps=in_steps)
    for form, other in OTHER_FORMS.items():
        yield f"form/{form}/predict_for_{other}", functools.partial(_of_drawn, forms()[form], "predict", other=other)
    for name, (kind, y) in targets().items():
        yield f"targets/{kind}/{name}", functools.partial(_of_targets, kind, y)


def scaled_and_cut() -> Iterator[Case]:
    """Yield what scalers and windows make of sequences and series."""
    ragged, constant = forms()["list_ragged"], np.ones((2, 3, 1))
    for name, options in SCALINGS.items():
        yield f"scaler/{name}/scaled", lambda o=options: _scaler(ragged, **o).transform(ragged)
        yield f"scaler/{name}/unscaled", lambda o=options: _scaler(ragged, **o).inverse_transform(ragged)
    yield "scaler/constant/scaled", lambda: _scaler(constant).transform(constant)
    for form, values in series().items():
        for what in ("all", "pairs", "last"):
            yield f"windows/{form}/{what}", functools.partial(_windows, values, what)
    others = {"itself": None, "one": np.arange(11.0), "several": np.arange(22.0).reshape(11, 2)}
    for name, y in others.items():
        for horizon, step in ((1, 2), (3, 1), (3, 2)):
            how = {"y": y, "horizon": horizon, "step": step}
            for form in ("array", "array_flat"):
                yield (
                    f"windows/{form}/of_{name}/{horizon}_by_{step}",
                    functools.partial(_windows, series()[form], "pairs", **how),
                )


# The lines


def line(name: str, run: Callable[[], Any]) -> str:
    """Return a case's line."""
    try:
        return f"{name} {digest(run())}"
    except Exception as error:  # which may be what the case is to show
        return f"{name} {type(error).__name__}"


def differences(before: list[str], after: list[str]) -> list[str]:
    """Return a line for each case whose digest differs, or that only one side has."""
    old, new = (dict(line.split() for line in lines) for lines in (before, after))
    names = dict.fromkeys([*new, *old])
    return [
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names if old.get(name) != new.get(name)
    ]


def main() -> int:
    """Print the lines, save them, or compare them with others; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digests", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="", help="what the names of the cases are to hold")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the lines to a file, too")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="print only what differs from a file's lines")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for part in (passes, more_of_layers, streams, fits, uses, inputs, scaled_and_cut):
        for name, run in part():
            if options.part in name:
                lines.append(line(name, run))
                if options.compare is None:
                    tqdm.write(lines[-1])
    if options.save is not None:
        options.save.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if options.compare is None:
        return 0
    before = [
        line for line in options.compare.read_text(encoding="utf-8").splitlines() if options.part in line.split()[0]
    ]
    different = differences(before, lines)
    for line_of_both in different:
        tqdm.write(line_of_both)
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
