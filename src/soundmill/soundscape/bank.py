"""The environments a model has heard: global vectors of its recordings, with their labels.

New environments are drawn from them as from a kernel density: one that fits what is asked, moved by
as much as the global vector moves within a recording. With the few dozen recordings that people
have, a learned density would either repeat or blur them.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from soundmill.soundscape.conditions import Vocabulary

CONCENTRATION = 8.0
"""Of the von Mises kernel around a place on a circle: a standard deviation of 1.35 h of a day."""
LEAST = 1e-4
"""Weights below are none."""


@dataclass(frozen=True)
class Bank:
    """Global vectors (N, G) and condition vectors (N, V) of recordings; drift (G,).

    Attributes
    ----------
    drift : standard deviation of the global vectors of crops around that of their recording.
    """

    globals: Tensor
    conditions: Tensor
    drift: Tensor


class Environment:
    """A global vector for each condition: the same draw as long as the condition allows.

    Parameters
    ----------
    random : decides which of several fitting recordings are taken.
    """

    def __init__(self, bank: Bank, vocabulary: Vocabulary, random: torch.Generator) -> None:
        self._bank, self._vocabulary = bank, vocabulary
        uniform = torch.rand(len(bank.globals), generator=random)
        # the recording with the highest weight times chance is a draw by weight (Gumbel), and
        # stays the same while the weights move little
        self._chance = -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))
        around = torch.randn(bank.globals.shape, generator=random)
        self._globals = bank.globals + 0.5 * bank.drift * around

    def at(self, condition: Tensor) -> Tensor:
        """Return the global vector (G,) for a condition (V,).

        Asked for several names at once, it is their weighted mean.
        """
        nearness = torch.zeros(len(self._globals))
        choices: list[list[tuple[float, Tensor]]] = []
        first = 0
        for column in self._vocabulary.columns.values():
            asked = condition[first : first + column.width]
            known = self._bank.conditions[:, first : first + column.width]
            first += column.width
            if asked[-1] < 0.5:
                continue
            if column.kind == "circle":
                close = CONCENTRATION * (known[:, :2] @ asked[:2] - 1)
                nearness = nearness + torch.where(known[:, 2] > 0, close, -2 * CONCENTRATION)
            else:
                choices.append(
                    [(float(w), known[:, k]) for k, w in enumerate(asked[:-1]) if w > LEAST]
                )
        found, total = torch.zeros(self._globals.shape[1]), 0.0
        for choice in itertools.product(*choices):
            weight = math.prod(share for share, _ in choice)
            fits = nearness + self._chance
            for _, has in choice:
                # a combination nobody recorded takes the recordings that have the most of it
                fits = fits + torch.where(has > 0, 0.0, -1000.0)
            found = found + weight * self._globals[int(fits.argmax())]
            total += weight
        return found / total
