"""Saved estimators predict the same bits, and no file does harm."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from numbarnn import Elman, RNNClassifier, RNNRegressor
from numbarnn.interop.safetensors import container, load_safetensors, save_safetensors

rng = np.random.default_rng(0)
X = [rng.standard_normal((n, 2)) for n in (5, 3, 7, 2, 4, 6)]
TEXT = np.array(["up", "down", "up", "level", "down", "up"])
NUMBERS = rng.standard_normal(6)

ESTIMATORS = {
    "text": (RNNClassifier(3, cell="elman"), TEXT),
    "objects": (RNNClassifier(3, cell="elman"), TEXT.astype(object)),
    "integers": (RNNClassifier([3, 2], cell="elman", class_weight={7: 2.0, 9: 0.5}), np.array([7, 9, 7, 9, 9, 7])),
    "floats": (RNNClassifier(np.array([3]), cell="elman"), np.array([0.0, 1.0, 0.0, 2.0, 1.0, 0.0], np.float32)),
    "booleans": (RNNClassifier(3, cell="elman", dtype=np.float64), NUMBERS > 0),
    "several labels": (RNNClassifier(3, cell="elman", pooling="attention"), np.eye(6, 3, dtype=int)),
    "steps": (
        RNNClassifier(3, cell="elman", return_sequences=True, patch=2, dropout=0.1),
        [(x[:, 0] > 0).astype(int) for x in X],
    ),
    "numbers": (RNNRegressor(3, cell="elman", zoneout=(0.1, 0.2), learn_initial_state=True), NUMBERS),
    "huber": (RNNRegressor((3, 2), cell="elman", loss="huber", huber_delta=0.7, preactivation_clip=1.5), NUMBERS),
    "quantiles": (
        RNNRegressor(3, cell="elman", loss="quantile", quantiles=(0.1, 0.5, 0.9), tbptt=(2, 4)),
        np.stack([NUMBERS, -NUMBERS], axis=1),
    ),
    "ensemble": (RNNRegressor(3, cell="elman", loss="gaussian", n_estimators=2), NUMBERS),
    "validated": (RNNRegressor(3, cell="elman", early_stopping=True, validation_fraction=0.3), NUMBERS),
}


class OwnCell(NamedTuple):
    """An Elman cell by another name."""

    W: Any
    R: Any
    b: Any

    n_gates = 1
    state_size = 1
    n_saved = 0
    init = classmethod(Elman.init.__func__)
    step = staticmethod(Elman.step)
    tangent = staticmethod(Elman.tangent)
    adjoint = staticmethod(Elman.adjoint)


@pytest.fixture
def _untrained(monkeypatch):
    """Fits draw weights, but train them with no kernel."""

    def train(model, loss, examples, state, **options):
        scores = [] if options["validation"] is None else [0.5, -np.inf]
        return replace(state, loss_curve=[1.5, 0.1], validation_scores=scores, n_iter=2, n_seen=12, outcome="converged")

    monkeypatch.setattr("numbarnn.estimators.trained.train", train)


def saved(estimator, path):
    save_safetensors(estimator, path)
    return load_safetensors(path)


def assert_same_fit(ours, theirs):
    """All that predictions read is the same."""
    names = vars(ours).keys() | vars(theirs).keys()
    for name in sorted(names - {"estimators_", "_head", "_state", "_random_state", *ours._get_param_names()}):
        our, their = getattr(ours, name), getattr(theirs, name)
        if isinstance(our, np.ndarray):
            assert our.dtype == their.dtype, name
            assert_array_equal(our, their)
        else:
            assert our == their, name
    assert type(ours._head) is type(theirs._head)
    assert ours._head.n_outputs == theirs._head.n_outputs
    assert getattr(ours._head, "one_dimensional", None) == getattr(theirs._head, "one_dimensional", None)
    if not isinstance(ours, RNNClassifier):
        assert ours._head.loss == theirs._head.loss or type(ours._head.loss) is type(theirs._head.loss)
    for our, their in zip(getattr(ours, "estimators_", []), getattr(theirs, "estimators_", []), strict=True):
        assert_same_fit(our, their)


@pytest.mark.usefixtures("_untrained")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_that_is_fitted_comes_back(name, tmp_path):
    estimator, y = clone(ESTIMATORS[name][0]), ESTIMATORS[name][1]
    estimator.set_params(random_state=0).fit(X, y)
    loaded = saved(estimator, tmp_path / "model.safetensors")
    assert_same_fit(estimator, loaded)
    for parameter, value in estimator.get_params().items():
        wanted = np.dtype(value).name if parameter == "dtype" and value is not None else value
        assert loaded.get_params()[parameter] == (wanted.tolist() if isinstance(wanted, np.ndarray) else wanted)
    save_safetensors(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_predictions_are_the_same_bits(tmp_path):
    estimator = RNNClassifier(3, cell="elman", max_iter=2, batch_size=3, random_state=0).fit(X, TEXT)
    loaded = saved(estimator, tmp_path / "model.safetensors")
    assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    assert_array_equal(loaded.predict(X), estimator.predict(X))
    before = loaded.theta_.copy()
    assert loaded.partial_fit(X, TEXT).t_ == estimator.t_ + len(X)
    assert (loaded.theta_ != before).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_predictions_of_all_kinds(name, tmp_path):
    estimator, y = clone(ESTIMATORS[name][0]), ESTIMATORS[name][1]
    usual = {"tbptt": None, "zoneout": 0.0, "preactivation_clip": None}  # others have kernels of their own
    estimator.set_params(max_iter=2, random_state=0, **usual).fit(X, y)
    loaded = saved(estimator, tmp_path / "model.safetensors")
    for ours, theirs in zip(estimator.predict(X), loaded.predict(X), strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.usefixtures("_untrained")
@pytest.mark.parametrize("options", [{"solver": "sgd", "learning_rate": "cosine"}, {"solver": "lbfgs"}], ids=str)
def test_other_solvers(options, tmp_path):
    estimator = RNNRegressor(3, warm_start=True, random_state=np.random.RandomState(0), **options).fit(X, NUMBERS)
    loaded = saved(estimator, tmp_path / "model.safetensors")
    assert loaded.random_state is None
    assert_array_equal(loaded.fit(X, NUMBERS).theta_, estimator.theta_)  # which starts from there


@pytest.mark.usefixtures("_untrained")
def test_names_of_features_come_back(tmp_path):
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(x, columns=["speed", "height"]) for x in X]
    loaded = saved(RNNRegressor(3).fit(frames, NUMBERS), tmp_path / "model.safetensors")
    assert loaded.feature_names_in_.tolist() == ["speed", "height"]


@pytest.mark.usefixtures("_untrained")
def test_own_cells_are_passed(tmp_path):
    path = tmp_path / "model.safetensors"
    save_safetensors(RNNRegressor(3, cell=OwnCell).fit(X, NUMBERS), path)
    with pytest.raises(ValueError, match=r"the class 'OwnCell', .*cells=\[OwnCell\]"):
        load_safetensors(path)
    assert load_safetensors(path, cells=[OwnCell]).cell is OwnCell


@pytest.mark.usefixtures("_untrained")
def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "model.safetensors"

    class Own(RNNRegressor):
        pass

    with pytest.raises(TypeError, match="must be one of RNNClassifier, RNNRegressor, not a subclass, got Own"):
        save_safetensors(Own(), path)
    with pytest.raises(ValueError, match="not fitted"):
        save_safetensors(RNNRegressor(), path)
    fitted = RNNRegressor(3).fit(X, NUMBERS)
    with pytest.raises(TypeError, match="alpha cannot be saved: it holds a complex"):
        save_safetensors(fitted.set_params(alpha=1j), path)
    assert not path.exists()


@pytest.mark.usefixtures("_untrained")
def test_the_package_reads_the_weights(tmp_path):
    numpy_reader = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "model.safetensors"
    estimator = RNNClassifier(3, random_state=0).fit(X, TEXT)
    save_safetensors(estimator, path)
    arrays = numpy_reader.load_file(path)
    for name, array in estimator.network_.views(estimator.theta_).items():
        assert_array_equal(arrays[name], array)


class Fuzz:
    """Mutations of one file."""

    def __init__(self, content, seed):
        self.bytes, self.rng = content, np.random.default_rng(seed)
        n = int.from_bytes(self.bytes[:8], "little")
        self.header = json.loads(self.bytes[8 : 8 + n])
        self.data = self.bytes[8 + n :]
        self.arrays, _ = container.read(io.BytesIO(content))

    def mutation(self, i):
        """The i-th mutation."""
        return (self.of_bytes, self.of_length, self.of_header, self.of_document)[i % 4]()

    def of_bytes(self):
        """Some bytes are others, most of them in the header."""
        content = bytearray(self.bytes)
        end = len(content) if self.rng.random() < 0.3 else len(content) - len(self.data)
        for place in self.rng.integers(0, end, self.rng.integers(1, 9)):
            content[place] = self.rng.integers(256)
        return bytes(content)

    def of_length(self):
        """The file is cut, prolonged, or says that its header is of another length."""
        kind, n = self.rng.integers(3), self.rng.integers(len(self.bytes))
        if kind == 0:
            return self.bytes[:n]
        if kind == 1:
            return self.bytes + self.rng.bytes(int(n) + 1)
        length = self.rng.bytes(int(self.rng.integers(1, 9)))  # small ones are likely, too
        return length.ljust(8, b"\0") + self.bytes[8:]

    def of_header(self):
        """What is said of an array, or the metadata, is something else."""
        header = json.loads(json.dumps(self.header))
        self.mutate(header)
        return self.packed(header)

    def of_document(self):
        """What is said of the estimator is something else, with the right checksum."""
        header = json.loads(json.dumps(self.header))
        document = json.loads(header["__metadata__"]["estimator"])
        self.mutate(document)
        header["__metadata__"]["estimator"] = text = json.dumps(document)
        checksum = hashlib.sha256(text.encode())
        for chunk in container.chunks(self.arrays):
            checksum.update(chunk)
        header["__metadata__"]["sha256"] = checksum.hexdigest()
        return self.packed(header)

    def packed(self, header):
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + self.data

    def mutate(self, tree):
        """Change one place of a tree."""
        while True:
            places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
            if not places:
                return
            place = places[self.rng.integers(len(places))]
            if not isinstance(tree[place], dict | list) or self.rng.random() < 0.2:
                break
            tree = tree[place]
        kind = self.rng.integers(4)
        if kind == 0:
            del tree[place]
        elif kind == 1 and isinstance(tree, dict):
            tree["another"] = tree[place]
        else:
            tree[place] = self.value()

    def value(self):
        """Something that is hardly ever right."""
        values = [None, True, -1, 0, 2**31, 2**62, 10**30, 0.5, 1e300, "", "LSTM", [], {}, [[[]]], {"tuple": [1, 2]}]
        return values[self.rng.integers(len(values))]


@pytest.mark.usefixtures("_untrained")
@pytest.mark.parametrize("n", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files_are_errors(n):
    """Every mutation is a clear error, or an estimator of the same numbers; none takes much memory."""
    estimator, file = RNNClassifier(3, cell="elman", random_state=0).fit(X, TEXT), io.BytesIO()
    save_safetensors(estimator, file)
    fuzz, n_loaded, n_clear = Fuzz(file.getvalue(), seed=n), 0, 0
    for i in range(n):
        mutated = io.BytesIO(fuzz.mutation(i))
        if i % 9 == 0:  # it is slow
            tracemalloc.start()
        try:
            loaded = load_safetensors(mutated)
        except ValueError as error:
            n_clear += "does not hold an estimator of numbarnn" in str(error)
        else:
            n_loaded += 1
            assert_array_equal(loaded.theta_, estimator.theta_)
        assert tracemalloc.get_traced_memory()[1] < 2**20 + 20 * len(fuzz.bytes)
        tracemalloc.stop()
    assert n_loaded + n_clear == n
    assert n_loaded < n / 3  # a parameter that is another one is no harm


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at least 8 bytes"),
        ((2**63).to_bytes(8, "little"), "at most 0 bytes in a file of 8"),
        (packed(b"[]"), "must be a JSON object"),
        (packed(b"{"), "Expecting property name"),
        (packed(b'{"a": 1, "a": 1}'), "occurs twice"),
        (packed(b'{"a": NaN}'), "NaN is not a number of JSON"),
        (packed(b'{"a": ' + 100_000 * b"[" + 100_000 * b"]" + b"}"), "nested too deeply"),
        (packed({"__metadata__": {"a": 1}}), "must hold text only"),
        (packed({"a": 1}), "must have dtype, shape and data_offsets"),
        (packed({"a": entry("F8")}, bytes(8)), "dtype of a must be one of"),
        (packed({"a": entry(shape=[2**62])}, bytes(8)), "shape of a must be at most 8 sizes that fit the file"),
        (packed({"a": entry(shape=[True])}, bytes(8)), "shape of a"),
        (packed({"a": entry(shape=[2] * 9)}, bytes(8)), "shape of a"),
        (packed({"a": entry(offsets=[0, 9])}, bytes(8)), "data_offsets of a"),
        (packed({"a": entry(offsets=[8, 0])}, bytes(8)), "must have 8 bytes for its dtype and shape, got -8"),
        (packed({"a": entry(shape=[3])}, bytes(8)), "must have 12 bytes"),
        (packed({"a": entry()}, bytes(9)), "they have 8 bytes of 9"),
        (packed({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "without gaps, but one begins at 4"),
        (packed({"a": entry("BOOL", [1], [0, 1])}, b"\2"), "must hold booleans"),
        (packed({"a": entry()}, bytes(8)), "must have the format 'numbarnn', got None"),
        (packed({"__metadata__": {"format": "numbarnn", "version": "2"}}), "has version '2' of the format"),
        (packed({"__metadata__": {"format": "numbarnn", "version": "1"}}), "checksum"),
    ],
)
def test_files_that_are_none(content, message, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_safetensors(path)
