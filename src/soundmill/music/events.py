"""Notes to performance events and back, on one cumulative 10 ms grid.

The events are those of `soundmill.music.vocabulary`. Every onset and offset is rounded on its own
from the start of the piece, never from the event before, so errors do not add up: no onset moves by
more than 5 ms, however long the piece.

One key cannot sound twice at once. Where notes of one pitch overlap on the grid,

- notes that begin on the same step become one, with the later offset and the higher velocity;
- a note struck while its pitch sounds ends the sounding one, and sounds on until the later offset
  of the two. So every onset is kept, and each pitch sounds exactly as long as before.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.music.vocabulary import (
    END,
    NOTE_OFF,
    NOTE_ON,
    PITCHES,
    SIZE,
    SPECIAL,
    STEPS_PER_SECOND,
    TIME_SHIFT,
    TIME_SHIFTS,
    VELOCITY,
    VELOCITY_BINS,
)
from soundmill.notes import NOTE, Notes, make_notes

BIN_SIZE = 4
"""Velocities a bin; note-seq rounds 127 / 32 up."""
DEFAULT_VELOCITY = 64
"""For notes before the first velocity event, which only a damaged sequence has."""

Tokens = npt.NDArray[np.int16]
Integers = npt.NDArray[np.int64]


class Steps(NamedTuple):
    """Notes on the grid, sorted by onset, then pitch; one entry a note in each array."""

    onset: Integers
    offset: Integers
    pitch: Integers
    bin: Integers


class Faults(NamedTuple):
    """How many events of a token sequence were impossible, and what became of them."""

    unknown: int
    """Tokens outside the vocabulary, ignored."""
    orphan_offs: int
    """Note-offs of a pitch that did not sound, ignored."""
    zero_length: int
    """Notes that end on the step on which they begin, left out."""
    hanging: int
    """Notes without a note-off, ended with the last event (at least one step long)."""


def quantise(notes: Notes) -> Steps:
    """Put notes on the 10 ms grid; no note is shorter than one step.

    Overlaps within a pitch are settled by the rule of this module.
    """
    onset = _round(notes["onset"])
    offset = np.maximum(_round(notes["offset"]), onset + 1)
    pitch = notes["pitch"].astype(np.int64)
    order = np.lexsort((onset, pitch))
    onset, offset, pitch = onset[order], offset[order], pitch[order]
    velocity = notes["velocity"][order].astype(np.int64)

    first = np.ones(len(notes), bool)
    first[1:] = (np.diff(onset) != 0) | (np.diff(pitch) != 0)
    starts = np.flatnonzero(first)
    if len(starts):
        offset = np.maximum.reduceat(offset, starts)
        velocity = np.maximum.reduceat(velocity, starts)
        onset, pitch = onset[starts], pitch[starts]
        # pitches ascend: a span above every offset keeps the running maximum inside its pitch
        span = pitch * (int(offset.max()) + 1)
        offset = np.maximum.accumulate(offset + span) - span
        same = np.flatnonzero(np.diff(pitch) == 0)
        offset[same] = np.minimum(offset[same], onset[same + 1])

    order = np.lexsort((pitch, onset))
    bins = (np.clip(velocity, 1, BIN_SIZE * VELOCITY_BINS) - 1) // BIN_SIZE + 1
    return Steps(onset[order], offset[order], pitch[order], bins[order])


def encode(notes: Notes) -> Tokens:
    """Return the events of a piece, without start and end tokens.

    Silence before the first note is kept; silence after the last is not.

    Returns
    -------
    int16 array (events,) of token ids.
    """
    steps = quantise(notes)
    count = len(steps.onset)
    number = np.tile(np.arange(count), 2)
    is_off = np.repeat([False, True], count)
    time = np.concatenate((steps.onset, steps.offset))
    order = np.lexsort((is_off, number, time))  # note-seq's order of simultaneous events
    number, is_off, time = number[order], is_off[order], time[order]

    delta = np.diff(time, prepend=0)
    shifts = -(-delta // TIME_SHIFTS)
    # events hold the onsets in note order, so the note before is the onset before
    louder = np.diff(steps.bin, prepend=0) != 0
    has_velocity = ~is_off & louder[number]
    ends = np.cumsum(shifts + has_velocity + 1)
    tokens = np.full(ends[-1] if count else 0, TIME_SHIFT + TIME_SHIFTS - 1, np.int16)
    last = ends - 1
    tokens[last] = np.where(is_off, NOTE_OFF, NOTE_ON) + steps.pitch[number]
    tokens[last[has_velocity] - 1] = VELOCITY + steps.bin[number[has_velocity]] - 1
    # all shifts of a gap are full ones but the last
    moved = shifts > 0
    rest = (delta - (shifts - 1) * TIME_SHIFTS)[moved]
    tokens[(last - has_velocity)[moved] - 1] = TIME_SHIFT + rest - 1
    return tokens


def decode(tokens: npt.ArrayLike) -> Notes:
    """Return the notes of an event sequence; impossible events are passed over.

    See `decode_checked` for what counts as impossible.
    """
    return decode_checked(tokens)[0]


def decode_checked(tokens: npt.ArrayLike) -> tuple[Notes, Faults]:
    """Return the notes of an event sequence and a count of its impossible events.

    Pad and start tokens are skipped, an end token ends the piece. A note-on of a sounding pitch
    ends the sounding note. Velocities are the lowest of their bin, as in note-seq.
    """
    codes = np.asarray(tokens, np.int64).ravel()
    ends = np.flatnonzero(codes == END)
    codes = codes[: ends[0]] if len(ends) else codes
    known = (codes >= 0) & (codes < SIZE)
    unknown = int((~known).sum())
    codes = codes[known & (codes >= SPECIAL)]

    is_shift = (codes >= TIME_SHIFT) & (codes < VELOCITY)
    time = np.cumsum(np.where(is_shift, codes - TIME_SHIFT + 1, 0))
    bins = _fill_forward(np.where(codes >= VELOCITY, codes - VELOCITY + 1, 0))
    velocity = np.where(bins > 0, 1 + (bins - 1) * BIN_SIZE, DEFAULT_VELOCITY)

    events = np.flatnonzero(codes < TIME_SHIFT)
    pitch = (codes[events] - NOTE_ON) % PITCHES
    events = events[np.argsort(pitch, kind="stable")]
    pitch = (codes[events] - NOTE_ON) % PITCHES
    is_on = codes[events] < NOTE_OFF
    follows = np.zeros(len(events), bool)  # whether the next event is of the same pitch
    follows[:-1] = pitch[1:] == pitch[:-1]
    after_on = np.zeros(len(events), bool)
    after_on[1:] = is_on[:-1] & follows[:-1]

    onset = time[events]
    offset = np.empty_like(onset)
    offset[:-1] = onset[1:]
    hanging = is_on & ~follows
    final = time[-1] if len(time) else 0
    offset[hanging] = np.maximum(final, onset[hanging] + 1)
    kept = is_on & (offset > onset)
    notes = make_notes(
        onset[kept] / STEPS_PER_SECOND,
        offset[kept] / STEPS_PER_SECOND,
        pitch[kept],
        velocity[events[kept]],
    )
    faults = Faults(
        unknown=unknown,
        orphan_offs=int((~is_on & ~after_on).sum()),
        zero_length=int((is_on & ~kept).sum()),
        hanging=int(hanging.sum()),
    )
    return notes, faults


def transpose(notes: Notes, semitones: int, lowest: int = 0, highest: int = 127) -> Notes | None:
    """Return the notes moved by ``semitones``, or None when one would leave the range.

    Notes that lie outside the range already forbid every shift but 0.
    """
    if semitones == 0 or len(notes) == 0:
        return notes
    pitch = notes["pitch"].astype(int) + semitones
    if pitch.min() < lowest or pitch.max() > highest:
        return None
    moved = notes.copy()
    moved["pitch"] = pitch
    return moved


def stretch(notes: Notes, factor: float) -> Notes:
    """Return the notes with all times multiplied by ``factor``."""
    stretched = notes.astype(NOTE)
    stretched["onset"] *= factor
    stretched["offset"] *= factor
    return stretched


def _round(seconds: npt.NDArray[np.float64]) -> Integers:
    return np.floor(seconds * STEPS_PER_SECOND + 0.5).astype(np.int64)


def _fill_forward(values: Integers) -> Integers:
    """Replace each 0 by the last value before it that is not 0."""
    held = np.maximum.accumulate(np.where(values > 0, np.arange(len(values)), 0))
    return values[held]
