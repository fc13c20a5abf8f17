"""Flip the sign of each expression in the adjoints, one at a time, and list what no certificate notices.

Run `python -m tests.mutate` for all cells, layers and losses, or `python -m tests.mutate lstm pooling` for some files.
Python runs the equations, without Numba's compiler, so this takes a few minutes.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"

import numbarnn
from numbarnn.testing import certify
from tests import grid
from tests.layers import grid as layer_grid
from tests.layers.test_certificates import test_certificate as certify_layer
from tests.layers.test_certificates import test_vectors as certify_vectors
from tests.losses.test_certificates import LOSSES
from tests.losses.test_certificates import test_certificate as certify_loss

ADJOINTS = {"adjoint", "output_adjoint", "losses_and_slopes", "row_hessian_product", "_split", "_halves"}
LAYERS = {
    "recurrent": ["recurrent", "recurrent_last", "recurrent_learned", "lstm_last_learned"],
    "bidirectional": ["bidirectional", "bidirectional_last"],
    "pooling": ["mean", "max", "attention"],
    "stack": ["stack_of_patches", "stack"],
}
"""Names in the layers' grid by file; other files have the names of their layers."""


def main(names: list[str]) -> None:
    """Print each mutation with its fate, and how many survive."""
    folders = "cells", "layers", "losses"
    root = Path(numbarnn.__file__).parent
    files = [file for folder in folders for file in sorted((root / folder).glob("*.py"))]
    survivors = total = 0
    for file in files:
        certificates = certificates_of(file.parent.name, file.stem)
        if (names and file.stem not in names) or certificates is None:
            continue
        for line, function, code in mutations(file):
            original, function.__code__ = function.__code__, code
            alive = passes(certificates)
            function.__code__ = original
            survivors, total = survivors + alive, total + 1
            print(f"{'SURVIVES' if alive else 'found':8}  {file.parent.name}/{file.name}: {line}", flush=True)  # noqa: T201
    print(f"{survivors} of {total} survive")  # noqa: T201


def passes(certificates: Callable[[], object]) -> bool:
    """Return whether the certificates hold."""
    try:
        certificates()
    except Exception:  # a mutation may end in any error
        return False
    return True


def certificates_of(folder: str, name: str) -> Callable[[], object] | None:
    """Return a function that certifies what a file defines; None if that is nothing."""
    if folder == "cells":
        return (lambda: certify_cell(name)) if name in grid.CELLS else None
    if folder == "losses":
        name = {"sigmoid_cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax"}.get(name, name)
        return (lambda: certify_loss(name)) if name in LOSSES else None
    own = [layer for layer in LAYERS.get(name, [name]) if layer in layer_grid.LAYERS]

    def certify_layers() -> None:
        for layer in own:
            for spec_name in ("ragged", "equal", "from_a_state"):
                if layer_grid.applies(layer, layer_grid.SPECS[spec_name]):
                    certify_layer(layer, spec_name)
        if name in ("dense", "dropout"):
            certify_vectors(name)

    return certify_layers if own else None


def certify_cell(name: str) -> None:
    """Certify a cell at one place of the grid."""
    case = grid.case(name, "small", "float64")
    certify(case.cell, case.x, case.state, case.lengths, random_state=1)


def mutations(file: Path) -> Iterator[tuple[str, FunctionType, CodeType]]:
    """Yield each mutation: its line, the function that it concerns, and that function's code with one sign flipped."""
    module = importlib.import_module(f"numbarnn.{file.parent.name}.{file.stem}")
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    for number in range(len(places(ast.parse(source)))):
        tree = ast.parse(source)
        owner, parent, field, index = places(tree)[number]
        values = getattr(parent, field) if index is not None else None
        old = getattr(parent, field) if values is None else values[index]
        new = ast.copy_location(ast.UnaryOp(ast.USub(), old), old)
        if values is None:
            setattr(parent, field, new)
        else:
            values[index] = new
        namespace: dict[str, Any] = {**vars(module)}
        exec(compile(ast.fix_missing_locations(tree), str(file), "exec"), namespace)
        class_name, name = owner
        mutated, original = (vars(scope[class_name])[name] for scope in (namespace, vars(module)))
        functions = [getattr(f, "__func__", f) for f in (mutated, original)]
        yield lines[old.lineno - 1].strip(), functions[1], functions[0].__code__


def places(tree: ast.Module) -> list[tuple[tuple[str, str], Any, str, int | None]]:
    """Return class and name of the function, and the place in the tree, of each expression that makes an adjoint."""
    found: list[tuple[tuple[str, str], Any, str, int | None]] = []
    for class_ in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for function in (node for node in class_.body if isinstance(node, ast.FunctionDef)):
            if function.name not in ADJOINTS:
                continue
            owner = class_.name, function.name
            for node in ast.walk(function):
                if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return) or node.value is None:
                    continue
                if isinstance(node.value, ast.Tuple):
                    found += [(owner, node.value, "elts", i) for i, e in enumerate(node.value.elts) if computes(e)]
                elif computes(node.value):
                    found.append((owner, node, "value", None))
    return found


def computes(node: ast.expr) -> bool:
    """Return whether an expression is arithmetic, or makes a result of it."""
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Subscript | ast.Call | ast.IfExp)


if __name__ == "__main__":
    main(sys.argv[1:])
