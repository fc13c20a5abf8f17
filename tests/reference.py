"""The naive reference: recurrent networks as loops over sequences and time steps that anyone can read.

It shares no line with numbarnn. A cell is one function, ``step(weights, x, state)``: its forward equations, as the
papers state them, on whole vectors. The weights, the state, and their tangents and bars are tuples of arrays. No
derivative is derived by hand here, so none can be derived wrongly: all come from complex steps (Squire & Trapp 1998),
f'(z) = Im f(z + i tiny) / tiny, which take no difference, so that nothing cancels. A tangent is one forward pass on
complex numbers; the adjoint goes backward in time (Werbos 1990, "backpropagation through time") with complex steps of
one time step.
"""

from __future__ import annotations

from itertools import repeat

import numpy as np

TINY = 1e-200


def sigmoid(z):
    """1 / (1 + exp(-z)), written so that exp cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def unbounded(a):
    """What a gate's activation is taken of, as it is."""
    return a


def bounded(clip):
    """ONNX's `preactivation_clip`: bounds what a gate's activation is taken of."""
    return lambda a: np.where(np.abs(a.real) < clip, a, np.sign(a.real) * clip)


def cut(array, count):
    """The array's columns in `count` blocks of the same width."""
    width = array.shape[-1] // count
    return [array[..., k * width : (k + 1) * width] for k in range(count)]


def elman(weights, x, state, bound=unbounded):
    """Elman (1990), with tanh."""
    W, R, b = weights
    (h,) = state
    return (np.tanh(bound(x @ W + h @ R + b)),)


def elman_relu(weights, x, state, bound=unbounded):
    """Elman (1990), with the rectifier of Le, Jaitly & Hinton (2015)."""
    W, R, b = weights
    (h,) = state
    a = bound(x @ W + h @ R + b)
    return (np.where(a.real > 0, a, 0),)


def leaky_elman(weights, x, state, bound=unbounded):
    """Lukosevicius (2012), with a leaking rate for each unit, given by its logit."""
    W, R, b, p_k = weights
    (h,) = state
    k = sigmoid(p_k)
    return ((1 - k) * h + k * np.tanh(bound(x @ W + h @ R + b)),)


def jordan(weights, x, state, bound=unbounded):
    """Jordan (1986), with linear outputs that are fed back as they are."""
    W, R, b, P, b_P = weights
    (y,) = state
    return (np.tanh(bound(x @ W + y @ R + b)) @ P + b_P,)


def lstm(weights, x, state, bound=unbounded):
    """Hochreiter & Schmidhuber (1997), with the forget gate of Gers, Schmidhuber & Cummins (2000)."""
    W, R, b = weights
    h, c = state
    a_i, a_f, a_g, a_o = cut(x @ W + h @ R + b, 4)
    c = sigmoid(bound(a_f)) * c + sigmoid(bound(a_i)) * np.tanh(bound(a_g))
    h = sigmoid(bound(a_o)) * np.tanh(c)
    return h, c


def peephole_lstm(weights, x, state, bound=unbounded):
    """Gers & Schmidhuber (2000): the output gate sees the new cell, the others the old one."""
    W, R, b, p_i, p_f, p_o = weights
    h, c = state
    a_i, a_f, a_g, a_o = cut(x @ W + h @ R + b, 4)
    i = sigmoid(bound(a_i + p_i * c))
    f = sigmoid(bound(a_f + p_f * c))
    c = f * c + i * np.tanh(bound(a_g))
    o = sigmoid(bound(a_o + p_o * c))
    return o * np.tanh(c), c


def coupled_lstm(weights, x, state, bound=unbounded):
    """Greff et al. (2017), CIFG, without peepholes."""
    W, R, b = weights
    h, c = state
    a_i, a_g, a_o = cut(x @ W + h @ R + b, 3)
    i = sigmoid(bound(a_i))
    f = 1 - i
    c = f * c + i * np.tanh(bound(a_g))
    h = sigmoid(bound(a_o)) * np.tanh(c)
    return h, c


