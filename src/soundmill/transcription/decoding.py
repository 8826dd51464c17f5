"""From posteriorgrams to notes: Basic Pitch's note decoding, rewritten to be fast.

The method is that of Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note
Transcription and Multipitch Estimation" (ICASSP 2022, section 2.3), as the basic-pitch package
does it: every onset peak becomes a note that lasts until the frame activation of its pitch stays
below a threshold; then what activation is left, strongest first, becomes notes without an onset
peak (the "melodia trick"). With `package_options` the notes are the package's own, note for note;
`repeat_threshold` and the limits of notes without an onset are additions.

It is fast because activity is kept as one byte string a pitch, where the end of a note is a
substring search, and because the strongest remaining cell comes from one sort instead of a
maximum over all cells for each note.
"""

import numpy as np
import numpy.typing as npt

from soundmill.transcription.options import TranscriberOptions

LOWEST_PITCH = 21
PITCHES = 88
REPEAT_FRAMES = 3
"""A pitch active so many frames before an onset peak sounded already: onsets are 2 frames wide."""

FRAME_NOTE = np.dtype([("start", "i8"), ("end", "i8"), ("pitch", "u1"), ("amplitude", "f4")])
"""A note in frames: start, end (exclusive), MIDI pitch, mean frame activation (0 to 1)."""

Posteriorgram = npt.NDArray[np.float32]
FrameNotes = npt.NDArray[np.void]
Found = tuple[int, int, int]


def decode_notes(
    frame: Posteriorgram, onset: Posteriorgram, options: TranscriberOptions
) -> FrameNotes:
    """Decode one stretch of posteriorgrams.

    Parameters
    ----------
    frame, onset : float32, shape (frames, 88), probabilities that a pitch sounds / begins.
    options : thresholds, shortest note, pitch range and which of the two passes to make.

    Returns
    -------
    Notes as `FRAME_NOTE`, sorted by start, then pitch.
    """
    frame, onset = _limit_pitch(frame, options), _limit_pitch(onset, options)
    threshold = np.float64(options.frame_threshold)  # float64, else NumPy compares in float32
    active = [bytearray(column) for column in (frame >= threshold).T.copy()]
    gap = bytes(options.release_frames)
    shortest = options.shortest_note_frames
    found = _from_onsets(_onset_peaks(frame, onset, options), active, gap, shortest, len(frame))
    if options.melodia_trick:
        candidates = _strongest_first(frame, active, np.float64(options.sustained_threshold))
        shortest = options.shortest_sustained_frames
        found += _from_activation(candidates, active, gap, shortest, len(frame))
    notes = np.array(
        [(a, b, p + LOWEST_PITCH, frame[a:b, p].mean()) for a, b, p in found], FRAME_NOTE
    )
    return notes[np.lexsort((notes["pitch"], notes["start"]))]


def infer_onsets(frame: Posteriorgram, onset: Posteriorgram) -> npt.NDArray[np.float64]:
    """Return the larger of ``onset`` and the rise of ``frame`` over one and two frames.

    The rise is scaled to the maximum of ``onset``. The first two frames infer nothing.
    """
    inferred, exact = onset.astype(np.float64), frame.astype(np.float64)
    rise = exact[2:] - np.maximum(exact[1:-1], exact[:-2])
    largest = rise.max(initial=0.0)
    if largest > 0:
        np.maximum(inferred[2:], float(onset.max()) * rise / largest, out=inferred[2:])
    return inferred


def _limit_pitch(activation: Posteriorgram, options: TranscriberOptions) -> Posteriorgram:
    low, high = options.lowest_pitch - LOWEST_PITCH, options.highest_pitch - LOWEST_PITCH + 1
    if low <= 0 and high >= PITCHES:
        return activation
    limited = np.zeros_like(activation)
    limited[:, max(low, 0) : high] = activation[:, max(low, 0) : high]
    return limited


def _onset_peaks(
    frame: Posteriorgram, onset: Posteriorgram, options: TranscriberOptions
) -> npt.NDArray[np.int64]:
    """Return (time, pitch) rows of strict local maxima in time, last first."""
    strength = infer_onsets(frame, onset) if options.infer_onsets else onset
    inner = strength[1:-1]
    time, pitch = np.nonzero(inner >= np.float64(options.onset_threshold))
    value = inner[time, pitch]
    peak = (value > strength[time, pitch]) & (value > strength[time + 2, pitch])
    time, pitch, value = time[peak] + 1, pitch[peak], value[peak]
    if options.repeat_threshold > options.onset_threshold:
        sounding = frame[np.maximum(time - REPEAT_FRAMES, 0), pitch] >= options.frame_threshold
        kept = ~sounding | (value >= options.repeat_threshold)
        time, pitch = time[kept], pitch[kept]
    return np.stack((time, pitch), axis=1)[::-1]


def _from_onsets(
    peaks: npt.NDArray[np.int64], active: list[bytearray], gap: bytes, shortest: int, frames: int
) -> list[Found]:
    """Follow each onset until its pitch is inactive for ``gap``; the cells used become inactive.

    Later onsets come first, so that a repeated note ends where the next one begins.
    """
    found = []
    last = frames - 1  # as in the package, the last frame is never looked at
    for start, pitch in peaks.tolist():
        if start >= last:
            continue
        end = _end_of_activity(active[pitch], start + 1, last, gap)
        if end - start <= shortest:
            continue
        _use_up(active, pitch, start, end)
        found.append((start, end, pitch))
    return found


def _strongest_first(
    frame: Posteriorgram, active: list[bytearray], threshold: np.float64
) -> npt.NDArray[np.int64]:
    """Return (time, pitch) rows of active cells above the threshold, strongest (earliest) first."""
    alive = np.stack([np.frombuffer(column, np.uint8) for column in active], axis=1).view(bool)
    time, pitch = np.nonzero(alive & (frame > threshold))
    order = np.argsort(-frame[time, pitch], kind="stable")
    return np.stack((time[order], pitch[order]), axis=1)


def _from_activation(
    candidates: npt.NDArray[np.int64],
    active: list[bytearray],
    gap: bytes,
    shortest: int,
    frames: int,
) -> list[Found]:
    """Grow a note in both directions from each cell that no earlier note has used."""
    found = []
    last = frames - 1
    for middle, pitch in candidates.tolist():
        column = active[pitch]
        if not column[middle]:
            continue
        column[middle] = 0
        ahead = column.find(gap, middle + 1, last)
        end = max(_end_of_activity(column, middle + 1, last, gap) - 1, middle)
        behind = column.rfind(gap, 1, middle)
        first = column.find(1, max(behind, 1), middle)
        start = first if first >= 0 else middle
        used_until = last if ahead < 0 else ahead + len(gap)
        for begin, stop in ((max(behind, 1), middle), (middle + 1, used_until)):
            if stop > begin:
                _use_up(active, pitch, begin, stop)
        if end - start > shortest:
            found.append((start, end, pitch))
    return found


def _end_of_activity(column: bytearray, start: int, last: int, gap: bytes) -> int:
    """Return the frame after the last active one before a gap, looking from ``start``."""
    end = column.find(gap, start, last)
    if end >= 0:
        return end
    return max(column.rfind(1, start, last) + 1, start)


def _use_up(active: list[bytearray], pitch: int, start: int, end: int) -> None:
    """Make a note's cells inactive, and its neighbours': a semitone away, it leaks."""
    for leaked in (pitch - 1, pitch, pitch + 1):
        if 0 <= leaked < PITCHES:
            active[leaked][start:end] = bytes(end - start)
