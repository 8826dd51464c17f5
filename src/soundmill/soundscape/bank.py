"""The environments a model has heard: global vectors of its recordings, with their labels.

New environments are drawn from them as from a kernel density: one that fits what is asked, moved by
as much as the global vector moves within a recording. With the few dozen recordings that people
have, a learned density would either repeat or blur them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from soundmill.soundscape.conditions import Vocabulary

CONCENTRATION = 8.0
"""Of the von Mises kernel around a place on a circle: a standard deviation of 1.35 h of a day."""
FOREIGN = -1000.0
"""Added to the log weight of a recording that lacks a name that is asked for."""
LEAST = 1e-4
"""Weights below are none."""


@dataclass(frozen=True)
class Bank:
    """What is kept of the recordings that a model learned from.

    Attributes
    ----------
    globals : (N, G) global vectors of recordings.
    conditions : (N, V) their condition vectors.
    drift : (G,) standard deviation of the global vectors of crops around that of their recording.
    frames : (M, D) frames of latents.
    owners : (M,) numbers of the recordings they are of.
    codes : (M,) numbers of the prior's distributions that they are nearest to.
    deviation : (D,) mean standard deviation of a frame's posterior.
    """

    globals: Tensor
    conditions: Tensor
    drift: Tensor
    frames: Tensor
    owners: Tensor
    codes: Tensor
    deviation: Tensor


class Recall:
    """Frames of the recordings whose environment is near, by the prior's distributions.

    A draw from a normal distribution has lost how the latents of a frame hang together; a frame
    that was heard, moved by as much as its own posterior leaves open, has not. It is the kernel
    density of the frames of one distribution and of near recordings.

    Parameters
    ----------
    nearness : how far, root mean square over the global latents beyond the nearest recording, a
        recording may be to lend as many frames as e^-0.5 of the nearest one's.
    """

    def __init__(self, bank: Bank, codes: int, nearness: float) -> None:
        self._bank, self._nearness = bank, nearness
        self._members = [torch.nonzero(bank.codes == code)[:, 0] for code in range(codes)]
        counts = torch.bincount(bank.owners, minlength=len(bank.globals)).clamp_min(1)
        self._share = 1 / counts[bank.owners]
        self.allowed = torch.ones(codes)
        self._weights = self._share

    def move(self, g: Tensor) -> None:
        """Take note of the environment (G,) for the frames to come."""
        distance = (self._bank.globals - g).square().mean(1)
        near = torch.exp(-(distance - distance.min()) / (2 * self._nearness**2))
        near = torch.where(near > LEAST, near, 0.0)
        self._weights = near[self._bank.owners] * self._share
        found = torch.zeros(len(self._members))
        found.index_add_(0, self._bank.codes, self._weights)
        self.allowed = (found > 0).float()

    def draw(self, code: int, random: torch.Generator, temperature: float) -> Tensor:
        """Return a frame (D,) of a distribution that is allowed."""
        members = self._members[code]
        place = torch.multinomial(self._weights[members], 1, generator=random)
        frame = self._bank.frames[members[place[0]]]
        noise = torch.randn(frame.shape, generator=random)
        return frame + temperature * self._bank.deviation * noise


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
        """Return the global vector (G,) of a recording that fits a condition (V,).

        A combination of names that nobody recorded takes a recording that has the most of them.
        """
        fits = self._chance.clone()
        first = 0
        for column in self._vocabulary.columns.values():
            asked = condition[first : first + column.width]
            known = self._bank.conditions[:, first : first + column.width]
            first += column.width
            if asked[-1] < 0.5:
                continue
            if column.kind == "circle":
                close = CONCENTRATION * (known[:, :2] @ asked[:2] - 1)
                fits += torch.where(known[:, 2] > 0, close, -2 * CONCENTRATION)
            else:
                fits += torch.where(known[:, int(asked[:-1].argmax())] > 0, 0.0, FOREIGN)
        return self._globals[int(fits.argmax())]
