"""Sequences, targets and series in every form that the estimators and transformers take."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.digests.names import DTYPES


def forms() -> dict[str, Any]:
    """Return sequences in every form."""
    import pandas as pd  # noqa: PLC0415  (not a dependency of numbarnn)

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
        "objects": objects(list(array)),
        "objects_ragged": objects(ragged),
        "objects_ragged_flat": objects(ragged_flat),
        "lists_ragged": [x.tolist() for x in ragged],
        "lists_ragged_flat": [x.tolist() for x in ragged_flat],
        "list_of_frames": [pd.DataFrame(x, columns=["rate", "level"]) for x in ragged],
        "list_of_nameless_frames": [pd.DataFrame(x) for x in ragged],
        "list_of_series": [pd.Series(x) for x in ragged_flat],
    }


def objects(items: list[Any]) -> np.ndarray:
    """Return an array of objects."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def targets() -> dict[str, tuple[str, Any]]:
    """Return the kind of estimator and targets, in every form."""
    import pandas as pd  # noqa: PLC0415  (not a dependency of numbarnn)

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


def series() -> dict[str, Any]:
    """Return long series in every form."""
    import pandas as pd  # noqa: PLC0415  (not a dependency of numbarnn)

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
