"""A training step of an encoder-decoder with attention, compared with the same model in PyTorch.

`python -m benchmarks.attention` prints the times of both in turns, in one process.
"""

# ruff: noqa: PLC0415, T201  (asv imports all modules, even if a library is not installed)
from __future__ import annotations

import argparse
from importlib.util import find_spec

import numpy as np

from benchmarks.measuring.timing import interleaved
from numbarnn import LSTM
from numbarnn.layers import AttentionDecoder, Dense, Embedding, EncoderDecoder, Model, Padded, Paired, Recurrent, Stack
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import Adam, Batch, BatchProblem, Objective

N_SYMBOLS, N_DIMS, N_UNITS, N_SEQUENCES, N_STEPS = 40, 64, 128, 32, 20
KINDS = ("general", "additive")
LEARNING_RATE = 1e-3


def model_of(attention: str) -> Model:
    """Return the encoder-decoder: embeddings, an LSTM each, a linear readout of output and context."""
    embedding = Embedding(1, (N_SYMBOLS,), (N_DIMS,), (0,))
    encoder = Stack((("embedding", embedding), ("lstm", Recurrent(LSTM, N_DIMS, N_UNITS))))
    decoder = AttentionDecoder(LSTM, N_DIMS, N_UNITS, N_UNITS, attention)
    network = EncoderDecoder(encoder, decoder, embedding=embedding)
    return Model(Stack((("network", network), ("readout", Dense(network.n_outputs, N_SYMBOLS)))))