def coupled_peephole_lstm(weights, x, state, bound=unbounded):
    """Greff et al. (2017), CIFG."""
    W, R, b, p_i, p_o = weights
    h, c = state
    a_i, a_g, a_o = cut(x @ W + h @ R + b, 3)
    i = sigmoid(bound(a_i + p_i * c))
    f = 1 - i
    c = f * c + i * np.tanh(bound(a_g))
    o = sigmoid(bound(a_o + p_o * c))
    return o * np.tanh(c), c


def projected_lstm(weights, x, state, bound=unbounded):
    """Sak, Senior & Beaufays (2014), without peepholes."""
    W, R, b, P = weights
    m, c = lstm((W, R, b), x, state, bound)
    return m @ P, c


def layer_norm(z):
    """Ba, Kiros & Hinton (2016), eqs. 3 and 4, with the authors' 1e-5 below the root."""
    centred = z - np.mean(z, -1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, -1, keepdims=True) + 1e-5)


def layer_norm_lstm(weights, x, state, bound=unbounded):
    """Ba, Kiros & Hinton (2016), eqs. 20 to 22, the biases of the products and b being one."""
    W, R, b, gain_x, gain_h, gain_c, b_c = weights
    h, c = state
    a_i, a_f, a_g, a_o = cut(gain_h * layer_norm(h @ R) + gain_x * layer_norm(x @ W) + b, 4)
    c = sigmoid(bound(a_f)) * c + sigmoid(bound(a_i)) * np.tanh(bound(a_g))
    h = sigmoid(bound(a_o)) * np.tanh(gain_c * layer_norm(c) + b_c)
    return h, c


def gru(weights, x, state, bound=unbounded):
    """PyTorch's `torch.nn.GRU`, as its documentation states it."""
    W, R, b = weights
    (h,) = state
    b_r, b_z, b_in, b_hn = cut(b, 4)
    x_r, x_z, x_n = cut(x @ W, 3)
    h_r, h_z, h_n = cut(h @ R, 3)
    r = sigmoid(bound(x_r + h_r + b_r))
    z = sigmoid(bound(x_z + h_z + b_z))
    n = np.tanh(bound(x_n + b_in + r * (h_n + b_hn)))
    return ((1 - z) * n + z * h,)


def gru_reset_before(weights, x, state, bound=unbounded):
    """Cho et al. (2014), eqs. 5 to 8."""
    W, R, b = weights
    (h,) = state
    W_r, W_z, W_n = cut(W, 3)
    R_r, R_z, R_n = cut(R, 3)
    b_r, b_z, b_n = cut(b, 3)
    r = sigmoid(bound(x @ W_r + h @ R_r + b_r))
    z = sigmoid(bound(x @ W_z + h @ R_z + b_z))
    n = np.tanh(bound(x @ W_n + (r * h) @ R_n + b_n))
    return (z * h + (1 - z) * n,)


class Seen:
    """The recurrent weights R behind a mask: u @ Seen(R, mask) is (u * mask) @ R."""

    __array_ufunc__ = None  # NumPy then leaves u @ R to R

    def __init__(self, R, mask):
        self.R, self.mask, self.shape = R, mask, R.shape

    def __getitem__(self, columns):
        return Seen(self.R[columns], self.mask)

    def __rmatmul__(self, u):
        return (u * self.mask) @ self.R


def masked(step, masks, t, n):
    """The step t of sequence n within its masks: Gal & Ghahramani (2016), Krueger et al. (2017)."""
    recurrent, zoneout = masks or (None, None)

    def masked_step(weights, x, state):
        if recurrent is not None:
            W, R, *others = weights
            weights = W, Seen(R, recurrent[n]), *others
        new = step(weights, x, state)
        if zoneout is not None:
            z = [part[t % len(part), n % part.shape[1]] for part in zoneout]
            new = tuple(z * old + (1 - z) * part for z, old, part in zip(z, state, new, strict=True))
        return new

    return masked_step


def forward(step, weights, x, state, lengths, masks=None):
    """Outputs y (T, B, H), zero past a sequence's length, and the state after its last valid step."""
    dtype = np.result_type(*weights, x, *state)
    y = np.zeros((*x.shape[:2], state[0].shape[1]), dtype)
    last = tuple(part.astype(dtype) for part in state)
    for n, length in enumerate(lengths):
        now = tuple(part[n] for part in state)
        for t in range(length):
            now = masked(step, masks, t, n)(weights, x[t, n], now)
            y[t, n] = now[0]
        for part, value in zip(last, now, strict=True):
            part[n] = value
    return y, last


