"""Decoding: sequences of labels from models that predict one label at a time, and from the outputs of CTC."""

from __future__ import annotations

from numbarnn.decoding.alignment import ctc_alignment
from numbarnn.decoding.beam_search import beam_search
from numbarnn.decoding.best_path import ctc_best_path
from numbarnn.decoding.encoder_decoder import EncoderDecoderSteps
from numbarnn.decoding.free_running import greedy_labels, run_on_outputs, sampled_labels
from numbarnn.decoding.generation import greedy, sample
from numbarnn.decoding.network import NetworkSteps
from numbarnn.decoding.prefix_beam import ctc_prefix_beams
from numbarnn.decoding.protocol import Beginning, Hypothesis, StepModel, check_step_model
from numbarnn.decoding.scheduled_sampling import ScheduledSampling

__all__ = [
    "Beginning",
    "EncoderDecoderSteps",
    "Hypothesis",
    "NetworkSteps",
    "ScheduledSampling",
    "StepModel",
    "beam_search",
    "check_step_model",
    "ctc_alignment",
    "ctc_best_path",
    "ctc_prefix_beams",
    "greedy",
    "greedy_labels",
    "run_on_outputs",
    "sample",
    "sampled_labels",
]
