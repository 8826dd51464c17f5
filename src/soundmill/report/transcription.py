"""Figures of transcription: recordings as seen and as transcribed, and the scores."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.audio.files import read_audio
from soundmill.errors import InputError
from soundmill.notes import Notes, read_notes_csv
from soundmill.report.results import read_corpus
from soundmill.report.rolls import (
    HIGHEST,
    LOWEST,
    SAMPLE_RATE,
    draw_roll,
    draw_spectrum,
    pitch_range,
    set_axes,
    spectrum,
)
from soundmill.report.style import BLUE, GRID, INK, MUTED, canvas, save_figure
from soundmill.status import Row
from soundmill.transcription.evaluation import MIDI_SUFFIXES, read_truth

SHOWN_RECORDINGS = 3
SHOWN_SECONDS = 20.0


def plot_transcription(
    manifest: str | os.PathLike[str],
    wav: Path,
    midi: Path,
    output: str | os.PathLike[str],
    *,
    truth: Path | None = None,
    recordings: int = SHOWN_RECORDINGS,
    seconds: float = SHOWN_SECONDS,
) -> None:
    """Plot spectrogram, transcribed and (where known) true notes of a few recordings, as PNG.

    Parameters
    ----------
    wav, midi : folders of ``<bucket>/<id>.wav`` and ``<bucket>/<id>.csv``.
    truth : folder of .mid or .tsv files named like the recordings' original names; the notes of
        a recording that has none there are shown without truth.
    recordings : how many to show, spread evenly over the corpus in the order of their names.
    seconds : how much of each, from its beginning.
    """
    accepted = read_corpus(manifest).accepted
    # a silent or very short recording may have no note events: there is nothing to compare then
    with_notes = [row for row in accepted if _path(midi, row, ".csv").exists()]
    chosen = choose(with_notes, recordings)
    if not chosen:
        raise InputError(f"{midi} holds no transcription of a recording in {manifest}")
    with canvas(11, 0.4 + 3.3 * len(chosen)) as figure:
        grid = figure.subplots(len(chosen), 2, squeeze=False, sharey="row")
        for axes, row in zip(grid, chosen, strict=True):
            notes = read_notes_csv(_path(midi, row, ".csv"))
            known = find_truth(truth, row["source"]) if truth else None
            samples, _ = read_audio(_path(wav, row, ".wav"), sample_rate=SAMPLE_RATE)
            _plot_pair(axes, samples[0, : round(seconds * SAMPLE_RATE)], notes, known, row["id"])
        for axes in grid[-1]:
            axes.set_xlabel("time (min:s)")
        save_figure(figure, output)


def choose(rows: Sequence[Row], count: int) -> list[Row]:
    """Return at most ``count`` rows, spread evenly."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    return [rows[place] for place in places]


def find_truth(folder: Path, source: str) -> Notes | None:
    """Return the true notes of a recording, from the file in ``folder`` named like its own."""
    stem = Path(source).stem
    for suffix in (*MIDI_SUFFIXES, ".tsv"):
        if (folder / f"{stem}{suffix}").exists():
            return read_truth(folder / f"{stem}{suffix}")
    return None


def _path(folder: Path, row: Row, suffix: str) -> Path:
    return folder / row["bucket"] / f"{row['id']}{suffix}"


def _plot_pair(
    axes: Sequence[Any],
    samples: np.ndarray,
    notes: Notes,
    truth: Notes | None,
    title: str,
) -> None:
    """Draw the spectrogram on the left, the notes on the right: true ones as boxes."""
    left, right = axes
    seconds = max(len(samples) / SAMPLE_RATE, 0.1)
    everything = notes if truth is None else np.concatenate([notes, truth])
    low, high = pitch_range(everything[everything["onset"] < seconds])
    draw_spectrum(left, spectrum(samples))
    right.grid(axis="y")
    draw_roll(right, notes[notes["onset"] < seconds], BLUE)
    left.set_title(f"{title}: sound")
    if truth is None:
        right.set_title("transcribed notes (bars)")
    else:
        outline_roll(right, truth[truth["onset"] < seconds])
        right.set_title("transcribed notes (bars), true notes (outlines)")
    for each in axes:
        set_axes(each, max(low, LOWEST), min(high, HIGHEST), 0, seconds)
        each.tick_params(labelleft=True)
    left.set_ylabel("pitch")
    left.tick_params(color=GRID, labelcolor=INK)
    right.spines["left"].set_color(MUTED)


def outline_roll(axes: Any, notes: Notes) -> None:
    """Draw notes as outlines."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    boxes = [
        Rectangle((n["onset"], float(n["pitch"]) - 0.43), n["offset"] - n["onset"], 0.86)
        for n in notes
    ]
    axes.add_collection(PatchCollection(boxes, facecolor="none", edgecolor=INK, linewidth=0.9))
