"""The cells that ship, by name."""

from __future__ import annotations

from typing import Any

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
from numbarnn.cells.protocol import check_cell

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


def cell_class(cell: Any) -> Any:
    """Return the class of cells of a name, or a class itself, once it has passed `check_cell`.

    Parameters
    ----------
    cell : str or type
        One of the names in `CELLS`, or a class such as `numbarnn.LSTM` or one of your own.

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If there is no cell of that name, or the class's attributes, such as `n_saved`, do not match what its methods
        return.
    TypeError
        If the class is no class of cells.

    Examples
    --------
    >>> from numbarnn.cells import cell_class
    >>> cell_class("lstm")
    <class 'numbarnn.cells.lstm.LSTM'>
    """
    if isinstance(cell, str):
        if cell not in CELLS:
            raise ValueError(f"cell must be a class of cells or one of {', '.join(map(repr, CELLS))}; got {cell!r}")
        cell = CELLS[cell]
    elif not isinstance(cell, type):
        hint = f": pass its class, {type(cell).__name__}" if hasattr(type(cell), "n_gates") else ""
        raise TypeError(f"cell must be the name of a cell or a class of cells, got {type(cell).__name__}{hint}")
    check_cell(cell)
    return cell
