"""Forecasts of the next day by an encoder-decoder, next to the direct strategy: all steps at once.

``python -m benchmarks.forecasting.encoder_decoder``; the hourly electricity demand of Victoria in 2014 without its
covariates, from windows of a week. All networks have the same size, windows and training. The windows of the last 60
days, which begin at midnight, are the test part; the reference is the value a day before.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.forecasting.data import electricity
from numbarnn import RNNRegressor, Seq2SeqRegressor

DAY, WEEK, N_DAYS, EVERY = 24, 168, 60, 3
DECODERS = {
    "encoder-decoder": {"attention": None},
    "with scheduled sampling": {"attention": None, "teacher_forcing": 0.5},
    "with attention": {"attention": "additive"},
    "with both": {"attention": "additive", "teacher_forcing": 0.5},
}


def main() -> None:
    """Print the mean absolute error of each, and the seconds of its training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    arguments = parser.parse_args()
    demand = electricity()["Demand"].to_numpy().reshape(-1, 2).mean(axis=1)
    start = len(demand) - N_DAYS * DAY
    mean, scale = demand[:start].mean(), demand[:start].std()
    windows = sliding_window_view(((demand - mean) / scale).astype(np.float32), WEEK + DAY)
    training, test = windows[: start - WEEK - DAY + 1 : EVERY], windows[start - WEEK :: DAY]
    print(f"{len(training)} windows to learn from, {len(test)} days to test", flush=True)
    truth = test[:, WEEK:]
    print(f"{'a day before':28s} MAE {np.abs(test[:, WEEK - DAY : WEEK] - truth).mean() * scale:.3f} GW", flush=True)
    options: dict[str, Any] = {"max_iter": arguments.epochs, "learning_rate": "cosine", "learning_rate_init": 0.005}
    models = {"direct": RNNRegressor(arguments.units, batch_size=32, **options)}
    for name, own in DECODERS.items():
        models[name] = Seq2SeqRegressor(arguments.units, batch_size=32, bidirectional=False, **own, **options)
    for name, model in models.items():
        errors, seconds = [], 0.0
        for seed in arguments.seeds:
            model.set_params(random_state=seed)
            begin = time.process_time()
            model.fit(training[:, :WEEK, np.newaxis], training[:, WEEK:])
            seconds += time.process_time() - begin
            forecast = model.predict(test[:, :WEEK, np.newaxis])
            errors.append(np.abs(np.asarray(forecast).reshape(truth.shape) - truth).mean() * scale)
        each = seconds / len(errors)
        print(f"{name:28s} MAE {np.mean(errors):.3f} GW ({min(errors):.3f} to {max(errors):.3f}), {each:.0f} CPU s")


if __name__ == "__main__":
    main()
