"""The sound a model has learned from, to search for copies in."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from soundmill.audio.files import Samples
from soundmill.seeds import derive
from soundmill.soundscape.recordings import read_recordings
from soundmill.status import read_table

PIECE_SECONDS = 60.0
OVERLAP_SECONDS = 2.0
"""Pieces read after one another overlap, so that a patch across their ends is found."""


class TrainingSound:
    """The training parts of the recordings, or as much of each as a limit leaves.

    Parameters
    ----------
    table : ``recordings.csv``.
    most : s in all; where there is more, the same share of each part from a place drawn by
        ``seed``.
    sample_rate, channels : of what is wanted; recordings at another rate are resampled.

    Attributes
    ----------
    searched, available : s of training sound that is given, and that there is.
    """

    def __init__(
        self, table: Path, most: float, sample_rate: int, channels: int, seed: int
    ) -> None:
        self._recordings = read_recordings(table, "train")
        self._rate, self._channels, self._seed = sample_rate, channels, seed
        self.available = sum(r.frames / r.sample_rate for r in self._recordings)
        self.searched = min(most, self.available)

    def __iter__(self) -> Iterator[Samples]:
        """Yield samples (channels, n) in pieces of a minute at most."""
        share = self.searched / self.available if self.available else 0.0
        for recording in self._recordings:
            count = round(share * recording.frames)
            random = np.random.default_rng(derive(self._seed, "searched", recording.id))
            first = int(random.integers(0, recording.frames - count + 1))
            step = round(PIECE_SECONDS * recording.sample_rate)
            more = round(OVERLAP_SECONDS * recording.sample_rate)
            for start in range(0, count, step):
                wanted = min(step + more, count - start)
                samples = recording.read(first + start, wanted, self._channels)
                if recording.sample_rate != self._rate:
                    samples = soxr.resample(samples.T, recording.sample_rate, self._rate).T
                yield np.ascontiguousarray(samples, np.float32)


def count_recordings(table: Path) -> tuple[dict[str, int], str | None]:
    """Return the recordings in each split, and what was held out.

    Returns
    -------
    The second is ``ends`` where a recording is both learned from and tested on, ``recordings``
    where none is, and None where nothing is tested on.
    """
    splits: dict[str, set[str]] = {"train": set(), "valid": set(), "test": set()}
    for row in read_table(table):
        splits.setdefault(row["split"], set()).add(row["id"])
    held_out = "ends" if splits["train"] & splits["test"] else "recordings"
    counts = {split: len(found) for split, found in splits.items()}
    return counts, held_out if splits["test"] else None
