"""The longest run of notes that a piece shares with others: has the model copied?

A piece is read as a line of steps from one note to the next (by onset, then pitch): the interval,
and in the timed reading how much later the next note begins, in coarse steps. So a transposed copy
is a copy. The timed reading finds what was copied with its rhythm; the melodic one, intervals
alone, also finds copies whose timing wavers, and has longer runs by chance.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.music.events import quantise
from soundmill.music.vocabulary import STEPS_PER_SECOND
from soundmill.notes import Notes

Integers = npt.NDArray[np.int64]

BLOCK = 1 << 20
"""Steps searched at once: bounds the memory (about 100 MB), whatever the corpus."""
SEPARATOR = -1
"""Behind each line; stretches of a piece hold none, so no run crosses one."""
LONGEST_GAP = 255
"""Longer gaps between notes, in coarse steps, count as equal."""


class Line(NamedTuple):
    """A piece as a line: ``symbols`` (notes - 1,) and onsets in seconds (notes,)."""

    name: str
    symbols: Integers
    onset: npt.NDArray[np.float64]


class Run(NamedTuple):
    """The longest shared run of a piece: its notes, and where it begins here and there."""

    notes: int
    seconds: float
    name: str
    at_seconds: float


def make_line(name: str, notes: Notes, step_seconds: float | None) -> Line:
    """Read a piece as a line, timed in steps of ``step_seconds``, melodic when that is None."""
    steps = quantise(notes)
    symbols = np.diff(steps.pitch) + 128
    if step_seconds is not None:
        gaps = np.diff(steps.onset) / (step_seconds * STEPS_PER_SECOND)
        gaps = np.minimum(np.floor(gaps + 0.5), LONGEST_GAP).astype(np.int64)
        symbols = symbols * (LONGEST_GAP + 1) + gaps
    return Line(name, symbols, steps.onset / STEPS_PER_SECOND)


def longest_runs(pieces: Sequence[Line], references: Iterable[Line]) -> list[Run]:
    """Return for each piece the longest run of notes it shares with any of the references.

    The search is exact and takes N log N time in the number of notes; references are consumed
    block by block. A piece that shares nothing has a run of 0 notes.
    """
    best = [Run(0, 0.0, "", 0.0) for _ in pieces]
    for block in _blocks(references) if pieces else ():
        found = _search(pieces, block)
        best = [max(pair, key=lambda run: run.notes) for pair in zip(best, found, strict=True)]
    return best


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    block: list[Line] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line.symbols)
        if size >= BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _search(pieces: Sequence[Line], references: Sequence[Line]) -> list[Run]:
    """Search one block.

    ``levels[j]`` numbers every stretch of 2^j steps so that equal stretches have equal numbers
    (Karp, Miller and Rosenberg, 1972). A stretch of any length is two overlapping such ones.
    """
    lines = [*references, *pieces]
    lengths = np.array([len(line.symbols) for line in lines])
    starts = np.cumsum(lengths + 1) - lengths - 1
    text = np.concatenate([np.append(line.symbols, SEPARATOR) for line in lines])
    boundary = int(starts[len(references)])
    levels = _levels(text, boundary)
    runs = []
    for piece, start in zip(pieces, starts[len(references) :], strict=True):
        length, here, there = _longest(levels, boundary, int(start), len(piece.symbols))
        number = int(np.searchsorted(starts, there, side="right")) - 1
        reference = lines[number]
        runs.append(
            Run(
                length + 1 if length else 0,
                float(piece.onset[here - start]) if length else 0.0,
                reference.name if length else "",
                float(reference.onset[there - starts[number]]) if length else 0.0,
            )
        )
    return runs


def _levels(text: Integers, boundary: int) -> list[Integers]:
    """Name stretches of 1, 2, 4, ... steps, up to the longest that both sides share."""
    levels = [np.unique(text, return_inverse=True)[1]]
    while True:
        names, width = levels[-1], 1 << (len(levels) - 1)
        known = np.zeros(len(text), bool)
        known[names[:boundary]] = True
        if not known[names[boundary:]].any():
            return levels[:-1]
        pairs = names * len(text)
        pairs[:-width] += names[width:]
        pairs[-width:] = -1 - np.arange(min(width, len(text)))  # beyond the end nothing is equal
        levels.append(np.unique(pairs, return_inverse=True)[1])


def _longest(levels: list[Integers], boundary: int, start: int, count: int) -> tuple[int, int, int]:
    """Return length and both positions of the longest stretch of a piece found in a reference."""
    best = (0, 0, 0)
    for level in range(len(levels) - 1, -1, -1):
        low, high = 1 << level, (2 << level) - 1  # a hit at this level bounds the length
        while low <= high:
            length = (low + high + 1) // 2 if best[0] else low
            found = _match(levels[level], boundary, start, count, length, 1 << level)
            if found is None:
                high = length - 1
            else:
                best, low = (length, *found), length + 1
        if best[0]:
            break
    return best


def _match(
    names: Integers, boundary: int, start: int, count: int, length: int, width: int
) -> tuple[int, int] | None:
    """Return where a stretch of ``length`` (width to 2 width - 1) steps is in both, if anywhere."""
    if length > count:
        return None
    own = np.arange(start, start + count - length + 1)
    wanted = np.zeros(len(names), bool)
    wanted[names[own]] = True
    theirs = np.flatnonzero(wanted[names[:boundary]])
    keys = names[theirs] * len(names) + names[theirs + length - width]
    own_keys = names[own] * len(names) + names[own + length - width]
    found, _, where = np.intersect1d(own_keys, keys, return_indices=True)[:3]
    if not len(found):
        return None
    here = int(np.flatnonzero(own_keys == found[0])[0])
    return int(own[here]), int(theirs[where[0]])
