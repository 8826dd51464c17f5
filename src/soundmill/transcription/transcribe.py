"""Recordings to notes by the transcriber that the options name."""

import bisect
import os
from typing import Protocol

import numpy as np

from soundmill.notes import Notes
from soundmill.transcription.basic_pitch import BasicPitch
from soundmill.transcription.options import TranscriberOptions
from soundmill.transcription.transkun import Transkun


class Transcriber(Protocol):
    """What transcribes a recording."""

    def transcribe(self, path: str | os.PathLike[str]) -> Notes:
        """Return the notes of a recording."""


def load_transcriber(options: TranscriberOptions, threads: int = 1) -> Transcriber:
    """Return the transcriber of ``options.method``, ready to use.

    Raises
    ------
    InputError
        When its package or model file is missing; the message holds the command to install it.
    """
    if options.method == "transkun":
        return Transkun(options, threads)
    return BasicPitch(options, threads)


def transcribe_file(
    path: str | os.PathLike[str],
    options: TranscriberOptions | None = None,
    *,
    transcriber: Transcriber | None = None,
    threads: int = 1,
) -> Notes:
    """Transcribe one recording of any format and length.

    Parameters
    ----------
    options : method, thresholds and limits.
    transcriber : from `load_transcriber`, to load a model once for many recordings.
    threads : processor threads, when the transcriber is loaded here; the notes do not depend on it.

    Raises
    ------
    InputError
        When the recording cannot be read or the model is missing.
    """
    options = options or TranscriberOptions()
    transcriber = transcriber or load_transcriber(options, threads)
    notes = transcriber.transcribe(path)
    inside = (notes["pitch"] >= options.lowest_pitch) & (notes["pitch"] <= options.highest_pitch)
    return limit_density(notes[inside], options.max_notes_per_second)


def limit_density(notes: Notes, limit: int | None) -> Notes:
    """Return the notes with at most ``limit`` onsets in any one second.

    The loudest stay (of equals the longest, then the earliest). None means no limit.
    """
    if limit is None:
        return notes
    length = notes["offset"] - notes["onset"]
    strongest = np.lexsort((notes["onset"], -length, -notes["velocity"].astype(int)))
    onsets: list[float] = []
    kept = np.zeros(len(notes), bool)
    for i in strongest:
        onset = float(notes["onset"][i])
        near = onsets[
            bisect.bisect_right(onsets, onset - 1) : bisect.bisect_left(onsets, onset + 1)
        ]
        if not _crowded(sorted([*near, onset]), limit):
            bisect.insort(onsets, onset)
            kept[i] = True
    return notes[kept]


def _crowded(onsets: list[float], limit: int) -> bool:
    """Tell whether more than ``limit`` sorted onsets lie within one second (shorter than 1 s)."""
    return any(last - first < 1 for first, last in zip(onsets, onsets[limit:], strict=False))
