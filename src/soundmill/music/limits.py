"""How far the notes of a corpus go: their length, and how many sound at once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from soundmill.music.vocabulary import PITCHES
from soundmill.notes import Notes

SHARE = 0.99
"""Share of notes and moments within the limits; the rest may be errors of transcription."""


@dataclass(frozen=True)
class Limits:
    """Limits that new pieces keep to, so that no note the network forgot sounds on and on."""

    note_seconds: float = 3600.0
    """Longest note."""
    polyphony: int = PITCHES
    """Most notes at once."""


def measure_limits(pieces: Iterable[Notes]) -> Limits:
    """Return the limits that 99 % of notes, and of the moments at which notes begin, keep to.

    Quantiles come from histograms: memory does not grow with the corpus.
    """
    hundredths = np.zeros(360_000, np.int64)
    sounding = np.zeros(PITCHES + 1, np.int64)
    for notes in pieces:
        steps = np.round(100 * (notes["offset"] - notes["onset"])).astype(int)
        np.add.at(hundredths, np.clip(steps, 1, len(hundredths) - 1), 1)
        onsets, offsets = np.sort(notes["onset"]), np.sort(notes["offset"])
        begun = np.searchsorted(onsets, onsets, side="right")
        ended = np.searchsorted(offsets, onsets, side="right")
        np.add.at(sounding, np.clip(begun - ended, 1, PITCHES), 1)
    if not sounding.any():
        return Limits()
    return Limits(_quantile(hundredths) / 100, _quantile(sounding))


def _quantile(histogram: np.ndarray) -> int:
    return int(np.searchsorted(histogram.cumsum(), SHARE * histogram.sum()))
