"""Valence and arousal of a song from its score, as listeners rate music by its structure.

The signs and the order of the weights follow the reviews and experiments on musical structure and
perceived emotion: major mode, fast tempo and high register sound happier; fast, loud, dense and
high music sounds more aroused (Gabrielsson & Lindstroem 2001, "The influence of musical structure
on emotional expression", in Music and Emotion, Oxford University Press). The cues add up without
much interaction and act about linearly, mode first for valence, then tempo and register (Eerola,
Friberg & Bresin 2013, "Emotional expression in music: contribution, linearity, and additivity of
primary musical cues", Frontiers in Psychology 4:487). The numbers themselves are chosen here, so
that the demo fills the middle of both scales; they are no listener's.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from soundmill.notes import Notes

VALENCE = {"mode": 0.7, "tempo": 0.8, "register": 0.5, "dynamics": 0.0, "density": 0.0}
AROUSAL = {"mode": 0.0, "tempo": 1.2, "register": 0.3, "dynamics": 0.6, "density": 0.9}
UNTUNED = ("drums", "bass")
"""Roles that say nothing about the register."""


class Cues(NamedTuple):
    """What of a song sounds happy or aroused; 0 is ordinary, about -1 to 1 is usual."""

    mode: float
    """1 is major, -1 is minor."""
    tempo: float
    """Octaves above 115 quarter notes a minute."""
    register: float
    """Octaves of the mean pitch above D4, drums and bass left out."""
    dynamics: float
    """Mean MIDI velocity above 82, in steps of 12."""
    density: float
    """Octaves of onsets a second above 12."""


def song_cues(key: str, tempo: float, tracks: Mapping[str, Notes]) -> Cues:
    """Measure the cues of a song.

    Parameters
    ----------
    key : such as "F# minor".
    tempo : quarter notes a minute.
    tracks : notes by role; at least one note in a role other than drums and bass.
    """
    tuned = np.concatenate([n["pitch"] for role, n in tracks.items() if role not in UNTUNED])
    velocity = np.concatenate([notes["velocity"] for notes in tracks.values()])
    onsets = np.concatenate([notes["onset"] for notes in tracks.values()])
    return Cues(
        mode=1.0 if key.endswith("major") else -1.0,
        tempo=math.log2(tempo / 115),
        register=(float(tuned.mean()) - 62) / 12,
        dynamics=(float(velocity.mean()) - 82) / 12,
        density=math.log2(len(onsets) / float(onsets.max()) / 12),
    )


def valence(cues: Cues) -> float:
    """Return how pleasant a song sounds, 0 to 1: a logistic curve over the weighted cues."""
    return _rate(cues, VALENCE)


def arousal(cues: Cues) -> float:
    """Return how excited a song sounds, 0 to 1: a logistic curve over the weighted cues."""
    return _rate(cues, AROUSAL)


def _rate(cues: Cues, weights: Mapping[str, float]) -> float:
    total = sum(weight * float(getattr(cues, name)) for name, weight in weights.items())
    return 1 / (1 + math.exp(-total))
