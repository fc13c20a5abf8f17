"""Decoding: sequences of labels from models that predict one label after the other."""

from __future__ import annotations

from numbarnn.decoding.beam_search import beam_search
from numbarnn.decoding.encoder_decoder import EncoderDecoderSteps
from numbarnn.decoding.generation import greedy, sample
from numbarnn.decoding.network import NetworkSteps
from numbarnn.decoding.protocol import Beginning, Hypothesis, StepModel, check_step_model
from numbarnn.decoding.scheduled_sampling import ScheduledSampling, sampled_labels

__all__ = [
    "Beginning",
    "EncoderDecoderSteps",
    "Hypothesis",
    "NetworkSteps",
    "ScheduledSampling",
    "StepModel",
    "beam_search",
    "check_step_model",
    "greedy",
    "sample",
    "sampled_labels",
]
