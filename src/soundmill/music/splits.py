"""Which piece goes to which split, so that nothing heard in training is tested.

Splits are drawn over groups of pieces with the same or nearly the same content: copies, the same
recording in another format, a transposed or slower version. Two pieces are near when they share
many figures of six notes, seen as pitch intervals. The share (Jaccard similarity) is estimated
from MinHash signatures, and candidates come from banding (Leskovec, Rajaraman and Ullman, "Mining
of Massive Datasets", chapter 3), so no two pieces far from each other are ever compared.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from soundmill.music.events import encode, quantise
from soundmill.notes import Notes

SPLITS = ("train", "valid", "test")
FIGURE = 6
"""Notes in a figure."""
BANDS, ROWS = 20, 3
"""Pairs of similarity .4 become candidates with probability .73, of .6 with .99."""

Hashes = npt.NDArray[np.uint64]


def content_hash(notes: Notes) -> str:
    """Return a SHA-256 of the events of a piece: equal for pieces no event tells apart."""
    return hashlib.sha256(encode(notes).astype("<i2").tobytes()).hexdigest()


def signature(notes: Notes) -> Hashes:
    """Return the MinHash signature (60,) of a piece's figures.

    It does not change when the piece is transposed, nor when its notes keep their order in time.
    """
    pitch = quantise(notes).pitch
    intervals = (np.diff(pitch) + 128).astype(np.uint64)
    if len(intervals) < FIGURE - 1:  # a piece shorter than a figure is one figure
        intervals = np.pad(intervals, (0, FIGURE - 1 - len(intervals)))
    windows = np.lib.stride_tricks.sliding_window_view(intervals, FIGURE - 1)
    figures = np.unique(windows @ (np.uint64(256) ** np.arange(FIGURE - 1, dtype=np.uint64)))
    keys = _mix(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64))
    return np.array([_mix(figures ^ key).min() for key in keys], np.uint64)


def group_pieces(signatures: Sequence[Hashes], similarity: float) -> list[list[int]]:
    """Return groups of piece numbers: pieces at least this similar are together, transitively."""
    groups = DisjointSet(range(len(signatures)))
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for number, own in enumerate(signatures):
        for band in range(BANDS):
            heads = bands[band, own[band * ROWS : (band + 1) * ROWS].tobytes()]
            near = [h for h in heads if np.mean(signatures[h] == own) >= similarity]
            for head in near:
                groups.merge(head, number)
            if not near:
                heads.append(number)
    return sorted(sorted(group) for group in groups.subsets())


def assign_splits(hashes: Mapping[int, str], valid: float, test: float) -> dict[int, str]:
    """Return the split of each group.

    A group's content hash puts it at a place between 0 and 1. The first ``test`` of that line is
    the test split, the next ``valid`` the validation split, the rest is for training: a group stays
    where it is when others are added. Only where a split would have no group at all, it takes the
    neighbour next in line.

    Parameters
    ----------
    hashes : group number to hexadecimal content hash; at least three groups.
    """
    if len(hashes) < len(SPLITS):
        raise ValueError("three groups or more are needed")
    places = {group: int(value[:16], 16) / 2**64 for group, value in hashes.items()}
    line = sorted(hashes, key=lambda group: hashes[group])
    tested = sum(place < test for place in places.values())
    held_out = sum(place < test + valid for place in places.values())
    tested = min(max(tested, 1), len(line) - 2)
    held_out = min(max(held_out, tested + 1), len(line) - 1)
    splits = ["test"] * tested + ["valid"] * (held_out - tested)
    splits += ["train"] * (len(line) - held_out)
    return dict(zip(line, splits, strict=True))


def _mix(x: Hashes) -> Hashes:
    """Scatter 64-bit numbers (the finaliser of SplitMix64)."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
