"""What a piece is like, in a few numbers: pitch, density, polyphony, lengths, scale and groove."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.music.events import quantise
from soundmill.music.vocabulary import STEPS_PER_SECOND
from soundmill.notes import NOTE, Notes

Vector = npt.NDArray[np.float64]

TIME_EDGES = 0.01 * 2.0 ** np.arange(12)
"""Edges of the histograms of note lengths and inter-onset intervals: octaves from 10 ms."""
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
"""The natural minor scale has the same pitch classes, so twelve scales cover both modes."""

UNITS: Mapping[str, str] = {
    "note_density": "notes/s",
    "polyphony": "notes at once",
    "note_length": "s",
    "inter_onset": "s",
    "scale_consistency": "share of notes",
    "groove": "similarity of bars",
}
FEATURES = ("pitch_class", *UNITS)


def pitch_classes(notes: Notes) -> Vector:
    """Return the share of notes in each of the 12 pitch classes, C first."""
    return _shares(np.bincount(notes["pitch"] % 12, minlength=12))


def note_density(notes: Notes) -> float:
    """Return notes a second, from the first onset to the last offset."""
    if len(notes) == 0:
        return np.nan
    return len(notes) / float(notes["offset"].max() - notes["onset"].min())


def polyphony(notes: Notes) -> float:
    """Return how many notes sound at once on average, silence left out."""
    if len(notes) == 0:
        return np.nan
    ends = np.maximum.accumulate(notes["offset"])
    gaps = np.maximum(notes["onset"][1:] - ends[:-1], 0).sum()
    sounding = ends[-1] - notes["onset"][0] - gaps
    return float((notes["offset"] - notes["onset"]).sum() / sounding)


def note_lengths(notes: Notes) -> Vector:
    """Return the length of each note in seconds."""
    return np.asarray(notes["offset"] - notes["onset"])


def inter_onset_intervals(notes: Notes) -> Vector:
    """Return the times between one onset and the next in seconds; a chord is one onset."""
    return np.diff(np.unique(notes["onset"]))


def scale_consistency(notes: Notes) -> float:
    """Return the largest share of notes that lie in one major or natural minor scale.

    Mogren, "C-RNN-GAN" (2016), section 4; as `muspy.scale_consistency`.
    """
    shares = pitch_classes(notes)
    return max(float(np.roll(shares, -key)[list(MAJOR_SCALE)].sum()) for key in range(12))


def groove(notes: Notes, bar_seconds: float = 2.0, steps: int = 16) -> float:
    """Return the mean grooving similarity of all pairs of bars, 0 to 1; NaN below two bars.

    Wu and Yang, "The Jazz Transformer on the front line" (2020), section 3.2: one minus the share
    of positions at which one bar has an onset and the other none. Free-time music has no bar lines:
    bars follow each other at ``bar_seconds`` from the first onset, and an onset counts for the
    nearest of the ``steps`` positions. So the figure compares sets of pieces; it does not say how
    well one keeps its own metre.
    """
    if len(notes) == 0:
        return np.nan
    position = (notes["onset"] - notes["onset"].min()) * steps / bar_seconds
    position = np.floor(position + 0.5).astype(int)
    bars = int(position.max()) // steps + 1
    if bars < 2:
        return np.nan
    pattern = np.zeros(bars * steps, bool)
    pattern[position] = True
    filled = pattern.reshape(bars, steps).sum(axis=0)  # bars with an onset at each position
    different_pairs = (filled * (bars - filled)).sum()
    return float(1 - different_pairs / (steps * bars * (bars - 1) / 2))


def describe(notes: Notes, bar_seconds: float = 2.0, steps: int = 16) -> dict[str, Vector]:
    """Return each of `FEATURES` as a vector; what a piece is too short for is NaN.

    Notes are put on the event grid first, so that corpus and generated pieces are seen alike.
    Pitch classes, note lengths and inter-onset intervals are histograms, the others have one value.
    """
    notes = on_grid(notes)
    return {
        "pitch_class": pitch_classes(notes),
        "note_density": np.array([note_density(notes)]),
        "polyphony": np.array([polyphony(notes)]),
        "note_length": time_histogram(note_lengths(notes)),
        "inter_onset": time_histogram(inter_onset_intervals(notes)),
        "scale_consistency": np.array([scale_consistency(notes)]),
        "groove": np.array([groove(notes, bar_seconds, steps)]),
    }


def summarise(notes: Notes, described: Mapping[str, Vector]) -> dict[str, float]:
    """Return one number for each feature that has a unit: for times their mean."""
    notes = on_grid(notes)
    times = {"note_length": note_lengths(notes), "inter_onset": inter_onset_intervals(notes)}
    return {
        name: float(values.mean()) if len(values := times.get(name, described[name])) else np.nan
        for name in UNITS
    }


def on_grid(notes: Notes) -> Notes:
    """Return the notes as the event encoding sees them: 10 ms grid, one note a pitch at a time."""
    steps = quantise(notes)
    gridded: Any = np.zeros(len(steps.onset), NOTE)
    gridded["onset"] = steps.onset / STEPS_PER_SECOND
    gridded["offset"] = steps.offset / STEPS_PER_SECOND
    gridded["pitch"], gridded["velocity"] = steps.pitch, 64
    return gridded


def excerpt(notes: Notes, start: float, seconds: float) -> Notes:
    """Return the notes that begin in a stretch of time, cut at its end, from time 0."""
    kept = notes[(notes["onset"] >= start) & (notes["onset"] < start + seconds)].copy()
    kept["onset"] -= start
    kept["offset"] = np.minimum(kept["offset"] - start, seconds)
    return kept


def time_histogram(seconds: Vector) -> Vector:
    """Return the share of times in each octave of `TIME_EDGES`; the outer ones take the rest."""
    inside = np.clip(seconds, TIME_EDGES[0], TIME_EDGES[-1])
    return _shares(np.histogram(inside, TIME_EDGES)[0])


def _shares(counts: npt.NDArray[np.int64]) -> Vector:
    return counts / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
