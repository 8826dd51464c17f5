"""What late fusions ask of each modality first: temperatures, and how frequent the classes are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from soundmill.classification.calibration import HOTTEST
from soundmill.fusion.fusion_network import Calibration


def fit_temperature(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> float:
    """Return the temperature under which logits (n, c) are least surprised by the truth (n,).

    As `soundmill.classification.calibration.fit_temperature`, but of logits, which know of errors
    that are bolder than a probability can say.
    """
    values, every = np.asarray(logits, np.float64), np.arange(len(targets))

    def loss(cold: float) -> float:
        return float(-log_softmax(values * np.exp(cold), axis=1)[every, targets].mean())

    widest = float(np.log(HOTTEST))
    found = minimize_scalar(
        loss, bounds=(-widest, widest), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(-found.x))


def fit_calibration(
    logits: Sequence[npt.NDArray[np.float32]],
    targets: Sequence[npt.NDArray[np.int64]],
    shares: npt.NDArray[np.float64],
) -> Calibration:
    """Return temperatures under which each modality alone is least surprised.

    Parameters
    ----------
    logits : (n, c) of each modality, clean and damaged samples of the valid part.
    targets : (n,) of each.
    shares : (m, c) of the classes in the training parts.
    """
    temperatures = []
    for values, truth in zip(logits, targets, strict=True):
        temperatures.append(fit_temperature(values, truth))
    return Calibration(torch.tensor(temperatures), torch.from_numpy(shares))


def class_shares(targets: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """Return the share of each class (c,); one sample more of each, so that none is 0."""
    count = np.bincount(targets, minlength=classes) + 1.0
    return np.asarray(count / count.sum())