def draw(random_state: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return source codes, codes that the decoder reads, and codes to predict, `(T, B)` each."""
    rng = np.random.default_rng(random_state)
    return tuple(rng.integers(0, N_SYMBOLS, (N_STEPS, N_SEQUENCES)) for _ in range(3))


class Ours:
    """numbarnn's value, gradient and update by Adam."""

    def __init__(self, attention: str, n_threads: int = 1) -> None:
        self.model = model_of(attention)
        self.theta = self.model.init("float32", random_state=0)
        source, target, wanted = draw()
        x = Paired(*(Padded(codes[..., np.newaxis].astype("float32")) for codes in (source, target)))
        classes = wanted.T.ravel()
        batch = Batch(x, classes, np.ones(classes.size))
        objective = Objective(self.model, SoftmaxCrossEntropy(), n_threads=n_threads)
        self.problem = BatchProblem(objective, batch)
        self.adam = Adam(self.theta.size, self.theta.dtype)

    def value_and_gradient(self):
        """Return the loss and its gradient by name."""
        value, gradient = self.problem.value_and_gradient(self.theta)
        return value, self.model.views(gradient)

    def step(self) -> None:
        """Take one step."""
        _, gradient = self.problem.value_and_gradient(self.theta)
        self.adam.update(self.theta, gradient, LEARNING_RATE)


class PyTorchs:
    """The same in PyTorch: an LSTM for the source, a loop over LSTM cells and attention for the target.

    What is the same for all steps is computed once, before the loop: the keys, and the product of the targets with
    their part of the decoder's input weights.
    """

    def __init__(self, attention: str, ours: Ours, n_threads: int = 1) -> None:
        import torch

        torch.set_num_threads(n_threads)
        self.torch, self.attention = torch, attention
        views = ours.model.views(ours.theta)
        self.parameters = {name: torch.tensor(view.copy(), requires_grad=True) for name, view in views.items()}
        self.source, self.target, self.wanted = map(torch.tensor, draw())
        own = self.parameters
        self.encoder = torch.nn.LSTM(N_DIMS, N_UNITS)
        self.encoder.bias_hh_l0.requires_grad = False
        with torch.no_grad():
            self.encoder.weight_ih_l0.copy_(own["network.encoder.lstm.W"].T)
            self.encoder.weight_hh_l0.copy_(own["network.encoder.lstm.R"].T)
            self.encoder.bias_ih_l0.copy_(own["network.encoder.lstm.b"])
            self.encoder.bias_hh_l0.zero_()
        self.learned = [tensor for name, tensor in own.items() if not name.startswith("network.encoder.lstm")]
        self.learned += [self.encoder.weight_ih_l0, self.encoder.weight_hh_l0, self.encoder.bias_ih_l0]
        self.adam = torch.optim.Adam(self.learned, lr=LEARNING_RATE, fused=True)

    def loss(self):
        """Return the mean loss."""
        torch, own = self.torch, self.parameters
        memory, (h, c) = self.encoder(own["network.encoder.embedding.tables.0"][self.source])
        h, c = h[0], c[0]
        values = memory.transpose(0, 1).contiguous()
        W, R, b = (own[f"network.decoder.{name}"] for name in "WRb")
        e = torch.addmm(b, own["network.embedding.tables.0"][self.target].reshape(-1, N_DIMS), W[:N_DIMS])
        e = e.reshape(N_STEPS, N_SEQUENCES, -1)
        weights = torch.cat((W[N_DIMS:], R))
        context, outputs = torch.zeros_like(h), []
        if self.attention == "additive":
            query, key, v = (own[f"network.decoder.attention.{name}"] for name in "WUv")
            keys = values @ key
        else:
            keys = values @ own["network.decoder.attention.W"].T
        for t in range(N_STEPS):
            gates = torch.addmm(e[t], torch.cat((context, h), 1), weights)
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            if self.attention == "additive":
                scores = torch.tanh((h @ query)[:, None] + keys) @ v
            else:
                scores = torch.bmm(keys, h[:, :, None])[:, :, 0]
            context = torch.bmm(torch.softmax(scores, 1)[:, None], values)[:, 0]
            outputs.append(torch.cat((h, context), 1))
        z = torch.stack(outputs) @ own["readout.W"] + own["readout.b"]
        return torch.nn.functional.cross_entropy(z.reshape(-1, N_SYMBOLS), self.wanted.reshape(-1))

    def value_and_gradient(self):
        """Return the loss and its gradient by name, but for the encoder's cell."""
        loss = self.loss()
        loss.backward()
        gradient = {name: tensor.grad for name, tensor in self.parameters.items() if tensor.grad is not None}
        return loss.item(), {name: bar.numpy() for name, bar in gradient.items()}

    def step(self) -> None:
        """Take one step."""
        self.adam.zero_grad()
        self.loss().backward()
        self.adam.step()


class Attention:
    """PyTorch's time over numbarnn's: float32, batch 32, 20 and 20 steps, 128 units, one thread, in turns."""

    params = (KINDS,)
    param_names = ("attention",)
    unit = "times"

    def setup(self, attention):
        """Compile and compare."""
        if find_spec("torch") is None:
            raise NotImplementedError("PyTorch is not installed")
        self.calls = contenders(attention, n_threads=1)

    def track_training_step(self, *_):
        """Return the ratio for a training step."""
        timings = interleaved(self.calls, seconds=1.0)
        return timings["PyTorch"].best / timings["numbarnn"].best

    track_training_step.pretty_name = "Encoder-decoder with attention, training step, speed over PyTorch's"


def contenders(attention, n_threads):
    """Return the calls by name, after a comparison of the losses and the gradients."""
    ours = Ours(attention, n_threads)
    theirs = PyTorchs(attention, ours, n_threads)
    (value, gradient), (their_value, their_gradient) = ours.value_and_gradient(), theirs.value_and_gradient()
    np.testing.assert_allclose(value, their_value, rtol=1e-5, atol=0)
    for name, bar in their_gradient.items():
        np.testing.assert_allclose(gradient[name], bar, rtol=0, atol=1e-4 * np.abs(bar).max(), err_msg=name)
    calls = {"numbarnn": ours.step, "PyTorch": theirs.step}
    for call in calls.values():
        call()
    return calls


def main() -> None:
    """Print the times of a training step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    for attention in KINDS:
        for n_threads in options.threads:
            timings = interleaved(contenders(attention, n_threads), options.seconds)
            ours, theirs = timings["numbarnn"], timings["PyTorch"]
            ratios = theirs.best / ours.best, theirs.median / ours.median
            print(
                f"{attention}, {n_threads} threads: numbarnn {1e3 * ours.best:.2f} ms, "
                f"PyTorch {1e3 * theirs.best:.2f} ms, ratio {ratios[0]:.2f} (of medians {ratios[1]:.2f})"
            )


if __name__ == "__main__":
    main()
