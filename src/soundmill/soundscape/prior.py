"""The prior over latents: which frame follows which, given the global vector and the labels.

A recurrent network gives a mixture of normal distributions for the next frame of latents (a mixture
density network, Bishop 1994; sequences as in Graves 2013). Drawing frame after frame from it gives
soundscapes of any length.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from soundmill.soundscape.prior_options import PriorOptions

LOWEST, HIGHEST = -3.5, 1.0
"""Bounds of the log standard deviations: no mixture may shrink onto a point of the training set."""
FARTHEST = 4.5
"""A drawn latent further from 0 is brought back: the decoder has never heard such."""


class Mixture(NamedTuple):
    """Log weights (..., K), means (..., K, D), log standard deviations (..., K, D)."""

    log_weights: Tensor
    means: Tensor
    log_deviations: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density in nats (...) of x (..., D)."""
        scaled = (x.unsqueeze(-2) - self.means) * torch.exp(-self.log_deviations)
        each = -0.5 * (scaled.square() + math.log(2 * math.pi)) - self.log_deviations
        return torch.logsumexp(self.log_weights + each.sum(-1), dim=-1)

    def draw(self, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Return a draw (..., D); a temperature below 1 keeps nearer to the means."""
        weights = self.log_weights.exp()
        flat = torch.multinomial(weights.reshape(-1, weights.shape[-1]), 1, generator=generator)
        index = flat.reshape(*weights.shape[:-1], 1, 1)
        index = index.expand(*weights.shape[:-1], 1, self.means.shape[-1])
        mean = self.means.gather(-2, index).squeeze(-2)
        deviation = self.log_deviations.gather(-2, index).squeeze(-2).exp()
        noise = torch.randn(mean.shape, generator=generator)
        return (mean + temperature * deviation * noise).clamp(-FARTHEST, FARTHEST)


class MixtureHead(nn.Module):
    """A linear layer whose outputs are a mixture."""

    def __init__(self, width: int, mixtures: int, size: int) -> None:
        super().__init__()
        self.mixtures, self.size = mixtures, size
        self.layer = nn.Linear(width, mixtures * (1 + 2 * size))

    def forward(self, x: Tensor) -> Mixture:
        """Map (..., width) to a mixture."""
        raw = self.layer(x)
        weights, rest = raw[..., : self.mixtures], raw[..., self.mixtures :]
        means, deviations = rest.reshape(*rest.shape[:-1], 2, self.mixtures, self.size).unbind(-3)
        # a smooth bound; the middle of the range is where training starts
        bounded = LOWEST + (HIGHEST - LOWEST) * torch.sigmoid(deviations + 1)
        return Mixture(torch.log_softmax(weights, -1), means, bounded)


class Prior(nn.Module):
    """Prior over a latent sequence, given the global vector and the condition.

    Parameters
    ----------
    options : sizes.
    latents, global_latents : D and G.
    condition : length of a condition vector, 0 for none.
    """

    def __init__(
        self, options: PriorOptions, latents: int, global_latents: int, condition: int
    ) -> None:
        super().__init__()
        self.latents, self.width, self.layers = latents, options.width, options.layers
        self.enter = nn.Linear(latents + global_latents + condition, options.width)
        self.recurrent = nn.GRU(
            options.width, options.width, options.layers, batch_first=True,
            dropout=options.dropout if options.layers > 1 else 0.0,
        )  # fmt: skip
        self.dropout = nn.Dropout(options.dropout)
        self.head = MixtureHead(options.width, options.mixtures, latents)

    def forward(self, before: Tensor, g: Tensor, condition: Tensor) -> Mixture:
        """Return the mixtures (B, S) of each frame after those before it.

        Parameters
        ----------
        before : latents (B, S, D), the first frame zeros or the one before.
        g, condition : (B, G) and (B, condition).
        """
        steps = before.shape[1]
        given = torch.cat([g, condition], 1).unsqueeze(1).expand(-1, steps, -1)
        hidden, _ = self.recurrent(self._enter(before, given))
        found: Mixture = self.head(self.dropout(hidden))
        return found

    def step(
        self, before: Tensor, g: Tensor, condition: Tensor, state: Tensor | None
    ) -> tuple[Mixture, Tensor]:
        """Return the mixture of the next frame of one sequence, and the network's new state.

        Parameters
        ----------
        before, g, condition : (D,), (G,), (condition,).
        state : (layers, width), None at the beginning.
        """
        entered = self._enter(before[None], torch.cat([g, condition])[None])
        hidden, after = self.recurrent(entered, state)
        return self.head(hidden[0]), after

    def _enter(self, before: Tensor, given: Tensor) -> Tensor:
        return nn.functional.gelu(self.enter(torch.cat([before, given], dim=-1)))
