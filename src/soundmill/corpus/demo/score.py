"""A score in beats, and its performance in seconds."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.corpus.demo.theory import BARS_A_PHRASE, Bar, Scale
from soundmill.notes import Notes, make_notes

TICK_SECONDS = 1 / 960
"""The grid of `soundmill.notes.write_midi`: times on it are the same in the file."""
LEAD_IN_SECONDS = 0.25
TIMING_SD_SECONDS = 0.006
VELOCITY_SD = 3.0
REPEAT_GAP_SECONDS = 0.02
"""Between the end of a note and the next onset of the same pitch."""
UNISON_SECONDS = 0.05
"""Onsets of one pitch nearer than this are one note: no ear or transcriber tells them apart."""


class Event(NamedTuple):
    """A note in beats from the start of the piece."""

    start: float
    length: float
    pitch: int
    velocity: float
    layer: int


@dataclass
class Score:
    """What a style writes into: bars to fill, and the notes so far."""

    bars: list[Bar]
    beats: int
    """Beats a bar."""
    scale: Scale
    rng: np.random.Generator
    events: list[Event] = field(default_factory=list)

    def add(
        self,
        bar: int,
        start: float,
        length: float,
        pitch: int,
        velocity: float,
        layer: int = 0,
    ) -> None:
        """Add a note: bar number, beats into the bar, beats, MIDI pitch, velocity, layer."""
        self.events.append(Event(bar * self.beats + start, length, pitch, velocity, layer))

    def bass(self, root: int) -> int:
        """Return the pitch of a chord's root below the other voices (E2 to D#3)."""
        return 40 + (self.scale.pitch(root) - 40) % 12


def perform(score: Score, tempo: float, layers: int) -> list[Notes]:
    """Play a score as a person would: small errors, breathing phrases, a slow end.

    Returns
    -------
    Notes of each layer, on the grid of MIDI ticks. One pitch never sounds twice at a time.
    """
    beat_times = _beat_times(score, tempo)
    beat_numbers = np.arange(len(beat_times))
    played = []
    for event in sorted(score.events):
        jitter = np.clip(score.rng.normal(0, TIMING_SD_SECONDS), -0.015, 0.015)
        ends = (event.start, event.start + event.length)
        onset, offset = np.interp(ends, beat_numbers, beat_times) + jitter
        velocity = event.velocity + _accent(score, event) + score.rng.normal(0, VELOCITY_SD)
        played.append([onset, offset, event.pitch, int(np.clip(velocity, 25, 112)), event.layer])
    played = untangle(played)
    return [_on_grid([note for note in played if note[4] == layer]) for layer in range(layers)]


def _beat_times(score: Score, tempo: float) -> npt.NDArray[np.float64]:
    """Return the time of each beat: phrases end a little slower, the piece a good deal."""
    total = len(score.bars) * score.beats
    seconds = np.full(total + score.beats, 60 / tempo)
    phrase = BARS_A_PHRASE * score.beats
    seconds[phrase - 1 :: phrase] *= 1.05
    seconds[total - 2 * score.beats :] *= np.linspace(1.02, 1.2, 3 * score.beats)
    return LEAD_IN_SECONDS + np.concatenate([[0], np.cumsum(seconds)])


def _accent(score: Score, event: Event) -> float:
    """Velocity by the place in the bar (first beat loudest) and in the phrase (an arch)."""
    beat = event.start % score.beats
    accent = 4 if beat == 0 else 0 if beat % 1 == 0 else -4
    phrase = BARS_A_PHRASE * score.beats
    return accent + 7 * float(np.sin(np.pi * (event.start % phrase) / phrase)) - 3


def untangle(played: list[list]) -> list[list]:
    """Merge unisons, and end a note before its pitch is struck again."""
    kept: list[list] = []
    sounding: dict[int, list] = {}
    for note in sorted(played):
        before = sounding.get(note[2])
        if before is not None and note[0] - before[0] < UNISON_SECONDS:
            before[1] = max(before[1], note[1])
            before[3] = max(before[3], note[3])
            continue
        if before is not None:
            before[1] = min(before[1], note[0] - REPEAT_GAP_SECONDS)
        sounding[note[2]] = note
        kept.append(note)
    return kept


def _on_grid(played: list[list]) -> Notes:
    columns = list(zip(*played, strict=True)) if played else [()] * 5
    onset, offset = (np.round(np.array(c) / TICK_SECONDS) * TICK_SECONDS for c in columns[:2])
    return make_notes(onset, np.maximum(offset, onset + TICK_SECONDS), columns[2], columns[3])
