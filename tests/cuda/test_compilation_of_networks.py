"""The PTX of the kernels for layers, losses and solvers."""

from __future__ import annotations

import re

import pytest

from tests.cuda.test_compilation import assert_single_and_in_registers, compiled, floats, pytestmark  # noqa: F401


@pytest.fixture
def kinds():
    from numba import types

    return {
        "places": types.Array(types.intp, 2, "C"),
        "lengths": types.Array(types.intp, 1, "C"),
        "valid": types.Array(types.int8, 1, "C"),
        "parts": types.Array(types.float64, 1, "C"),
        "count": types.Array(types.int64, 1, "C"),
        "int": types.intp,
        "bool": types.boolean,
        "float": types.float32,
        "vector": floats(1),
        "matrix": floats(2),
        "batch": floats(3),
    }


SINGLE = {
    "batches._gather": "matrix places batch",
    "batches._scatter": "batch places matrix",
    "reversal._reverse": "batch lengths batch",
    "arrays._times": "vector vector vector",
    "arrays._add": "vector vector vector",
    "arrays._copy": "vector vector int",
    "arrays._copy_columns": "matrix int matrix int int",
    "arrays._sum_rows": "matrix vector",
    "dense._start_rows": "matrix vector valid",
    "penalty._add_gradient": "vector vector int float",
    "clipping._scale": "vector float",
    "solvers._adam": "vector vector vector vector count" + 7 * " float",
    "solvers._sgd": "vector vector vector float float bool",
}
SUMMING = {
    "sums._add_squares": "vector int parts",
    "losses._softmax_cross_entropy": "matrix lengths vector matrix parts",
    "losses._sigmoid_cross_entropy": "matrix matrix vector matrix parts",
    "losses._squared_error": "matrix matrix vector matrix parts",
}


@pytest.mark.parametrize("kernel", [*SINGLE, *SUMMING])
def test_kernels(kernel, kinds, compiled):  # noqa: F811
    from importlib import import_module

    module, name = kernel.split(".")
    function = getattr(import_module(f"numbarnn.kernels.cuda.{module}"), name)
    ptx = compiled(function, *(kinds[kind] for kind in (SINGLE | SUMMING)[kernel].split()))
    if kernel in SINGLE:
        assert_single_and_in_registers(ptx)
    else:  # the sum alone is in double precision: no exponential, no root
        assert re.findall(r"^.*\.local\b.*$", ptx, re.MULTILINE) == []
        assert re.findall(r"^\s+(?:div|sqrt|rcp|ex2|lg2)\S*\.f64\b.*$", ptx, re.MULTILINE) == []
