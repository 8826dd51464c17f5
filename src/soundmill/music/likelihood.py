"""How well a model, and two simple floors, foretell the events of a split."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.music.data import WindowBatch
from soundmill.music.vocabulary import NOTE_OFF, NOTE_ON, PAD, SIZE

Scores = npt.NDArray[np.float64]
"""(pieces, 4): sum of negative log-likelihoods in nats, right guesses, events, notes."""
NLL, RIGHT, EVENTS, NOTES = range(4)
RESAMPLES = 2000
SMOOTHING = 0.1
"""Added to every count of the floors, so that unseen events keep some probability."""

Predictor = Callable[[Tensor], Tensor]
"""Maps tokens (B, N) to logits of the next event (B, N, SIZE)."""


def score(predict: Predictor, windows: Iterable[WindowBatch]) -> Scores:
    """Sum what a predictor scores over all windows, piece by piece."""
    sums: dict[int, npt.NDArray[np.float64]] = {}
    for batch in windows:
        for piece, row in zip(batch.piece, score_windows(predict, batch.tokens), strict=True):
            sums[int(piece)] = sums.get(int(piece), np.zeros(4)) + row
    return np.array([sums[piece] for piece in sorted(sums)]).reshape(-1, 4)


def score_windows(predict: Predictor, tokens: Tensor) -> Scores:
    """Return one row of `Scores` for each window (B, N + 1)."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    logits = predict(inputs).float()
    real = targets != PAD
    nll = -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    right = logits.argmax(-1) == targets
    notes = (targets >= NOTE_ON) & (targets < NOTE_OFF)
    columns = (nll * real, right & real, real, notes)
    return torch.stack([column.cpu().double().sum(1) for column in columns], 1).numpy()


def floors(bigrams: npt.NDArray[np.int64]) -> dict[str, Predictor]:
    """Return predictors that know how often events, or pairs of events, occur in training."""
    unigram = torch.from_numpy(bigrams.sum(0) + SMOOTHING).log().float()
    pairs = torch.from_numpy(bigrams + SMOOTHING).log().float()
    return {
        "unigram": lambda tokens: unigram.expand(*tokens.shape, SIZE),
        "previous_event": lambda tokens: pairs[tokens],
    }


def summarise(scores: Scores, seed: int) -> dict[str, Any]:
    """Return NLL per event and per note (nats) and accuracy with 95 % intervals over pieces.

    The interval is the percentile bootstrap over pieces; null for a single piece.
    """
    measures = {
        "nll_per_event": (NLL, EVENTS),
        "nll_per_note": (NLL, NOTES),
        "accuracy": (RIGHT, EVENTS),
    }
    random = np.random.default_rng(seed)
    drawn = random.integers(len(scores), size=(RESAMPLES, len(scores)))
    summary: dict[str, Any] = {}
    for name, (top, bottom) in measures.items():
        value = _ratio(scores[:, top].sum(), scores[:, bottom].sum())
        interval = None
        if len(scores) > 1 and value is not None:
            sums = scores[:, [top, bottom]][drawn].sum(1)
            ratios = sums[sums[:, 1] > 0, 0] / sums[sums[:, 1] > 0, 1]
            interval = [float(x) for x in np.percentile(ratios, [2.5, 97.5])]
        summary[name] = {"value": value, "interval": interval, "items": len(scores)}
    summary["events"] = int(scores[:, EVENTS].sum())
    summary["notes"] = int(scores[:, NOTES].sum())
    return summary


def _ratio(top: float, bottom: float) -> float | None:
    return float(top / bottom) if bottom else None
