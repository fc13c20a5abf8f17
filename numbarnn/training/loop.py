from __future__ import annotations

import copy
import warnings
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.data import epoch_batches
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.network import checked_truncation, evaluate_windows
from numbarnn.recurrence.arguments import checked_tape_bytes
from numbarnn.training.epoch import run_epoch
from numbarnn.training.masking import with_masks
from numbarnn.training.placement import check_device, move_to_device, move_to_host
from numbarnn.training.progress import progress_bar, show
from numbarnn.training.validation import BestParameters

if TYPE_CHECKING:
    from numbarnn.network import Loss, Network
    from numbarnn.training.examples import Examples
    from numbarnn.training.state import TrainingState
    from numbarnn.training.validation import Validation


def train(
    network: Network,
    loss: Loss,
    examples: Examples,
    state: TrainingState,
    *,
    max_iter: int = 200,
    batch_size: int = 200,
    shuffle: bool = True,
    random_state: int | np.random.RandomState | None = None,
    alpha: float = 1e-4,
    max_grad_norm: float | None = 1.0,
    validation: Validation | None = None,
    verbose: bool = False,
    tbptt: tuple[int, int] | None = None,
    checkpoint_memory_mb: float | None = None,
    device: str = "cpu",
    n_jobs: int | None = None,
) -> TrainingState:
    """Train a network until its loss, or its validation score, no longer improves.

    Parameters
    ----------
    network : Network
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    examples : Examples
    state : TrainingState
        Where to start; it is not changed.
    max_iter : int, default=200
        Most epochs.
    batch_size : int, default=200
        Sequences per update.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random.
    random_state : int, RandomState or None, default=None
        Draws the batches, and what the network's regularization drops of them.
    alpha : float, default=1e-4
        Strength of the L2 penalty on all weights but the biases.
    max_grad_norm : float or None, default=1.0
        Largest norm of a gradient; longer ones are scaled to it. None clips nothing.
    validation : Validation, default=None
        If given, its score decides when to stop, and the parameters of the best score are returned.
    verbose : bool, default=False
        Whether to show a progress bar with the current loss.
    tbptt : (int, int), default=None
        Steps k1 and k2 of truncated BPTT, as in `truncated_objective`: the parameters are updated after every k1 steps,
        by the gradient of these steps' mean loss through the last k2, and the state is carried on as the parameters of
        the time have left it. Where k1 steps of a batch hold no loss there is no update. None is exact BPTT, one update
        a batch.
    checkpoint_memory_mb : float, default=None
        MB that the layers' tapes may take, as in `numbarnn.forward`; None is no limit.
    device : {'cpu', 'cuda'}, default='cpu'
        Where to train. On a CUDA device the examples, the parameters and the solver stand there from before the first
        update till after the last; of a batch only its indices, lengths and weights go there, and its loss and the norm
        of its gradient come back. The batches and what is dropped of them are drawn as on the processor.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    state : TrainingState
        With the parameters of the last update, or those of the best validation score.

    Raises
    ------
    TypeError
        If `tbptt` holds anything but integers.
    ValueError
        If the loss, its gradient or the parameters are not finite, or `tbptt` is not 1 <= k1 <= k2, or given for a
        network that reads in both directions.
        With `device='cuda'` also if `tbptt` or `checkpoint_memory_mb` is given.
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
    >>> from numbarnn.network import Network, SquaredError
    >>> from numbarnn.training import Adam, Constant, Examples, Plateau, TrainingState, train
    >>> network = Network(Elman, n_inputs=1, hidden_layer_sizes=(4,), n_outputs=1)
    >>> sequences = Sequences(np.array([[0.0], [1.0], [0.0]]), np.array([2, 1]))
    >>> examples = Examples(sequences, targets=np.array([[1.0], [0.0]]))
    >>> theta = network.init("float64", random_state=0)
    >>> state = TrainingState(theta, Adam(theta.size, theta.dtype), Constant(0.01), Plateau())
    >>> state = train(network, SquaredError(), examples, state, max_iter=50)
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
    examples = _checked(examples, network, state.theta.dtype)
    if device == "cuda":
        examples, validation = move_to_device(network, examples, validation, state, min(batch_size, n_sequences))
    parameters = network.parameters(state.theta)
    settings: dict[str, Any] = {
        "tbptt": None if tbptt is None else checked_truncation(network, tbptt),
        "alpha": alpha,
        "tape_bytes": checked_tape_bytes(checkpoint_memory_mb),
        "n_threads": resolve_threads(n_jobs),
    }
    objectives = partial(evaluate_windows, network, loss, parameters, **settings)
    best = None if validation is None else BestParameters(network, validation, state, n_jobs=n_jobs)
    try:
        with progress_bar(max_iter * ceil(n_sequences / batch_size), verbose=verbose) as bar:
            for _ in range(max_iter):
                indices = epoch_batches(examples.sequences.lengths, batch_size, rng if shuffle else None)
                batches = with_masks(network, map(examples.batch, indices), rng)
                value = run_epoch(objectives, state, batches, max_grad_norm=max_grad_norm, bar=bar)
                state.end_epoch(value, n_sequences)
                watched = value if best is None else -best.score()
                if bar is not None:
                    show(bar, state)
                if state.plateau.reached(watched) and not state.schedule.lower():
                    state.outcome = "converged"
                    break
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


def _checked(examples: Examples, network: Network, dtype: np.dtype) -> Examples:
    """Check once what each batch would have to be checked for, and give every sequence its weight."""
    values, lengths = examples.sequences.values, examples.sequences.lengths
    if values.shape[1:] != (network.n_inputs,) or values.dtype != dtype:
        raise ValueError(
            f"sequences must have {network.n_inputs} inputs of the parameters' dtype {dtype}, "
            f"got values of shape {values.shape} and dtype {values.dtype}"
        )
    weights = np.ones(len(lengths)) if examples.weights is None else examples.weights
    return examples._replace(weights=weights.astype(dtype))
