"""The prior over latents: which frame follows which, given the global vector and the labels.

A recurrent network gives, for the next frame of latents, the weights of a mixture of normal
distributions whose means and deviations are the same everywhere: a tied mixture, as in speech
recognition (Bellegarda and Nahamoo 1990), on a mixture density network (Bishop 1994; sequences as
in Graves 2013). The distributions start as clusters of frames that were heard, so that even a short
training draws frames that sound like something.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from soundmill.soundscape.prior_options import PriorOptions

FARTHEST = 4.5
"""A drawn latent further from 0 is brought back: the decoder has never heard such."""
CLUSTERED = 20_000
"""Frames that clusters are found in at most."""
CLUSTER_ROUNDS = 15
"""Rounds of k-means at most: the training moves the distributions on."""
PRIOR_COUNT = 5.0
"""Frames' worth of the deviation of all frames in that of each cluster."""


class Mixture(NamedTuple):
    """Log weights (..., K) of normal distributions with means and log deviations (K, D)."""

    log_weights: Tensor
    means: Tensor
    log_deviations: Tensor

    def log_densities(self, x: Tensor) -> Tensor:
        """Return the log density in nats (..., K) of x (..., D) under each distribution."""
        inverse = torch.exp(-2 * self.log_deviations)
        squares = x.square() @ inverse.T - 2 * (x @ (self.means * inverse).T)
        squares = squares + (self.means.square() * inverse).sum(1)
        size = x.shape[-1] * math.log(2 * math.pi) / 2
        return -0.5 * squares - self.log_deviations.sum(1) - size

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log density in nats (...) of x (..., D)."""
        return torch.logsumexp(self.log_weights + self.log_densities(x), dim=-1)

    def draw_code(self, generator: torch.Generator, allowed: Tensor | None = None) -> Tensor:
        """Return numbers (...) of drawn distributions, of those allowed (K,) where given."""
        weights = self.log_weights.exp()
        if allowed is not None:
            # where the network gives all that is allowed nothing, each is as good
            weights = (weights + 1e-9) * allowed
        flat = weights.reshape(-1, weights.shape[-1])
        return torch.multinomial(flat, 1, generator=generator).reshape(weights.shape[:-1])

    def draw(self, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Return a draw (..., D); a temperature below 1 keeps nearer to the means."""
        code = self.draw_code(generator)
        deviation = self.log_deviations[code].exp()
        noise = torch.randn(deviation.shape, generator=generator)
        return (self.means[code] + temperature * deviation * noise).clamp(-FARTHEST, FARTHEST)


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
        # what the head sees of g and labels at once tells it which distributions are likely at all
        self.head = nn.Linear(options.width + global_latents + condition, options.mixtures)
        self.means = nn.Parameter(torch.randn(options.mixtures, latents))
        self.log_deviations = nn.Parameter(torch.zeros(options.mixtures, latents))

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
        return self._mixture(self.dropout(hidden), given)

    def step(
        self, before: Tensor, g: Tensor, condition: Tensor, state: Tensor | None
    ) -> tuple[Mixture, Tensor]:
        """Return the mixture of the next frame of one sequence, and the network's new state.

        Parameters
        ----------
        before, g, condition : (D,), (G,), (condition,).
        state : (layers, width), None at the beginning.
        """
        given = torch.cat([g, condition])
        hidden, after = self.recurrent(self._enter(before[None], given[None]), state)
        return self._mixture(hidden[0], given), after

    def _mixture(self, hidden: Tensor, given: Tensor) -> Mixture:
        weights = torch.log_softmax(self.head(torch.cat([hidden, given], dim=-1)), dim=-1)
        return Mixture(weights, self.means, self.log_deviations)

    @torch.no_grad()
    def start_from_clusters(self, latents: Tensor, importance: Tensor, seed: int) -> None:
        """Set the normal distributions to clusters of frames.

        Parameters
        ----------
        latents : frames (N, D).
        importance : (D,) how much a step of each latent changes what is heard; clusters are near in
            what is heard.
        """
        from sklearn.cluster import KMeans  # takes a second, and only training needs it

        step = max(1, len(latents) // CLUSTERED)
        frames = latents[::step]
        heard = (frames * importance).numpy().astype(np.float64)
        count = min(len(self.means), len(frames))
        clusters = KMeans(count, n_init=1, max_iter=CLUSTER_ROUNDS, random_state=seed % 2**32)
        labels = clusters.fit_predict(heard)
        whole = frames.var(0, unbiased=False).clamp_min(1e-4)
        for code in range(len(self.means)):
            members = frames[torch.from_numpy(labels == code)]
            if not len(members):  # nobody is near: stand for all, with little weight to come
                self.means[code], self.log_deviations[code] = frames.mean(0), whole.log() / 2
                continue
            spread = members.var(0, unbiased=False) * len(members) + whole * PRIOR_COUNT
            self.means[code] = members.mean(0)
            self.log_deviations[code] = (spread / (len(members) + PRIOR_COUNT)).log() / 2

    def _enter(self, before: Tensor, given: Tensor) -> Tensor:
        return nn.functional.gelu(self.enter(torch.cat([before, given], dim=-1)))
