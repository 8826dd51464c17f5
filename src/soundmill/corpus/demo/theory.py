"""Scales, chords, form and voice leading: what every piece of the demo corpus stands on."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MODES = {
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
}
PROGRESSIONS: dict[str, dict[str, tuple[tuple[int, ...], ...]]] = {
    "ionian": {"A": ((0, 5, 3, 4), (0, 4, 5, 3)), "B": ((3, 0, 3, 4), (5, 2, 3, 4))},
    "dorian": {"A": ((0, 3, 0, 6), (0, 2, 3, 6)), "B": ((2, 3, 6, 4), (3, 6, 2, 4))},
    "phrygian": {"A": ((0, 1, 0, 6), (0, 5, 6, 1)), "B": ((5, 6, 3, 1), (3, 2, 1, 6))},
    "lydian": {"A": ((0, 1, 0, 4), (0, 1, 5, 4)), "B": ((5, 1, 2, 4), (2, 5, 1, 4))},
    "mixolydian": {"A": ((0, 6, 3, 0), (0, 3, 6, 3)), "B": ((3, 6, 0, 4), (5, 3, 6, 4))},
    "aeolian": {"A": ((0, 5, 2, 6), (0, 3, 5, 6)), "B": ((5, 6, 0, 2), (3, 6, 2, 4))},
}
"""Roots of four bars, as degrees (0 = tonic); none stands on a mode's diminished triad."""
PLANS = {3: "ABA", 4: "AABA", 5: "AABBA", 6: "AABBAA"}
BARS_A_PHRASE = 4
TARGET_SECONDS = 46.0


@dataclass(frozen=True)
class Scale:
    """A mode on a tonic. Degree 0 is the tonic between E3 and D#4, degree 7 the one above."""

    tonic: int
    steps: tuple[int, ...]

    @classmethod
    def from_key(cls, key: str) -> "Scale":
        """Read a key such as "D dorian"."""
        tonic, mode = key.split()
        return cls(TONICS[tonic], MODES[mode])

    def pitch(self, degree: int) -> int:
        """Return the MIDI pitch of a degree, which may lie below 0 or above 6."""
        octave, step = divmod(degree, 7)
        return 52 + (self.tonic - 52) % 12 + 12 * octave + self.steps[step]

    def degree(self, pitch: int) -> int:
        """Return the highest degree at or below a MIDI pitch."""
        return max(degree for degree in range(-35, 70) if self.pitch(degree) <= pitch)

    @property
    def pentatonic(self) -> tuple[int, ...]:
        """The five degrees without semitones between them that suit the mode's third."""
        return (0, 1, 2, 4, 5) if self.steps[2] == 4 else (0, 2, 3, 4, 6)


class Bar(NamedTuple):
    """One bar of the form."""

    letter: str
    """Phrase it belongs to: A, B, or Z for the closing bar."""
    position: int
    """0 to 3 inside the phrase."""
    repeat: int
    """How often the letter came before."""
    root: int
    """Degree of the chord's root, 0 to 6."""
    progress: float
    """Place in the piece, 0 to 1."""
    last: bool
    """The piece comes to rest here."""


def make_form(mode: str, tempo: float, beats: int, rng: np.random.Generator) -> list[Bar]:
    """Lay out phrases of four bars (AABA and the like, 40 to 60 s) and a closing bar."""
    phrase_seconds = BARS_A_PHRASE * beats * 60 / tempo
    plan = PLANS[int(np.clip(round(TARGET_SECONDS / phrase_seconds), min(PLANS), max(PLANS)))]
    roots = {
        letter: options[rng.integers(len(options))]
        for letter, options in PROGRESSIONS[mode].items()
    }
    bars = []
    for number, letter in enumerate(plan):
        repeat = plan[:number].count(letter)
        for position in range(BARS_A_PHRASE):
            last = number == len(plan) - 1 and position == BARS_A_PHRASE - 1
            root = 0 if last else roots[letter][position]
            progress = (number + position / BARS_A_PHRASE) / len(plan)
            bars.append(Bar(letter, position, repeat, root, progress, last))
    return [*bars, Bar("Z", 0, 0, 0, 1.0, True)]


def lead_voices(
    scale: Scale,
    degrees: Sequence[int],
    previous: Sequence[int] | None,
    *,
    low: int,
    high: int,
    voices: int,
) -> tuple[int, ...]:
    """Voice a chord so that each voice moves as little as possible.

    Parameters
    ----------
    degrees : chord tones, any octave; each sounds at least once where voices allow.
    previous : MIDI pitches of the chord before, lowest first, or None.
    low, high : range of all voices, MIDI pitches.

    Returns
    -------
    MIDI pitches, lowest first, as many as ``voices``.
    """
    classes = {scale.pitch(degree) % 12 for degree in degrees}
    pool = [pitch for pitch in range(low, high + 1) if pitch % 12 in classes]
    complete = min(len(classes), voices)
    candidates = [
        chord
        for chord in itertools.combinations(pool, voices)
        if len({pitch % 12 for pitch in chord}) >= complete
    ]
    return min(candidates, key=lambda chord: _voicing_cost(chord, previous, (low + high) / 2))


def _voicing_cost(chord: tuple[int, ...], previous: Sequence[int] | None, centre: float) -> float:
    gaps = np.diff(chord)
    cost = 4.0 * np.sum(gaps < 2) + 0.5 * np.sum(np.maximum(gaps - 7, 0))
    cost += 0.3 * abs(float(np.mean(chord)) - centre)
    if previous is not None:
        moves = np.subtract(chord, previous)
        cost += float(np.sum(np.abs(moves))) + 3.0 * _parallels(chord, previous)
    return float(cost)


def _parallels(chord: tuple[int, ...], previous: Sequence[int]) -> int:
    """Count parallel fifths and octaves between two chords."""
    pairs = itertools.combinations(range(len(chord)), 2)
    return sum(
        (chord[j] - chord[i]) % 12 in (0, 7)
        and (previous[j] - previous[i]) % 12 == (chord[j] - chord[i]) % 12
        and chord[i] != previous[i]
        for i, j in pairs
    )
