"""Windows of event sequences: random ones to learn from, all of them to judge by."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.errors import InputError
from soundmill.music.shards import ShardReader
from soundmill.music.vocabulary import PAD, SIZE

EVENTS_KEPT = 1 << 27
"""Events kept in memory, two bytes each; what is beyond is read again from its shard."""


class TrainingWindows:
    """Random windows of a split; each batch is a function of seed and step alone.

    So a resumed training needs no state of a sampler, and several devices agree on every batch.
    Pieces are drawn in proportion to their length. Windows may begin half a window before a piece
    and are then moved inside: else its first and last events, start and end, would be rare.

    Parameters
    ----------
    reader : pieces of the split.
    context : events the network sees; a window has one more, the last target.
    batch : windows a batch.
    seed : any integer.
    """

    def __init__(self, reader: ShardReader, context: int, batch: int, seed: int) -> None:
        self._context, self._batch, self._seed = context, batch, seed
        self._reader = reader
        self._kept: dict[int, npt.NDArray[np.int16]] = {}
        self.bigrams = np.zeros((SIZE, SIZE), np.int64)
        lengths: list[int] = []
        kept = 0
        for number in range(len(reader)):
            tokens = reader[number].tokens
            check_tokens(tokens)
            lengths.append(len(tokens))
            if kept + len(tokens) <= EVENTS_KEPT:
                self._kept[number] = tokens
                kept += len(tokens)
            np.add.at(self.bigrams, (tokens[:-1], tokens[1:]), 1)
        if sum(lengths) < 4:
            raise InputError(
                "there is no training piece with notes: check which recordings were accepted, how "
                "many notes the transcriber found, and the shares of the splits"
            )
        self.tokens = sum(lengths)
        self._ends = np.cumsum(lengths)

    def _read(self, number: int) -> npt.NDArray[np.int16]:
        tokens = self._kept.get(number)
        return self._reader[number].tokens if tokens is None else tokens

    def __getitem__(self, step: int) -> Tensor:
        """Return the batch of a step: int64 (batch, context + 1), padded behind with PAD."""
        random = np.random.default_rng([self._seed, step])
        windows = np.full((self._batch, self._context + 1), PAD, np.int64)
        for row in windows:
            number = int(np.searchsorted(self._ends, random.integers(self.tokens), side="right"))
            tokens = self._read(number)
            spare = max(len(tokens) - len(row), 0)
            margin = min(self._context // 2, spare)
            start = int(np.clip(random.integers(-margin, spare + margin + 1), 0, spare))
            part = tokens[start : start + len(row)]
            row[: len(part)] = part
        return torch.from_numpy(windows)


@dataclass(frozen=True)
class WindowBatch:
    """Windows (B, context + 1) padded with PAD, and the number of the piece each is from (B,)."""

    tokens: Tensor
    piece: npt.NDArray[np.int64]


def all_windows(reader: ShardReader, context: int, batch: int) -> Iterator[WindowBatch]:
    """Yield every event of a split once as a target, in windows that do not overlap.

    The first target of a window sees one event before it, the last one ``context`` events.
    """
    rows: list[npt.NDArray[np.int64]] = []
    pieces: list[int] = []
    for number in range(len(reader)):
        tokens = reader[number].tokens
        check_tokens(tokens)
        for start in range(0, max(len(tokens) - 1, 0), context):
            row = np.full(context + 1, PAD, np.int64)
            part = tokens[start : start + context + 1]
            row[: len(part)] = part
            rows.append(row)
            pieces.append(number)
            if len(rows) == batch:
                yield WindowBatch(torch.from_numpy(np.stack(rows)), np.array(pieces))
                rows, pieces = [], []
    if rows:
        yield WindowBatch(torch.from_numpy(np.stack(rows)), np.array(pieces))


def check_tokens(tokens: npt.NDArray[np.int16]) -> None:
    """Raise `InputError` when events do not belong to this vocabulary."""
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < SIZE:
        raise InputError(
            f"the shards hold event {tokens.max()}, this vocabulary ends at {SIZE - 1}: they were "
            "made by another version. Build the shards again."
        )
