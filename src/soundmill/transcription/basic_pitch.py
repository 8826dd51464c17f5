"""The basic_pitch transcriber: any instrument, any length, constant memory."""

import os
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import stream_audio
from soundmill.log import logger
from soundmill.notes import Notes, make_notes
from soundmill.transcription.decoding import FRAME_NOTE, FrameNotes, Posteriorgram, decode_notes
from soundmill.transcription.options import TranscriberOptions
from soundmill.transcription.posteriorgram import (
    AS_PACKAGE,
    HOP,
    REGULAR,
    SAMPLE_RATE,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    Samples,
    load_session,
    model_path,
    posteriorgrams,
)  # fmt: skip

STRETCH_FRAMES = round(15 * 60 * SAMPLE_RATE / HOP)
"""Longer recordings are decoded in stretches of 10 to 15 minutes, to bound memory."""
JOIN_FRAMES = 3
"""Decoding never looks at the first and last frames of a stretch."""

Stretch = tuple[Posteriorgram, Posteriorgram]


class BasicPitch:
    """Transcribe with the Basic Pitch model. One instance serves many files and threads.

    Parameters
    ----------
    options : thresholds and limits.
    threads : processor threads for one recording.

    Raises
    ------
    InputError
        When the model file is missing or damaged.
    """

    def __init__(self, options: TranscriberOptions, threads: int = 1) -> None:
        self.options = options
        self.framing = AS_PACKAGE if options.framing == "package" else REGULAR
        self.threads = threads
        self.session = load_session(model_path())

    def transcribe(self, path: str | os.PathLike[str]) -> Notes:
        """Return the notes of a recording, velocity from the mean activation (127 = certain).

        Raises
        ------
        InputError
            When the recording cannot be read.
        """
        counted = _Counted(stream_audio(path, sample_rate=SAMPLE_RATE), path)
        quietest = self.options.silence_dbfs
        silence = 0.0 if quietest is None else 10 ** (quietest / 20)
        chunks = posteriorgrams(
            counted, self.session, self.framing, silence=silence, threads=self.threads
        )
        notes = np.zeros(0, FRAME_NOTE)
        start = 0  # of the frames held
        held: list[Stretch] = []
        for chunk in chunks:
            held.append(chunk)
            if sum(len(frame) for frame, _ in held) > STRETCH_FRAMES:
                frame, onset = _joined(held)
                cut = _quietest_frame(frame)
                notes = join_stretches(notes, self._decode(frame[:cut], onset[:cut], start), start)
                # copies, since views would keep the whole stretch in memory
                held = [(frame[cut:].copy(), onset[cut:].copy())]
                start += cut
        if held:
            frame, onset = _joined(held)
            left = max(self._count_frames(counted.samples) - start, 0)
            notes = join_stretches(notes, self._decode(frame[:left], onset[:left], start), start)
        return self._in_seconds(notes)

    def _decode(self, frame: Posteriorgram, onset: Posteriorgram, start: int) -> FrameNotes:
        notes = decode_notes(frame, onset, self.options)
        notes["start"] += start
        notes["end"] += start
        return notes

    def _count_frames(self, samples: int) -> int:
        if self.framing is AS_PACKAGE:
            return samples * (SAMPLE_RATE // HOP) // SAMPLE_RATE
        return samples // HOP + 1

    def _in_seconds(self, notes: FrameNotes) -> Notes:
        seconds = package_seconds if self.framing is AS_PACKAGE else regular_seconds
        velocity = np.clip(np.rint(127 * notes["amplitude"]), 1, 127)
        return make_notes(seconds(notes["start"]), seconds(notes["end"]), notes["pitch"], velocity)


class _Counted:
    """Mono blocks of finite samples, counted as they pass."""

    def __init__(self, blocks: Iterable[Samples], path: str | os.PathLike[str]) -> None:
        self.blocks, self.path, self.samples = blocks, path, 0

    def __iter__(self) -> Iterator[Samples]:
        for block in self.blocks:
            self.samples += block.shape[1]
            if not np.isfinite(block).all():
                logger.warning("%s holds samples that are no numbers; taken as silence", self.path)
                block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            yield block[0]


def regular_seconds(frame: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the time of frames in seconds."""
    return frame.astype(np.float64) * (HOP / SAMPLE_RATE)


def package_seconds(frame: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the time of frames as basic-pitch 0.4.0 has it (`note_creation.model_frames_to_time`).

    Its windows really overlap by .7 frames more than it keeps, every 142 frames; it allows for
    that every 172 frames, with a constant that makes the mean right.
    """
    overlap = (WINDOW_FRAMES * HOP - WINDOW_SAMPLES) / SAMPLE_RATE + 0.0018
    return frame * (HOP / SAMPLE_RATE) - overlap * (frame // WINDOW_FRAMES)


def join_stretches(before: FrameNotes, after: FrameNotes, cut: int) -> FrameNotes:
    """Return the notes before and after a cut, those that the cut divides joined again.

    Parameters
    ----------
    cut : a frame. A note goes on when it ends within `JOIN_FRAMES` of the cut and its pitch starts
        as near; the amplitude is then the mean over both parts.
    """
    before = before.copy()
    reaching = np.nonzero(before["end"] >= cut - JOIN_FRAMES)[0]
    open_notes = {int(before["pitch"][i]): i for i in reaching}
    alone = np.ones(len(after), bool)
    for j in np.nonzero(after["start"] <= cut + JOIN_FRAMES)[0]:
        i = open_notes.pop(int(after["pitch"][j]), None)
        if i is None:
            continue
        lengths = before["end"][i] - before["start"][i], after["end"][j] - after["start"][j]
        amplitudes = before["amplitude"][i], after["amplitude"][j]
        before["amplitude"][i] = np.average(amplitudes, weights=lengths)
        before["end"][i] = after["end"][j]
        alone[j] = False
    return np.concatenate((before, after[alone]))


def _joined(held: list[Stretch]) -> Stretch:
    if len(held) == 1:
        return held[0]
    frame, onset = zip(*held, strict=True)
    return np.concatenate(frame), np.concatenate(onset)


def _quietest_frame(frame: Posteriorgram) -> int:
    """Return the frame of least activation in the last third, but not at its end."""
    first = 2 * len(frame) // 3
    return first + int(frame[first : len(frame) - WINDOW_FRAMES].sum(axis=1).argmin())
