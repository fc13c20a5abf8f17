"""Tests that certify derivatives: those of cells, layers, models and losses, a user's own included.

`taylor_test` shows that the tangent is the derivative of the forward pass, `dot_test` that the adjoint is the
transpose of the tangent. Together they certify all three passes, whatever the equations are. `certify` runs both, and
checks everything else that the contracts of `numbarnn.cells.Cell`, `numbarnn.layers.Layer` and `numbarnn.losses.Loss`
promise.
"""

from __future__ import annotations

from numbarnn.testing.certificate import Certificate, certify, dot_test, taylor_test

__all__ = ["Certificate", "certify", "dot_test", "taylor_test"]
