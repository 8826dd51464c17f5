"""Shards: the pieces of a corpus as event sequences, split and ready for training.

A shard is a TFRecord file of ``tf.train.Example`` messages with the features ``tokens`` (int64,
start and end included), ``id`` and ``recording`` (bytes), ``transpose`` (int64) and ``stretch``
(float).
"""

import bisect
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError
from soundmill.music.examples import decode_example, encode_example
from soundmill.records import RecordFile, find_shards


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece of a split, or one augmented copy of it.

    Attributes
    ----------
    id : the recording's id, for copies followed by what was done (``rain+2x0.95``).
    recording : the id of the recording in the corpus.
    transpose : semitones.
    stretch : factor on all durations.
    tokens : event tokens (events,), the first START, the last END.
    """

    id: str
    recording: str
    transpose: int
    stretch: float
    tokens: npt.NDArray[np.int16]

    def to_bytes(self) -> bytes:
        """Serialise the piece as an Example."""
        return encode_example(
            {
                "id": self.id.encode(),
                "recording": self.recording.encode(),
                "transpose": np.array([self.transpose]),
                "stretch": np.array([self.stretch]),
                "tokens": self.tokens,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Piece":
        """Read a piece from an Example."""
        features = decode_example(data)
        try:
            return cls(
                id=bytes(features["id"]).decode(),
                recording=bytes(features["recording"]).decode(),
                transpose=int(features["transpose"][0]),
                stretch=round(float(features["stretch"][0]), 6),  # kept with 32 bits
                tokens=np.asarray(features["tokens"], np.int16),
            )
        except (KeyError, IndexError) as error:
            raise InputError(f"the Example has no feature {error}: it is not a piece") from error


class ShardReader:
    """Random access to the pieces of one split, in the order of the shards.

    It keeps no open file, so it may be pickled and shared between processes and threads.

    Parameters
    ----------
    folder : the folder written by `soundmill.music.sharding.build_shards`.
    split : "train", "valid" or "test".

    Raises
    ------
    InputError
        When shards are missing or damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], split: str) -> None:
        self._files = [RecordFile(path) for path in find_shards(folder, split)]
        self._ends = list(itertools.accumulate(len(file) for file in self._files))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: int) -> Piece:
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} pieces, there is no {number}")
        number %= len(self)
        shard = bisect.bisect_right(self._ends, number)
        file = self._files[shard]
        record = number - self._ends[shard] + len(file)
        data = file[record]
        try:
            return Piece.from_bytes(data)
        except InputError as error:
            raise InputError(f"{file.path}, record {record}: {error}") from error

    def __iter__(self) -> Iterator[Piece]:
        return (self[number] for number in range(len(self)))
