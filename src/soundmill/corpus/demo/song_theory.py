"""Chords by Roman numerals, progressions and scales of `demo:songs`."""

import re
from typing import NamedTuple

from soundmill.corpus.demo.theory import Scale, lead_voices

PITCH_CLASSES = {
    "C": 0, "Db": 1, "C#": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "Gb": 6, "G": 7,
    "Ab": 8, "A": 9, "Bb": 10, "B": 11,
}  # fmt: skip
NUMERALS = {
    "I": 0, "bII": 1, "II": 2, "bIII": 3, "III": 4, "IV": 5, "V": 7, "bVI": 8, "VI": 9,
    "bVII": 10, "VII": 11,
}  # fmt: skip
QUALITIES = {
    "": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "m7b5": (0, 3, 6, 10),
}  # fmt: skip
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "major blues": (0, 2, 3, 4, 7, 9),
}
LOWEST_BASS = 28
"""E1, the lowest string of a bass."""


class Key(NamedTuple):
    """A tonic and a mode."""

    tonic: int
    """Pitch class, 0 is C."""
    mode: str
    """major or minor."""


class Chord(NamedTuple):
    """A chord: its root as a pitch class and its tones as semitones above it."""

    root: int
    tones: tuple[int, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes of the tones, root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)


def parse_key(key: str) -> Key:
    """Read a key such as "F# minor"."""
    tonic, mode = key.split()
    return Key(PITCH_CLASSES[tonic], mode)


def parse_chord(numeral: str, tonic: int) -> Chord:
    """Read a chord such as "bVII", "IIm7" or "Imaj7" in a key."""
    match = re.fullmatch(r"(b?(?:VII|VI|V|IV|III|II|I))(.*)", numeral)
    if match is None or match[2] not in QUALITIES:
        raise ValueError(f"{numeral!r} is not a chord in Roman numerals")
    return Chord((tonic + NUMERALS[match[1]]) % 12, QUALITIES[match[2]])


def parse_progression(text: str, tonic: int) -> list[tuple[Chord, ...]]:
    """Read the chords of each bar: bars are parted by spaces, the halves of a bar by a comma."""
    return [tuple(parse_chord(part, tonic) for part in bar.split(",")) for bar in text.split()]


def bass_pitch(pitch_class: int) -> int:
    """Return a pitch class as a pitch of the lowest octave of a bass (E1 to D#2)."""
    return LOWEST_BASS + (pitch_class - LOWEST_BASS) % 12


def voice_chord(
    chord: Chord, previous: tuple[int, ...] | None, *, low: int, high: int, voices: int
) -> tuple[int, ...]:
    """Voice a chord near the one before; see `soundmill.corpus.demo.theory.lead_voices`."""
    tones = Scale(chord.root, chord.tones)  # a scale of nothing but the chord's tones
    return lead_voices(tones, range(len(chord.tones)), previous, low=low, high=high, voices=voices)


def nearest_pitch(pitch: float, classes: tuple[int, ...]) -> int:
    """Return the pitch nearest to ``pitch`` that is one of the pitch classes."""
    around = range(round(pitch) - 7, round(pitch) + 8)
    return min((p for p in around if p % 12 in classes), key=lambda p: (abs(p - pitch), p))
