"""Layers: differentiable functions of parameters, a padded batch and a state, and compositions of them."""

from __future__ import annotations

from numbarnn.layers.attention import (
    AdditiveAttention,
    GeneralAttention,
    attend,
    attend_adjoint,
    attend_tangent,
)
from numbarnn.layers.attention_decoder import AttentionDecoder
from numbarnn.layers.base import (
    Adjoint,
    Forward,
    Layer,
    Padded,
    Pair,
    Paired,
    Parameter,
    PassSettings,
    Tangent,
    check_layer,
)
from numbarnn.layers.bidirectional import Bidirectional
from numbarnn.layers.dense import Dense
from numbarnn.layers.doubly_stochastic import doubly_stochastic_penalty
from numbarnn.layers.dropout import Dropout
from numbarnn.layers.embedded_recurrent import EmbeddedRecurrent
from numbarnn.layers.embedding import Embedding
from numbarnn.layers.encoder_decoder import EncoderDecoder
from numbarnn.layers.hard_attention import MovingBaseline, sample_attention, score_function_gradient
from numbarnn.layers.masks import MaskGenerator
from numbarnn.layers.model import Model
from numbarnn.layers.pooling import Pooling
from numbarnn.layers.recurrent import Recurrent
from numbarnn.layers.stack import Stack
from numbarnn.layers.streaming import NetworkStream
from numbarnn.layers.unstack import Unstack

__all__ = [
    "AdditiveAttention",
    "Adjoint",
    "AttentionDecoder",
    "Bidirectional",
    "Dense",
    "Dropout",
    "EmbeddedRecurrent",
    "Embedding",
    "EncoderDecoder",
    "Forward",
    "GeneralAttention",
    "Layer",
    "MaskGenerator",
    "Model",
    "MovingBaseline",
    "NetworkStream",
    "Padded",
    "Pair",
    "Paired",
    "Parameter",
    "PassSettings",
    "Pooling",
    "Recurrent",
    "Stack",
    "Tangent",
    "Unstack",
    "attend",
    "attend_adjoint",
    "attend_tangent",
    "check_layer",
    "doubly_stochastic_penalty",
    "sample_attention",
    "score_function_gradient",
]
