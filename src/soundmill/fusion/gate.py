"""The reliability gate: a product of probabilities whose weights depend on how each modality looks.

The decision is log prior + sum over modalities of a_m(case) * (log p_m - log prior_m). In other
words the weights are a softmax over the modalities that are there of scores s_m = log a_m, and
their common scale is the sum of the a_m. A small network finds the scores from what tells how
reliable a modality is, whatever class it speaks for: the sorted probabilities, entropy, energy,
and how far the others agree. With scores of 0 it is the product of calibrated probabilities, which
it starts from and is drawn to.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundmill.fusion.fusion_network import Batch, Calibration, Fusion, Learning

TOP = 3
"""Sorted probabilities that are looked at."""
OWN = TOP + 4
"""Features of a modality alone: the tops, their margin, entropy, energy, largest logit."""
SHARED = 3
"""Features of two modalities: agreement, and what the one gives to the other's answer."""
FLOOR = 1e-4
"""Probability that features do not look below."""
WIDEST = 4.0
"""Standard deviations from the mean that features go, at most: beyond is as unusual as it gets."""
STRONGEST = 2.0
"""Largest score: an exponent of about 7 sharpens, more would shout down."""
WEAKEST = 6.0
"""Least score, negative: an exponent of 0.002 is as good as silence."""


class Gate(Fusion):
    """Weighs each modality by how reliable it looks in this very case.

    Parameters
    ----------
    width : units of its two hidden layers.
    dropout : share of them dropped while it learns.
    """

    learning: ClassVar[Learning] = "valid"
    centre: Tensor
    spread: Tensor

    def __init__(self, calibration: Calibration, width: int, dropout: float) -> None:
        super().__init__()
        self.calibration = calibration
        modalities, classes = calibration.log_priors.shape
        self.top = min(TOP, classes)
        own, pairs = OWN - TOP + self.top, modalities * (modalities - 1) // 2
        size = modalities * own + pairs * SHARED
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.network = nn.Sequential(
            nn.Linear(size + modalities, width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(width, modalities),
        )  # fmt: skip
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and the weights (b, m)."""
        return self.weigh(batch, self.scores(batch))

    def weigh(self, batch: Batch, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and weights (b, m) by scores (b, m)."""
        strength = scores.exp() * batch.present
        evidence = (strength[..., None] * self.calibration.evidence(batch)).sum(dim=1)
        return self.calibration.decide(evidence), strength / strength.sum(dim=1, keepdim=True)

    def scores(self, batch: Batch) -> Tensor:
        """Return the score of each modality (b, m); 0 is that of a plain product."""
        features, known = self.features(batch)
        shown = ((features - self.centre) / self.spread).clamp(-WIDEST, WIDEST)
        there = batch.present.float()
        found = self.network(torch.cat([torch.where(known, shown, 0.0), there - 1], dim=1))
        return found.clamp(-WEAKEST, STRONGEST)

    def features(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what tells reliability (b, f), and whether it is known (b, f).

        None of it changes when the classes change places.
        """
        logs = self.calibration.log_probabilities(batch)
        p = logs.exp()
        best = p.topk(self.top, dim=2)
        tops = best.values.clamp(FLOOR, 1 - FLOOR).logit()
        entropy = -(p * logs.clamp_min(-30)).sum(dim=2)
        own = torch.stack(
            [
                best.values[..., 0] - best.values[..., 1],
                entropy,
                batch.logits.logsumexp(dim=2),
                batch.logits.amax(dim=2),
            ],
            dim=2,
        )
        found = [torch.cat([tops, own], dim=2).flatten(1)]
        known = [batch.present.repeat_interleave(found[0].shape[1] // p.shape[1], dim=1)]
        for i in range(p.shape[1]):
            for j in range(i + 1, p.shape[1]):
                shared = torch.stack(
                    [
                        (p[:, i] * p[:, j]).sum(dim=1),
                        p[:, i].gather(1, best.indices[:, j, :1])[:, 0],
                        p[:, j].gather(1, best.indices[:, i, :1])[:, 0],
                    ],
                    dim=1,
                )
                found.append(shared.clamp(FLOOR, 1 - FLOOR).logit())
                both = batch.present[:, i] & batch.present[:, j]
                known.append(both[:, None].expand(-1, SHARED))
        return torch.cat(found, dim=1), torch.cat(known, dim=1)

    @torch.no_grad()
    def measure(self, batch: Batch) -> None:
        """Take mean and spread of the features from a batch, where they are known."""
        features, known = self.features(batch)
        count = known.sum(dim=0).clamp_min(1)
        centre = torch.where(known, features, 0.0).sum(dim=0) / count
        square = torch.where(known, (features - centre) ** 2, 0.0).sum(dim=0) / count
        self.centre.copy_(centre)
        self.spread.copy_(square.sqrt().clamp_min(1e-3))

    def loss(self, batch: Batch, targets: Tensor, pull: float) -> Tensor:
        """Return the negative log-likelihood, plus ``pull`` times the mean squared score."""
        scores = self.scores(batch)
        there = batch.present.float()
        away = (scores**2 * there).sum() / there.sum()
        return functional.nll_loss(self.weigh(batch, scores)[0], targets) + pull * away
