"""The mathematics: one file per cell, equations over any number, no loop over time."""

from __future__ import annotations

from numbarnn.cells.coupled_lstm import CoupledLSTM
from numbarnn.cells.coupled_peephole_lstm import CoupledPeepholeLSTM
from numbarnn.cells.elman import Elman
from numbarnn.cells.elman_relu import ElmanReLU
from numbarnn.cells.fields import Undecayed, Weight, decays
from numbarnn.cells.gru import GRU
from numbarnn.cells.gru_reset_before import GRUResetBefore
from numbarnn.cells.jordan import Jordan
from numbarnn.cells.layer_norm_lstm import LayerNormLSTM
from numbarnn.cells.leaky_elman import LeakyElman
from numbarnn.cells.lstm import LSTM
from numbarnn.cells.peephole_lstm import PeepholeLSTM
from numbarnn.cells.projected_lstm import ProjectedLSTM
from numbarnn.cells.protocol import Cell, check_cell
from numbarnn.cells.registry import CELLS, cell_class

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "Cell",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "Elman",
    "ElmanReLU",
    "GRUResetBefore",
    "Jordan",
    "LayerNormLSTM",
    "LeakyElman",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "Undecayed",
    "Weight",
    "cell_class",
    "check_cell",
    "decays",
]
