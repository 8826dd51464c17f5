"""Does a piece repeat itself? Stretches of 2 s that are found again elsewhere in it.

Levels of bands are counted from their mean over the stretch, and each frame from its mean over the
bands, so that a steady hiss is not like itself: what counts is the fine structure, which in real
noise never comes twice.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.soundscape.frames import Frames

Floats = npt.NDArray[np.float32]

STRETCH_SECONDS = 2.0
STRIDE = 4
"""Every fourth frame of a stretch is compared: windows that just touch. Places are a quarter of a
window apart, so that a stretch which comes again between two of them is still found."""
DEEPEST_DB = 60.0
LEAST_CHANGE_DB = 0.5
MOST_STRETCHES = 900
"""Of half an hour all are searched for, of longer pieces so many, evenly spread."""
PLACES = 1 << 11
"""Places compared at once; bounds the memory to about 40 MB."""


@dataclass(frozen=True)
class Repetition:
    """How alike the stretches of a piece are.

    Attributes
    ----------
    stretches : number that was searched for.
    highest : similarity of the most alike two, 1 for equal ones.
    first, second : s at which these begin.
    typical : median over the stretches of the similarity with the most alike other: near 1 where
        the whole piece is a loop.
    """

    stretch_seconds: float
    stretches: int
    highest: float
    first: float
    second: float
    typical: float


def find_repetition(piece: Frames) -> Repetition | None:
    """Search a piece for stretches that come again; None for one too short or without any change.

    Stretches that overlap or touch are not compared: between the beginnings are 4 s at least.
    """
    size = round(STRETCH_SECONDS / piece.hop)
    count = len(piece.levels) - size + 1
    if count <= 2 * size:
        return None
    floor = np.float32(piece.levels.max()) - DEEPEST_DB
    levels = np.maximum(piece.levels.astype(np.float32), floor)
    starts = np.arange(0, count, size)
    if len(starts) > MOST_STRETCHES:
        starts = starts[np.linspace(0, len(starts) - 1, MOST_STRETCHES).round().astype(int)]
    wanted = np.concatenate([_unit(levels[s : s + size], size) for s in starts])
    best = np.full(len(starts), -1.0, np.float32)
    place = np.zeros(len(starts), np.intp)
    for first in range(0, count, PLACES):
        found = wanted @ _unit(levels[first : first + PLACES + size - 1], size).T
        for row, start in enumerate(starts - first):
            if -2 * size < start < found.shape[1] + 2 * size:
                found[row, max(start - 2 * size + 1, 0) : max(start + 2 * size, 0)] = -1
        at = found.argmax(axis=1)
        value = found[np.arange(len(starts)), at]
        place = np.where(value > best, first + at, place)
        best = np.maximum(best, value)
    heard = (np.abs(wanted).max(axis=1) > 0) & (best > -1)
    if not heard.any():
        return None
    top = int(np.where(heard, best, -1).argmax())
    first, second = sorted((int(starts[top]), int(place[top])))
    return Repetition(
        stretch_seconds=STRETCH_SECONDS,
        stretches=int(heard.sum()),
        highest=float(best[top]),
        first=first * piece.hop,
        second=second * piece.hop,
        typical=float(np.median(best[heard])),
    )


def _unit(levels: Floats, size: int) -> Floats:
    """Return all stretches of levels (places, numbers), of unit norm; steady ones are zero."""
    stretches = np.lib.stride_tricks.sliding_window_view(levels, size, axis=0)[:, :, ::STRIDE]
    moved = stretches - stretches.mean(axis=2, keepdims=True)
    moved -= moved.mean(axis=1, keepdims=True)
    flat = moved.reshape(len(moved), -1)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    heard = norm > LEAST_CHANGE_DB * np.sqrt(flat.shape[1])
    return np.asarray(np.where(heard, flat / np.where(heard, norm, 1), 0), np.float32)
