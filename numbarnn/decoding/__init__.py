"""Decoding: sequences of labels from models that predict one label after the other."""

from __future__ import annotations

from numbarnn.decoding.beam_search import beam_search
from numbarnn.decoding.generation import greedy, sample
from numbarnn.decoding.network import NetworkSteps
from numbarnn.decoding.protocol import Beginning, Hypothesis, StepModel, check_step_model

__all__ = [
    "Beginning",
    "Hypothesis",
    "NetworkSteps",
    "StepModel",
    "beam_search",
    "check_step_model",
    "greedy",
    "sample",
]
