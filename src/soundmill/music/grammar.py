"""The grammar of event sequences: which events may come next, for a batch of pieces at once.

Composed sequences are those that `soundmill.music.events.encode` could have written: gaps are full
shifts and then one rest, at one time note-offs (in any order) come before note-ons, note-ons rise
in pitch, and a velocity comes only before a note-on that needs it. So no note-off lacks its
note-on, no note has no length, no sounding note is struck again, and a piece ends when nothing
sounds. Limits taken from the corpus keep notes that the network forgot from sounding on and on.
"""

import itertools

import numpy as np
import numpy.typing as npt

from soundmill.music.events import BIN_SIZE
from soundmill.music.generation_options import GenerationOptions
from soundmill.music.limits import Limits
from soundmill.music.vocabulary import (
    END,
    NOTE_OFF,
    NOTE_ON,
    PAD,
    PITCHES,
    SIZE,
    STEPS_PER_SECOND,
    TIME_SHIFT,
    TIME_SHIFTS,
    VELOCITY,
    VELOCITY_BINS,
)

UNLIMITED = 2**40
Booleans = npt.NDArray[np.bool_]


class Grammar:
    """State of B pieces in the making.

    Feed the primer through `update`, then call `begin`, then alternate `allowed` and `update`.
    From `begin` on at least one event is always allowed, and every piece reaches its end.

    Parameters
    ----------
    batch : number of pieces, B.
    options : lengths and musical constraints; they bind new notes, not the primer's.
    limits : those of the corpus; where the options say something else, they count.
    """

    def __init__(
        self, batch: int, options: GenerationOptions, limits: Limits | None = None
    ) -> None:
        self.options = options
        limits = limits or Limits()
        seconds = options.max_note_seconds or limits.note_seconds
        steps = min(seconds * STEPS_PER_SECOND, UNLIMITED)
        self._longest = max(round(steps), 1)
        self._polyphony = options.max_polyphony or limits.polyphony
        self._pitch_ok = np.zeros(PITCHES, bool)
        self._pitch_ok[options.pitches()] = True
        low, high = ((velocity - 1) // BIN_SIZE + 1 for velocity in options.velocity_range)
        self._bin_ok = np.zeros(VELOCITY_BINS + 1, bool)
        self._bin_ok[low : high + 1] = True
        self._window, self._limit = _density_window(options.max_notes_per_second)

        self.sounding = np.zeros((batch, PITCHES), bool)
        self._struck = np.zeros((batch, PITCHES), np.int64)  # when it was struck, if it sounds
        self.time = np.zeros(batch, np.int64)
        self.done = np.zeros(batch, bool)
        self._used = np.zeros(batch, np.int64)  # events
        self._bin = np.zeros(batch, np.int64)  # 0: no velocity yet
        self._last_on = np.full(batch, -1)  # pitch of the last note-on at this time
        self._pending = np.zeros(batch, bool)  # a velocity waits for its note-on
        self._rested = np.zeros(batch, bool)  # the last event was a shift that was not full
        self._started = np.zeros(batch, bool)
        self._onsets = np.full((batch, self._limit), -UNLIMITED)  # ring of the latest onsets
        self._count = np.zeros(batch, np.int64)
        self.begin()

    def begin(self, time: int | None = None) -> None:
        """Count lengths from here.

        Parameters
        ----------
        time : step at which the primer ends; nothing happens before it. None: now.
        """
        self._begin = int(self.time.max()) if time is None else time
        self._used[:] = 0
        options = self.options
        seconds, events = options.seconds, options.events
        steps = UNLIMITED if seconds is None else max(round(seconds * STEPS_PER_SECOND), 1)
        self._steps = steps
        # the primer's sounding notes must be ended, however few events are asked for
        least = self.sounding.sum(1) + 4
        self._events = np.maximum(UNLIMITED if events is None else events, least)

    def allowed(self) -> Booleans:
        """Return which events may come next, (B, SIZE)."""
        sounding = self.sounding.sum(1)
        left = self._events - self._used
        last = self._begin + self._steps
        early = self.time < self._begin
        playable = self._pitch_ok & ~self.sounding
        playable &= np.arange(PITCHES) > self._last_on[:, None]
        # a new note needs a shift and a note-off after it, beside the note-offs that are due
        room = (left >= sounding + 3) & (self.time < last) & ~early & self._thin_enough()
        room &= sounding < self._polyphony
        # time may go on until the oldest note is due; then it ends before anything else happens
        due = self._due()
        overdue = (self.time >= due) & ~early
        playable &= (room & ~overdue)[:, None]
        rest = ~self._pending & ~early

        mask = np.zeros((len(self.time), SIZE), bool)
        on, off, shift, velocity = _views(mask)
        on[:] = playable & self._bin_ok[self._bin][:, None]
        velocity[:] = self._bin_ok[1:] & (np.arange(1, VELOCITY_BINS + 1) != self._bin[:, None])
        velocity &= (rest & playable.any(1) & (left >= sounding + 4))[:, None]
        off[:] = self.sounding & (rest & (self._last_on < 0))[:, None]
        progress = np.maximum((self.time - self._begin) / self._steps, self._used / self._events)
        over = (progress >= self.options.shortest) | (left < 4) | (self.time >= last)
        mask[:, END] = rest & self._started & (sounding == 0) & over

        after_rest = self._rested & mask.any(1)
        may_shift = ~self._pending & self._started & (left > sounding) & ~after_rest & ~overdue
        length = np.arange(1, TIME_SHIFTS + 1)
        reached = self.time[:, None] + length
        shift[:] = may_shift[:, None] & (reached <= last)
        shift &= (reached <= due[:, None]) | early[:, None]
        shift &= (reached >= self._begin) | (length == TIME_SHIFTS)
        mask[self.done] = False
        mask[self.done, PAD] = True
        return mask

    def update(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of one more event for each piece, (B,)."""
        rows = np.arange(len(tokens))
        is_on = (tokens >= NOTE_ON) & (tokens < NOTE_OFF)
        is_off = (tokens >= NOTE_OFF) & (tokens < TIME_SHIFT)
        is_shift = (tokens >= TIME_SHIFT) & (tokens < VELOCITY)
        is_velocity = tokens >= VELOCITY
        pitch = np.where(is_on | is_off, (tokens - NOTE_ON) % PITCHES, 0)
        shift = np.where(is_shift, tokens - TIME_SHIFT + 1, 0)

        self.sounding[rows[is_on], pitch[is_on]] = True
        self.sounding[rows[is_off], pitch[is_off]] = False
        self._struck[rows[is_on], pitch[is_on]] = self.time[is_on]
        self._onsets[rows[is_on], self._count[is_on] % self._limit] = self.time[is_on]
        self._count += is_on
        self._started |= is_on
        self._used += ~self.done & (self.time >= self._begin)
        self.time += shift
        self._last_on = np.where(is_on, pitch, np.where(is_shift, -1, self._last_on))
        self._bin = np.where(is_velocity, tokens - VELOCITY + 1, self._bin)
        self._pending = is_velocity
        self._rested = is_shift & (shift < TIME_SHIFTS)
        self.done |= tokens == END

    def longest_shift(self) -> npt.NDArray[np.int64]:
        """Return how many steps time may go on at once, (B,): 0 to 100."""
        ahead = np.minimum(self._due(), self._begin + self._steps) - self.time
        return np.where(self.time < self._begin, TIME_SHIFTS, np.clip(ahead, 0, TIME_SHIFTS))

    def _due(self) -> npt.NDArray[np.int64]:
        """Step by which the oldest sounding note must end, (B,)."""
        return np.where(self.sounding, self._struck, UNLIMITED).min(1) + self._longest

    def _thin_enough(self) -> Booleans:
        """Whether one more note keeps to the density, (B,)."""
        rows = np.arange(len(self.time))
        oldest = self._onsets[rows, self._count % self._limit]
        return self.time - oldest >= self._window


def _density_window(notes_per_second: float | None) -> tuple[int, int]:
    """Steps of a window and how many onsets it may hold."""
    if notes_per_second is None:
        return 0, 1
    seconds = max(1.0, 1.0 / notes_per_second)
    return round(seconds * STEPS_PER_SECOND), int(notes_per_second * seconds + 1e-9)


def _views(mask: Booleans) -> tuple[Booleans, Booleans, Booleans, Booleans]:
    """Views of the columns for note-on, note-off, time shift and velocity."""
    edges = (NOTE_ON, NOTE_OFF, TIME_SHIFT, VELOCITY, SIZE)
    on, off, shift, velocity = (mask[:, a:b] for a, b in itertools.pairwise(edges))
    return on, off, shift, velocity
