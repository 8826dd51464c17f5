"""Crops of recordings as batches of samples, drawn the same on every machine."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from soundmill.seeds import derive
from soundmill.soundscape.conditions import Vocabulary
from soundmill.soundscape.recordings import Recording


class Batch(NamedTuple):
    """Samples (B, channels, n), mask (B, n) of what is sound, condition vectors (B, V)."""

    samples: Tensor
    mask: Tensor
    condition: Tensor


class Crops:
    """Random crops of recordings, and crops that cover them.

    Parameters
    ----------
    recordings : parts to draw from, longer ones more often: by the square root of their length.
    samples : length of a crop; shorter recordings are padded with silence, and masked.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        vocabulary: Vocabulary,
        channels: int,
        samples: int,
        seed: int,
    ) -> None:
        self.recordings, self.channels, self.samples, self.seed = (
            recordings, channels, samples, seed,
        )  # fmt: skip
        vectors = [vocabulary.vector(vocabulary.wish(r.labels)) for r in recordings]
        self.vectors = torch.from_numpy(np.stack(vectors)) if vectors else torch.zeros(0, 0)
        weights = np.array([math.sqrt(r.frames) for r in recordings])
        self._weights = weights / weights.sum() if len(weights) else weights

    def draw(self, count: int, *names: str, items: slice = slice(None)) -> Batch:
        """Return these items of a batch of random crops; the same names give the same ones."""
        random = np.random.default_rng(derive(self.seed, "crops", *names))
        chosen = random.choice(len(self.recordings), count, p=self._weights)
        starts = [
            int(random.integers(max(self.recordings[i].frames - self.samples, 0) + 1))
            for i in chosen
        ]
        return self.take(chosen.tolist()[items], starts[items])

    def cover(self, most: int) -> list[tuple[int, int]]:
        """Return (recording, first sample) of at most so many crops, spread over all of them."""
        lengths = [recording.frames for recording in self.recordings]
        apart = float(self.samples)
        counts = [max(1, round(length / apart)) for length in lengths]
        while sum(counts) > most and max(counts) > 1:  # further apart before leaving any one out
            apart *= 1.05
            counts = [max(1, round(length / apart)) for length in lengths]
        places = []
        for number, (length, count) in enumerate(zip(lengths, counts, strict=True)):
            last = max(length - self.samples, 0)
            places += [(number, round(last * k / max(count - 1, 1))) for k in range(count)]
        step = max(1.0, len(places) / most)
        return [places[int(k * step)] for k in range(min(most, len(places)))]

    def take(self, numbers: Sequence[int], starts: Sequence[int]) -> Batch:
        """Return the crops of these recordings that begin at these samples."""
        samples = np.zeros((len(numbers), self.channels, self.samples), np.float32)
        mask = np.zeros((len(numbers), self.samples), np.float32)
        for row, (number, first) in enumerate(zip(numbers, starts, strict=True)):
            crop = self.recordings[number].read(first, self.samples, self.channels)
            samples[row, :, : crop.shape[1]] = crop
            mask[row, : crop.shape[1]] = 1
        return Batch(torch.from_numpy(samples), torch.from_numpy(mask), self.vectors[numbers])
