"""The training loop, one for all solvers: stopping, validation, progress, interruption."""

from __future__ import annotations

import copy
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.optim.epochs import Epochs
from numbarnn.optim.placement import check_device, move_to_device, move_to_host
from numbarnn.optim.problem import Objective
from numbarnn.optim.progress import progress_bar, show
from numbarnn.optim.tbptt import checked_tbptt
from numbarnn.optim.validation import BestParameters
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.layers import Model
    from numbarnn.losses import Loss
    from numbarnn.optim.examples import Examples
    from numbarnn.optim.state import TrainingState
    from numbarnn.optim.validation import Validation


def train(
    model: Model,
    loss: Loss,
    examples: Examples,
    state: TrainingState,
    *,
    max_iter: int = 200,
    batch_size: int = 200,
    shuffle: bool = True,
    random_state: int | np.random.RandomState | None = None,
    alpha: float = 1e-4,
    validation: Validation | None = None,
    verbose: bool = False,
    tbptt: tuple[int, int] | None = None,
    checkpoint_memory_mb: float | None = None,
    device: str = "cpu",
    n_jobs: int | None = None,
    feed: Callable[[NDArray, Any, np.random.RandomState], Any] | None = None,
    attention_penalty: float = 0.0,
) -> TrainingState:
    """Train a model until its loss, or its validation score, no longer improves.

    Parameters
    ----------
    model : Model
    loss : Loss
    examples : Examples
    state : TrainingState
        Where to start; it is not changed.
    max_iter : int, default=200
        Maximum number of epochs.
    batch_size : int, default=200
        Sequences per update.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random.
    random_state : int, RandomState or None, default=None
        Draws the batches, and what is dropped from them.
    alpha : float, default=1e-4
        Strength of the L2 penalty on the parameters that weight decay applies to.
    validation : Validation, default=None
        If given, its score decides when to stop, and the parameters with the best score are returned.
    verbose : bool, default=False
        Whether to show a progress bar with the current loss.
    tbptt : (int, int), default=None
        Steps k1 and k2 of truncated BPTT: after every k1 steps the parameters are updated with the gradient of the mean
        loss of these steps, backpropagated through the last k2 steps. The state is kept, not computed again with the
        new parameters. Without a weighted target there is no update. None is exact BPTT, one update per batch.
    checkpoint_memory_mb : float, default=None
        MB that the tapes of all layers may take, as in `numbarnn.forward`; None is no limit.
    device : {'cpu', 'cuda'}, default='cpu'
        Where to train. On a CUDA device the examples, the parameters and the solver are there from before the first
        update until after the last. The batches and what is dropped from them are drawn as on the processor.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.
    feed : callable, default=None
        Takes the parameters, the inputs of a batch (`Padded` or `Paired`) and the random state, and returns the inputs
        to learn from in their place, such as `numbarnn.decoding.ScheduledSampling`.
    attention_penalty : float, default=0.0
        Strength of the doubly stochastic penalty on the attention weights of a model that begins with an
        `EncoderDecoder`, as in `Objective`. Needs ``tbptt=None``.

    Returns
    -------
    state : TrainingState
        With the parameters of the last update, or those of the best validation score.

    Raises
    ------
    TypeError, ValueError
        If the examples do not fit the model, the loss, its gradient or the parameters are not finite, or `tbptt` is not
        1 <= k1 <= k2. With `device='cuda'` also if `tbptt` or `checkpoint_memory_mb` is given.
    MemoryError
        If the training does not fit on the device.
    ImportError, RuntimeError
        If numba-cuda or a GPU is missing for `device='cuda'`.

    Warns
    -----
    UserWarning
        If Ctrl-C ended the training. The state returned is a usable one.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.data import Sequences
    >>> from numbarnn.layers import Dense, Model, Recurrent, Stack
    >>> from numbarnn.losses import SquaredError
    >>> from numbarnn.optim import Adam, Constant, Examples, Plateau, TrainingState, train
    >>> model = Model(Stack((("elman", Recurrent(Elman, 1, 4, return_sequences=False)), ("readout", Dense(4, 1)))))
    >>> sequences = Sequences(np.array([[0.0], [1.0], [0.0]]), np.array([2, 1]))
    >>> examples = Examples(sequences, targets=np.array([[1.0], [0.0]]))
    >>> theta = model.init("float64", random_state=0)
    >>> state = TrainingState(theta, Adam(theta.size, theta.dtype, schedule=Constant(0.01)), Plateau())
    >>> state = train(model, SquaredError(), examples, state, max_iter=50)
    >>> state.outcome, state.loss_curve[-1] < 0.1
    ('max_iter', True)
    """
    check_device(device, tbptt=tbptt, checkpoint_memory_mb=checkpoint_memory_mb)
    _keep_freed_memory()
    state = copy.deepcopy(state)
    state.outcome = "max_iter"
    n_epochs_before = len(state.loss_curve)
    n_sequences = len(examples.sequences)
    rng = check_random_state(random_state)
    _check_examples(examples, model, state.theta.dtype)
    examples, mean_weight = examples.normalized()
    if device == "cuda":
        examples, validation = move_to_device(examples, validation, state)
    n_threads = resolve_threads(n_jobs)
    tape_bytes = checked_tape_bytes(checkpoint_memory_mb)
    objective = Objective(model, loss, alpha, mean_weight, tape_bytes, n_threads, attention_penalty)
    best = None if validation is None else BestParameters(model, validation, state, n_jobs=n_threads)
    draws: dict[str, Any] = {"batch_size": batch_size, "random_state": rng, "shuffle": shuffle}
    try:
        with progress_bar(max_iter * -(-n_sequences // batch_size), verbose=verbose) as bar:

            def end_epoch(value: float) -> bool:
                if not math.isfinite(value):
                    raise ValueError(
                        f"The loss is {value}, not finite. Scale the inputs and targets, or lower the learning rate."
                    )
                state.end_epoch(value, n_sequences)
                watched = value if best is None else -best.score()
                if bar is not None:
                    show(bar, state)
                if state.plateau.reached(watched) and not state.solver.answer_plateau():
                    state.outcome = "converged"
                    return True
                return False

            problems = Epochs(objective, examples, **draws, tbptt=checked_tbptt(tbptt), bar=bar, feed=feed)
            if state.solver.minimize(problems, state.theta, max_iter=max_iter, end_epoch=end_epoch):
                state.outcome = "converged"
    except KeyboardInterrupt:
        state.outcome = "interrupted"
        warnings.warn("Training interrupted by user.", stacklevel=2)
    move_to_host(state)
    if best is not None:
        best.restore()
    if not np.isfinite(state.theta).all():
        raise ValueError("The parameters are not finite after training. Lower the learning rate.")
    state.n_iter = len(state.loss_curve) - n_epochs_before
    return state


def _keep_freed_memory() -> None:
    """Have the C library keep what one batch frees for the next one; fresh pages cost as much as an update.

    glibc returns memory to the system by thresholds, which rise to the largest block freed so far, of at most 32 MiB
    (mallopt(3), M_MMAP_THRESHOLD). The block is never written to, so it takes no memory; elsewhere it does nothing.
    """
    np.empty(2**25 - 2**16, np.uint8)


def _check_examples(examples: Examples, model: Model, dtype: np.dtype) -> None:
    """Check once what each batch would have to be checked for."""
    values = examples.sequences.values
    if values.shape[1:] != (model.n_inputs,) or values.dtype != dtype:
        raise ValueError(
            f"sequences must have {model.n_inputs} inputs of the parameters' dtype {dtype}, "
            f"got values of shape {values.shape} and dtype {values.dtype}"
        )
    if (examples.per_step or examples.unaligned) != model.returns_sequences:
        wanted = "one target per step" if model.returns_sequences else "one target per sequence"
        raise ValueError(f"targets must be {wanted}, as the outputs of the model")
