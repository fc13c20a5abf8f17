from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

from numbarnn.cells.form import form_of


@dataclass(frozen=True)
class Regularization:
    """What keeps a network from overfitting: dropout of several kinds, zoneout, and a clip of the pre-activations.

    While a network is trained, `draw_masks` draws anew for each update what is dropped, and what is kept is divided by
    one minus the probability, so that nothing has to be done in prediction. The probabilities lie in [0, 1).

    Parameters
    ----------
    dropout : float, default=0.0
        Of each layer's outputs, at each step anew (Srivastava et al. 2014; in recurrent networks Zaremba et al. 2014).
        Unlike PyTorch's, it drops the last layer's outputs, too, before the readout reads them.
    input_dropout : float, default=0.0
        Of each layer's inputs, the same at all steps of a sequence (variational dropout, Gal and Ghahramani 2016).
    recurrent_dropout : float, default=0.0
        Of the outputs of the step before, as R sees them, the same at all steps of a sequence (ibid.).
    weight_dropout : float, default=0.0
        Of the entries of R, the same for a whole batch (DropConnect, Wan et al. 2013; on R Merity et al. 2018).
    zoneout : float or tuple of two floats, default=0.0
        That a unit keeps its state of the step before (Krueger et al. 2017): one probability for all of the state, or
        `(h, c)`. Without masks the state is the mean over them: z times the old one plus 1 - z times the new one.
    preactivation_clip : float, default=None
        Pre-activations are clipped to [-clip, clip], with masks and without, as in ONNX. None clips nothing.

    Raises
    ------
    TypeError, ValueError
        If a probability is no number in [0, 1), or the clip none above 0.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research 15, 2014.
    .. [2] W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent neural network regularization", arXiv:1409.2329, 2014.
    .. [3] Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
       NIPS 2016.
    .. [4] L. Wan, M. Zeiler, S. Zhang, Y. LeCun and R. Fergus, "Regularization of neural networks using DropConnect",
       ICML 2013.
    .. [5] S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language models", ICLR 2018.
    .. [6] D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

    Examples
    --------
    >>> from numbarnn.network import Regularization
    >>> Regularization(recurrent_dropout=0.25, zoneout=(0.05, 0.5)).is_random
    True
    """

    dropout: float = 0.0
    input_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    weight_dropout: float = 0.0
    zoneout: float | tuple[float, float] = 0.0
    preactivation_clip: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.zoneout, Real):
            if not isinstance(self.zoneout, tuple | list):
                raise TypeError(f"zoneout must be a number or a pair of them, for h and for c, got {self.zoneout!r}")
            if len(self.zoneout) != 2:
                raise ValueError(f"zoneout must be one number or two, for h and for c, got {self.zoneout!r}")
            object.__setattr__(self, "zoneout", tuple(self.zoneout))
        for field in fields(self)[:5]:
            value = getattr(self, field.name)
            for p in value if isinstance(value, tuple) else (value,):
                _check_number(field.name, p)
                if not 0 <= p < 1:
                    raise ValueError(f"{field.name} must lie in [0, 1), got {value!r}")
        if self.preactivation_clip is not None:
            _check_number("preactivation_clip", self.preactivation_clip)
            if not 0 < self.preactivation_clip < math.inf:
                raise ValueError(
                    f"preactivation_clip must be above 0 and finite, or None, got {self.preactivation_clip!r}"
                )

    @property
    def is_random(self) -> bool:
        """Whether there is anything to draw."""
        probabilities = self.dropout, self.input_dropout, self.recurrent_dropout, self.weight_dropout
        return any(probabilities) or any(self.zoneout_of(2))

    def check_for(self, cell: Any) -> None:
        """Refuse a zoneout that is none for the state of a class of cell.

        Raises
        ------
        ValueError
            If there are two probabilities for a state of one part, or any for a cell whose h is no part of its step.
        """
        if any(self.zoneout_of(cell.state_size)) and form_of(cell).normalisation:
            raise ValueError(
                f"zoneout must be 0 for a {cell.__name__}, whose h is no part of its step, got {self.zoneout!r}"
            )

    def zoneout_of(self, state_size: int) -> tuple[float, ...]:
        """Return the probability for each part of a state.

        Raises
        ------
        ValueError
            If there are two probabilities for a state of one part.
        """
        if not isinstance(self.zoneout, tuple):
            return (self.zoneout,) * state_size
        if len(self.zoneout) != state_size:
            raise ValueError(f"zoneout must be one number for a cell without a c, got {self.zoneout!r}")
        return self.zoneout


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
