"""Several names at once: each sounds as a layer of its own, with its share of the power.

The mean of two environments' latents would be an environment that nobody heard; rain and wind
together are rain, and wind.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from soundmill.soundscape.conditions import Floats, Script

LEAST = 1e-4
"""A share of the power below this is none."""


class Layer:
    """A script for one name of each category; what it says of circles is the whole script's.

    Parameters
    ----------
    choice : for each category of the vocabulary the number of its name, None where none is asked.
    """

    def __init__(self, script: Script, choice: Sequence[int | None]) -> None:
        self._script, self._choice = script, choice
        self.vocabulary = script.vocabulary

    def at(self, seconds: float) -> Floats:
        """Return the layer's condition vector (width,) at a time."""
        vector = self._script.at(seconds).copy()
        for (part, width), number in zip(_parts(self._script), self._choice, strict=True):
            vector[part : part + width] = 0
            if number is not None:
                vector[part + number] = vector[part + width - 1] = 1
        return vector

    def share(self, seconds: float) -> float:
        """Return the layer's share of the power at a time."""
        return self.share_of(self._script.at(seconds))

    def share_of(self, vector: Floats) -> float:
        """Return the layer's share of the power for a vector of the script."""
        product = 1.0
        for (part, width), number in zip(_parts(self._script), self._choice, strict=True):
            asked = float(vector[part + width - 1])
            product *= 1 - asked if number is None else float(vector[part + number])
        return product


def split_layers(script: Script) -> list[Layer]:
    """Return a layer for each combination of names that a script ever asks for."""
    choices: list[list[int | None]] = []
    for part, width in _parts(script):
        vectors = script.vectors[:, part : part + width]
        found: list[int | None] = [k for k in range(width - 1) if vectors[:, k].max() > LEAST]
        if vectors[:, -1].min() < 1 - LEAST:
            found.append(None)
        choices.append(found)
    layers = [Layer(script, choice) for choice in itertools.product(*choices)]
    if len(layers) == 1:
        return layers
    # two categories that change at once cross: between their lines combinations sound of which
    # neither line speaks
    lines = script.vectors
    moments = [*lines, *((lines[1:] + lines[:-1]) / 2)]
    return [layer for layer in layers if any(layer.share_of(each) > LEAST for each in moments)]


def _parts(script: Script) -> list[tuple[int, int]]:
    """Return where each category's part of a vector begins, and its width."""
    found, first = [], 0
    for column in script.vocabulary.columns.values():
        if column.kind == "category":
            found.append((first, column.width))
        first += column.width
    return found


def mix_layers(
    layers: Sequence[Layer],
    streams: Sequence[Iterator[tuple[Tensor, Tensor]]],
    frame_rate: float,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks of the layers together: their powers add up, by their shares.

    Parameters
    ----------
    streams : of each layer, in blocks of the same lengths (see `latents.decode_path`).
    frame_rate : frames a second.
    """
    done = 0
    for blocks in zip(*streams, strict=True):
        frames = blocks[0][0].shape[1]
        times = (done + np.arange(frames)) / frame_rate
        shares = np.array([[layer.share(float(time)) for time in times] for layer in layers])
        weights = torch.from_numpy(shares).float().clamp_min(1e-12).log()[:, None, :, None] / 2
        means = torch.stack([mean for mean, _ in blocks]) + weights
        mean = torch.logsumexp(2 * means, dim=0) / 2
        portion = torch.exp(2 * (means - mean))
        spread = (portion * torch.stack([spread.exp() for _, spread in blocks])).sum(0)
        done += frames
        yield mean, spread.clamp_min(math.exp(-8)).log()
