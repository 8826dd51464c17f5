"""Melodies: a motif, its answers, its returns, its cadences."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from soundmill.corpus.demo.theory import Bar

RHYTHMS: dict[int, tuple[tuple[float, ...], ...]] = {
    4: ((1.5, 0.5, 2), (1, 1, 2), (2, 1, 1), (1, 0.5, 0.5, 2), (1.5, 0.5, 1, 1)),
    3: ((2, 1), (1, 1, 1), (1.5, 0.5, 1), (1, 0.5, 0.5, 1)),
}
"""Note lengths of one bar in beats, by beats a bar."""
ANCHORS = (0, 1, 2, 0)
"""How far, in degrees, each bar of a phrase starts above the melody's centre: an arch."""
TRIAD = (0, 2, 4)


class Tone(NamedTuple):
    """A note of a melody."""

    bar: int
    start: float
    """Beats into the bar."""
    length: float
    """Beats."""
    degree: int


class Motif(NamedTuple):
    """One bar of rhythm and a contour in scale steps from its first note."""

    rhythm: tuple[float, ...]
    contour: tuple[int, ...]


def make_motif(beats: int, rng: np.random.Generator) -> Motif:
    """Draw a motif: mostly steps, a leap now and then, turning back after it."""
    rhythm = RHYTHMS[beats][rng.integers(len(RHYTHMS[beats]))]
    contour, direction = [0], int(rng.choice((-1, 1)))
    for _ in rhythm[1:]:
        step = int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1)))
        contour.append(contour[-1] + direction * step)
        if step > 1 or rng.random() < 0.35:
            direction = -direction
    return Motif(rhythm, tuple(contour))


def make_melody(
    bars: Sequence[Bar],
    beats: int,
    rng: np.random.Generator,
    *,
    centre: int,
    allowed: Collection[int] | None = None,
) -> list[Tone]:
    """Write a melody over a form.

    Phrase B turns the contour of A upside down over another rhythm. Bar 2 of a phrase answers
    bar 1, bar 3 repeats it higher, bar 4 comes to rest; a repeated phrase ornaments its bar 3.

    Parameters
    ----------
    centre : degree around which it moves.
    allowed : degrees (0 to 6) for every note, such as a pentatonic scale; by default strong beats
        take chord tones and the others any degree.
    """
    first = make_motif(beats, rng)
    other = make_motif(beats, rng)
    inverted = Motif(other.rhythm, tuple(-step for step in _stretched(first.contour, other)))
    motifs = {"A": first, "B": inverted}
    tones: list[Tone] = []
    for index, bar in enumerate(bars):
        strong = [(bar.root + step) % 7 for step in TRIAD]
        if allowed is not None:
            strong = [degree for degree in allowed if degree in strong] or list(allowed)
        anchor = nearest(centre + ANCHORS[bar.position], strong)
        if bar.last:
            tones.append(Tone(index, 0, beats, nearest(tones[-1].degree, (0,))))
        elif bar.position == 3:
            half = beats / 2 if beats % 2 == 0 else 2
            tones.append(Tone(index, 0, half, anchor))
            tones.append(Tone(index, half, beats - half, nearest(anchor - 1, strong)))
        else:
            ornament = bar.position == 2 and bar.repeat % 2 == 1
            tones += _state(motifs[bar.letter], index, beats, anchor, strong, allowed, ornament)
    return tones


def _stretched(contour: Sequence[int], motif: Motif) -> tuple[int, ...]:
    """Read a contour with as many notes as another motif's rhythm has."""
    return tuple(contour[min(i, len(contour) - 1)] for i in range(len(motif.rhythm)))


def _state(
    motif: Motif,
    bar: int,
    beats: int,
    anchor: int,
    strong: Sequence[int],
    allowed: Collection[int] | None,
    ornament: bool,
) -> list[Tone]:
    """State a motif in one bar from a starting degree."""
    tones, start = [], 0.0
    for length, step in zip(motif.rhythm, motif.contour, strict=True):
        degree = anchor + step
        if start in (0, beats / 2):
            degree = nearest(degree, strong)
        elif allowed is not None:
            degree = nearest(degree, allowed)
        if ornament and length >= 1.5:  # an upper neighbour, then the note
            neighbour = degree + 1 if allowed is None else nearest(degree + 2, allowed)
            tones.append(Tone(bar, start, 0.5, neighbour))
            tones.append(Tone(bar, start + 0.5, length - 0.5, degree))
        else:
            tones.append(Tone(bar, start, length, degree))
        start += length
    return tones


def nearest(degree: int, allowed: Collection[int]) -> int:
    """Return the degree nearest to ``degree`` whose place in the scale is allowed."""
    return min(
        (other for other in range(degree - 7, degree + 8) if other % 7 in allowed),
        key=lambda other: (abs(other - degree), other),
    )
