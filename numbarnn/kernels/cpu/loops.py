"""The loops over time of the three passes; a kernel compiles those that its cell needs."""

from __future__ import annotations

from numbarnn.kernels.cpu import adjoint as plain_adjoint
from numbarnn.kernels.cpu import forward as plain_forward
from numbarnn.kernels.cpu import normalised_adjoint, normalised_forward, normalised_tangent
from numbarnn.kernels.cpu import tangent as plain_tangent
from numbarnn.kernels.cpu.variants import by_form


@by_form(lambda form: normalised_forward.forward if form.normalisation else plain_forward.forward)
def forward(weights, steps, modifiers, first, last):
    """Run the sequences first .. last - 1 through all their steps.

    Parameters
    ----------
    weights : Weights
    steps : Steps
        `h` and `record` begin with the initial state; what follows is written.
    modifiers : Modifiers
    first, last : int
        The slice of the batch.
    """


@by_form(lambda form: normalised_tangent.tangent if form.normalisation else plain_tangent.tangent)
def tangent(weights, weights_dot, steps, modifiers, directions, first, last):
    """Run the tangents of the sequences first .. last - 1 through all their steps.

    Parameters
    ----------
    weights, weights_dot : Weights
        The weights and their tangents.
    steps : Steps
        As the forward pass left them.
    modifiers : Modifiers
    directions : Directions
        Those of the state are written.
    first, last : int
        The slice of the batch.
    """


@by_form(lambda form: normalised_adjoint.adjoint if form.normalisation else plain_adjoint.adjoint)
def adjoint(cell, units, steps, modifiers, bars, gradients, block_rows, bounds, slices):
    """Run slices of the batch backward through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        The weights; its type names the equations.
    units : ndarray of shape (n_unit_parameters, H)
    steps : Steps
        As the forward pass left them.
    modifiers : Modifiers
    bars : Bars
        Those of the state and of the inputs are written.
    gradients : Gradients
        To these the slices' parts are added.
    block_rows : int
        How many rows a block gathers; at least the sequences of the largest slice.
    bounds : ndarray of shape (n_slices + 1,), intp
        The slices' first sequences, and the last one's end.
    slices : tuple of int
        The first of the slices that are run, and their end.
    """
