"""Layers: differentiable functions of parameters, a padded batch and a state, and compositions of them."""

from __future__ import annotations

from numbarnn.layers.base import (
    Adjoint,
    Forward,
    Layer,
    Padded,
    Parameter,
    PassSettings,
    Tangent,
    check_layer,
)
from numbarnn.layers.bidirectional import Bidirectional
from numbarnn.layers.dense import Dense
from numbarnn.layers.dropout import Dropout
from numbarnn.layers.embedded_recurrent import EmbeddedRecurrent
from numbarnn.layers.embedding import Embedding
from numbarnn.layers.masks import MaskGenerator
from numbarnn.layers.model import Model
from numbarnn.layers.pooling import Pooling
from numbarnn.layers.recurrent import Recurrent
from numbarnn.layers.stack import Stack
from numbarnn.layers.unstack import Unstack

__all__ = [
    "Adjoint",
    "Bidirectional",
    "Dense",
    "Dropout",
    "EmbeddedRecurrent",
    "Embedding",
    "Forward",
    "Layer",
    "MaskGenerator",
    "Model",
    "Padded",
    "Parameter",
    "PassSettings",
    "Pooling",
    "Recurrent",
    "Stack",
    "Tangent",
    "Unstack",
    "check_layer",
]
