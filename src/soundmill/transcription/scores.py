"""Transcription scores of one piece, by mir_eval and with its usual tolerances.

Notes: Bay, Ehmann and Downie, "Evaluation of Multiple-F0 Estimation and Tracking Systems"
(ISMIR 2009); with velocity: Hawthorne et al., "Onsets and Frames" (ISMIR 2018), section 4.
"""

import numpy as np
import numpy.typing as npt
from mir_eval import transcription, transcription_velocity
from mir_eval.util import midi_to_hz

from soundmill.notes import Notes

METRICS = ("frame", "note", "note_offset", "note_offset_velocity")
ONSET_TOLERANCE = 0.05
LAG_TOLERANCE = 0.1
FRAME_HOP = 0.01


def score_piece(truth: Notes, notes: Notes) -> dict[str, float]:
    """Return the F1 of each of `METRICS` (0 to 1), with precision and recall of ``note``.

    ``frame``: pitches sounding in frames of 10 ms. ``note``: pitch and onset within 50 ms.
    ``note_offset``: and offset within 50 ms or 20 % of the length. ``note_offset_velocity``: and
    velocity within .1 of the range after linear rescaling. No notes at all score 0.
    """
    if not len(truth) or not len(notes):
        return dict.fromkeys((*METRICS, "note_precision", "note_recall"), 0.0)
    reference, estimate = _arguments(truth), _arguments(notes)
    tolerance = {"onset_tolerance": ONSET_TOLERANCE}
    note = transcription.precision_recall_f1_overlap(
        *reference, *estimate, offset_ratio=None, **tolerance
    )
    offset = transcription.precision_recall_f1_overlap(*reference, *estimate, **tolerance)
    velocity = transcription_velocity.precision_recall_f1_overlap(
        *reference, truth["velocity"].astype(float),
        *estimate, notes["velocity"].astype(float), **tolerance,
    )  # fmt: skip
    values = (frame_f1(truth, notes), note[2], offset[2], velocity[2])
    scores = {name: float(value) for name, value in zip(METRICS, values, strict=True)}
    return scores | {"note_precision": float(note[0]), "note_recall": float(note[1])}


def frame_f1(truth: Notes, notes: Notes) -> float:
    """Return the F1 of sounding pitches on a grid of 10 ms, over all frames of a piece.

    Equal to the F1 from precision and recall of `mir_eval.multipitch.metrics`, which takes minutes.
    """
    length = round(max(truth["offset"].max(), notes["offset"].max()) / FRAME_HOP) + 1
    first, second = _roll(truth, length), _roll(notes, length)
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 0.0


def onset_lag(truth: Notes, notes: Notes) -> float | None:
    """Return the median of estimated minus true onset in s, over notes matched within 100 ms.

    None when no note matches.
    """
    if not len(truth) or not len(notes):
        return None
    matched = transcription.match_notes(
        *_arguments(truth), *_arguments(notes), onset_tolerance=LAG_TOLERANCE, offset_ratio=None
    )
    lags = [float(notes["onset"][j] - truth["onset"][i]) for i, j in matched]
    return float(np.median(lags)) if lags else None


def shift(notes: Notes, seconds: float) -> Notes:
    """Return the notes moved by ``seconds``, none before 0."""
    moved = notes.copy()
    moved["onset"] = np.maximum(notes["onset"] + seconds, 0)
    moved["offset"] = np.maximum(notes["offset"] + seconds, moved["onset"] + 1e-3)
    return moved


def _arguments(notes: Notes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    intervals = np.stack((notes["onset"], notes["offset"]), axis=1)
    return intervals, midi_to_hz(notes["pitch"].astype(float))


def _roll(notes: Notes, frames: int) -> npt.NDArray[np.bool_]:
    roll = np.zeros((frames, 128), bool)
    starts = np.ceil(notes["onset"] / FRAME_HOP - 1e-9).astype(int)
    stops = np.ceil(notes["offset"] / FRAME_HOP - 1e-9).astype(int)
    for start, stop, pitch in zip(starts, stops, notes["pitch"], strict=True):
        roll[start:stop, pitch] = True
    return roll
