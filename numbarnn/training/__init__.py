"""One epoch, solvers, schedules, clipping, stopping, and the loop over them."""

from __future__ import annotations

from numbarnn.training.clipping import clip_by_global_norm
from numbarnn.training.examples import Examples
from numbarnn.training.loop import train
from numbarnn.training.schedules import Adaptive, Constant, InverseScaling, Schedule
from numbarnn.training.solvers import SGD, Adam, Solver
from numbarnn.training.state import TrainingState
from numbarnn.training.stopping import Plateau
from numbarnn.training.validation import Validation

__all__ = [
    "SGD",
    "Adam",
    "Adaptive",
    "Constant",
    "Examples",
    "InverseScaling",
    "Plateau",
    "Schedule",
    "Solver",
    "TrainingState",
    "Validation",
    "clip_by_global_norm",
    "train",
]
