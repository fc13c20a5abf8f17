"""The mathematics: one file per cell, equations over any number, no loop over time."""

from __future__ import annotations

from numbarnn.cells.coupled_lstm import CoupledLSTM
from numbarnn.cells.coupled_peephole_lstm import CoupledPeepholeLSTM
from numbarnn.cells.elman import Elman
from numbarnn.cells.elman_relu import ElmanReLU
from numbarnn.cells.gru import GRU
from numbarnn.cells.gru_reset_before import GRUResetBefore
from numbarnn.cells.jordan import Jordan
from numbarnn.cells.layer_norm_lstm import LayerNormLSTM
from numbarnn.cells.leaky_elman import LeakyElman
from numbarnn.cells.lstm import LSTM
from numbarnn.cells.peephole_lstm import PeepholeLSTM
from numbarnn.cells.projected_lstm import ProjectedLSTM
from numbarnn.cells.protocol import cell_class, check_cell, decays

CELLS = {
    "elman": Elman,
    "elman_relu": ElmanReLU,
    "leaky_elman": LeakyElman,
    "jordan": Jordan,
    "lstm": LSTM,
    "peephole_lstm": PeepholeLSTM,
    "coupled_lstm": CoupledLSTM,
    "coupled_peephole_lstm": CoupledPeepholeLSTM,
    "projected_lstm": ProjectedLSTM,
    "layer_norm_lstm": LayerNormLSTM,
    "gru": GRU,
    "gru_reset_before": GRUResetBefore,
}

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
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
]