def tangent(step, weights, x, state, lengths, weights_dot, x_dot, state_dot, masks=None):
    """How y and the last state move when all that is given moves along its ``_dot``."""

    def moved(values, dots):
        return tuple(value + 1j * TINY * dot for value, dot in zip(values, dots, strict=True))

    given = moved(weights, weights_dot), x + 1j * TINY * x_dot, moved(state, state_dot)
    y, last = forward(step, *given, lengths, masks)
    return y.imag / TINY, tuple(part.imag / TINY for part in last)


def adjoint(step, weights, x, state, lengths, y_bar, state_bar, masks=None):
    """Gradient of sum(y_bar * y) + sum(state_bar * last state): bars of the weights, of x, and of the state."""
    weights_bar = tuple(map(np.zeros_like, weights))
    x_bar, first_bar = np.zeros_like(x), tuple(part.copy() for part in state_bar)
    for n, length in enumerate(lengths):
        past = [tuple(part[n] for part in state)]  # the state before every step
        for t in range(length):
            past.append(masked(step, masks, t, n)(weights, x[t, n], past[t]))

        bars = tuple(part[n] for part in state_bar)
        for t in reversed(range(length)):
            bars = (bars[0] + y_bar[t, n], *bars[1:])
            step_bars, x_bar[t, n], bars = step_adjoint(masked(step, masks, t, n), weights, x[t, n], past[t], bars)
            for k, bar in enumerate(step_bars):
                weights_bar[k][...] += bar
        for part, bar in zip(first_bar, bars, strict=True):
            part[n] = bar
    return weights_bar, x_bar, first_bar


def step_adjoint(step, weights, x, state, state_bar):
    """Gradient of sum(state_bar * new state) of one step: bars of the weights, of x, and of the state.

    One step on complex numbers moves x, each part of the state, each vector among the weights, and the result of each
    product with a matrix, entry by entry along a leading axis.
    """
    weights_bar = tuple(map(np.zeros_like, weights))
    pairs = list(zip(weights, weights_bar, strict=True))
    products = []
    step([Matrix(w, bar, products, repeat(0)) if w.ndim == 2 else w for w, bar in pairs], x, state)

    vectors_bar = [bar for bar in weights_bar if bar.ndim == 1]
    borders = np.cumsum([*map(len, [x, *state, *vectors_bar]), *(M_bar.shape[1] for _, M_bar in products)])
    moves = iter(np.split(1j * TINY * np.eye(borders[-1]), borders[:-1], axis=1))
    moved_x, moved_state = x + next(moves), [part + next(moves) for part in state]
    moved_weights = [Matrix(w, bar, [], moves) if w.ndim == 2 else w + next(moves) for w, bar in pairs]
    new = step(moved_weights, moved_x, moved_state)

    slopes = sum(np.imag(part) @ bar for part, bar in zip(new, state_bar, strict=True)) / TINY
    bars = iter(np.split(slopes, borders[:-1]))
    x_bar, before_bar = next(bars), tuple(next(bars) for _ in state)
    for vector_bar in vectors_bar:
        vector_bar[:] = next(bars)
    for (u, M_bar), bar in zip(products, bars, strict=True):
        M_bar[:] += np.outer(u, bar)
    return weights_bar, x_bar, before_bar


class Matrix:
    """A matrix M with its bar, which is the sum of the outer products of each u multiplied by M and that product's bar.

    It notes each u, and adds the next move to each product.
    """

    __array_ufunc__ = None  # NumPy then leaves u @ M to M

    def __init__(self, array, bar, products, moves):
        self.array, self.bar, self.products, self.moves = array, bar, products, moves
        self.shape = array.shape

    def __getitem__(self, columns):
        return Matrix(self.array[columns], self.bar[columns], self.products, self.moves)

    def __rmatmul__(self, u):
        self.products.append((u, self.bar))
        return u @ self.array + next(self.moves)
