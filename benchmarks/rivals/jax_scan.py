"""A usual recurrence in JAX: all input products at once, then `lax.scan`, jitted.

Unrolling the scan gains a little for B = 1 and loses much elsewhere.
"""

# ruff: noqa: PLC0415  (asv imports all modules, even if a library is not installed)
from __future__ import annotations

import numpy as np

from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender


def enter(problem: Problem, n_threads: int) -> Contender:  # noqa: ARG001  (`limit_threads` has set them)
    """Return JAX's calls."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)  # noqa: FBT003  (avoids a change of threads)
    cell, x, state, y_bar, state_bar = jax.tree.map(jnp.asarray, tuple(problem))
    step = STEPS[type(problem.cell).__name__]

    def run(cell, x, state):
        a = _layer_norm(x @ cell.W) * cell.gain_x if hasattr(cell, "gain_x") else x @ cell.W
        a = a + cell.b[: cell.W.shape[1]]
        state, y = jax.lax.scan(lambda state, a_t: _with_output(step(cell, a_t, *state)), state, a)
        return y, state

    @jax.jit
    def run_both(cell, x, state, cotangents):
        results, pull_back = jax.vjp(run, cell, x, state)
        return results, pull_back(cotangents)

    run_forward = jax.jit(run)

    def forward():
        return jax.block_until_ready(run_forward(cell, x, state))

    def forward_adjoint():
        return jax.block_until_ready(run_both(cell, x, state, (y_bar, state_bar)))

    def arrays(results):
        return tuple(np.asarray(leaf) for leaf in jax.tree.leaves(results))

    return Contender(forward, forward_adjoint, arrays)


def _with_output(state):
    return state, state[0]


def _split(a, n_gates):
    import jax.numpy as jnp

    return jnp.split(a, n_gates, axis=-1)


def _elman(cell, a, h):
    import jax.numpy as jnp

    return (jnp.tanh(a + h @ cell.R),)


def _elman_relu(cell, a, h):
    import jax

    return (jax.nn.relu(a + h @ cell.R),)


def _leaky_elman(cell, a, h):
    import jax
    import jax.numpy as jnp

    k = jax.nn.sigmoid(cell.p_k)
    return ((1 - k) * h + k * jnp.tanh(a + h @ cell.R),)


def _lstm(cell, a, h, c):
    import jax
    import jax.numpy as jnp

    i, f, g, o = _split(a + h @ cell.R, 4)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _peephole_lstm(cell, a, h, c):
    import jax
    import jax.numpy as jnp

    i, f, g, o = _split(a + h @ cell.R, 4)
    c_before = c
    c = jax.nn.sigmoid(f + cell.p_f * c_before) * c_before + jax.nn.sigmoid(i + cell.p_i * c_before) * jnp.tanh(g)
    return jax.nn.sigmoid(o + cell.p_o * c) * jnp.tanh(c), c


def _coupled_lstm(cell, a, h, c):
    import jax
    import jax.numpy as jnp

    i, g, o = _split(a + h @ cell.R, 3)
    i = jax.nn.sigmoid(i)
    c = (1 - i) * c + i * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _coupled_peephole_lstm(cell, a, h, c):
    import jax
    import jax.numpy as jnp

    i, g, o = _split(a + h @ cell.R, 3)
    i = jax.nn.sigmoid(i + cell.p_i * c)
    c = (1 - i) * c + i * jnp.tanh(g)
    return jax.nn.sigmoid(o + cell.p_o * c) * jnp.tanh(c), c


def _gru(cell, a, h):
    import jax
    import jax.numpy as jnp

    r, z, n = _split(a, 3)
    h_r, h_z, h_n = _split(h @ cell.R, 3)
    r, z = jax.nn.sigmoid(r + h_r), jax.nn.sigmoid(z + h_z)
    n = jnp.tanh(n + r * (h_n + cell.b[3 * h.shape[-1] :]))
    return ((1 - z) * n + z * h,)


def _gru_reset_before(cell, a, h):
    import jax
    import jax.numpy as jnp

    r, z, n = _split(a, 3)
    outer, inner = jnp.split(cell.R, [2 * h.shape[-1]], axis=-1)
    h_r, h_z = _split(h @ outer, 2)
    r, z = jax.nn.sigmoid(r + h_r), jax.nn.sigmoid(z + h_z)
    return ((1 - z) * jnp.tanh(n + (r * h) @ inner) + z * h,)


def _jordan(cell, a, y):
    import jax.numpy as jnp

    return (jnp.tanh(a + y @ cell.R) @ cell.P + cell.b_P,)


def _projected_lstm(cell, a, h, c):
    m, c = _lstm(cell, a, h, c)
    return m @ cell.P, c


def _layer_norm_lstm(cell, a, h, c):
    import jax
    import jax.numpy as jnp

    i, f, g, o = _split(a + cell.gain_h * _layer_norm(h @ cell.R), 4)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell.gain_c * _layer_norm(c) + cell.b_c), c


def _layer_norm(z):
    import jax
    import jax.numpy as jnp

    # Not jax.nn.standardize, whose variance is a difference of means and loses digits over a thousand steps.
    centred = z - jnp.mean(z, axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)


STEPS = {
    "Elman": _elman,
    "ElmanReLU": _elman_relu,
    "LeakyElman": _leaky_elman,
    "Jordan": _jordan,
    "LSTM": _lstm,
    "PeepholeLSTM": _peephole_lstm,
    "CoupledLSTM": _coupled_lstm,
    "CoupledPeepholeLSTM": _coupled_peephole_lstm,
    "ProjectedLSTM": _projected_lstm,
    "LayerNormLSTM": _layer_norm_lstm,
    "GRU": _gru,
    "GRUResetBefore": _gru_reset_before,
}
