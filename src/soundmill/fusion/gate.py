"""The reliability gate: each modality is believed as far as it looks reliable in this very case.

A small network looks at what tells how reliable a modality is, whatever class it speaks for: the
sorted probabilities, entropy, energy, and how far the others agree. It gives each modality two
numbers. An exponent a sharpens or flattens its calibrated probabilities; a doubt e is the chance
that it says nothing of this pair at all, being noise or a lie. What is left of its evidence,

    log((1 - e) * q / prior + e),    q proportional to p^a,

is bounded by the doubt: however sure a modality is, others can outvote it (the discounting of
Shafer, "A mathematical theory of evidence", 1976, section 11.4, in Bayes' rule). The evidence is
added up as in a product, from which the gate starts, with a slight doubt.
"""

from typing import ClassVar, NamedTuple

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
STRONGEST, WEAKEST = 2.0, -6.0
"""Logarithms of the largest exponent, about 7, and of the least, which is as good as silence."""
DOUBT = -3.0
"""Log odds of the doubt it starts from and is drawn to: 5 %."""
LEAST = 1e-4
"""Nats of evidence added to each modality, so that shares are defined where none says anything."""
DOUBT_PULL = 0.1
"""How strongly doubts are drawn to it, beside exponents to 1."""


class Trust(NamedTuple):
    """Of each modality (b, m): logarithm of the exponent, log odds of the doubt."""

    exponent: Tensor
    doubt: Tensor


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
            nn.Linear(width, 2 * modalities),
        )  # fmt: skip
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            last.bias[modalities:] = DOUBT

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and the weights (b, m).

        A weight is a modality's share of the evidence: of the nats between the class it speaks for
        most and the one it speaks for least.
        """
        return self.weigh(batch, self.trust(batch))

    def weigh(self, batch: Batch, trust: Trust) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and weights (b, m) by how far modalities are trusted."""
        priors = self.calibration.log_priors
        sharpened = trust.exponent.exp()[..., None] * self.calibration.evidence(batch)
        said = functional.log_softmax(sharpened + priors, dim=2) - priors
        sure = functional.logsigmoid(-trust.doubt)[..., None] + said
        doubted = functional.logsigmoid(trust.doubt)[..., None].expand_as(said)
        evidence = torch.logaddexp(sure, doubted) * batch.present[..., None]
        loud = (evidence.amax(dim=2) - evidence.amin(dim=2) + LEAST) * batch.present
        decided = self.calibration.decide(evidence.sum(dim=1))
        return decided, loud / loud.sum(dim=1, keepdim=True)

    def trust(self, batch: Batch) -> Trust:
        """Return how far each modality is trusted."""
        features, known = self.features(batch)
        shown = ((features - self.centre) / self.spread).clamp(-WIDEST, WIDEST)
        there = batch.present.float()
        found = self.network(torch.cat([torch.where(known, shown, 0.0), there - 1], dim=1))
        exponent, doubt = found.chunk(2, dim=1)
        return Trust(exponent.clamp(WEAKEST, STRONGEST), doubt)

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
        """Return the negative log-likelihood, plus ``pull`` times the distance from the start."""
        trust = self.trust(batch)
        there = batch.present.float()
        away = trust.exponent**2 + DOUBT_PULL * (trust.doubt - DOUBT) ** 2
        cost = pull * (away * there).sum() / there.sum()
        return functional.nll_loss(self.weigh(batch, trust)[0], targets) + cost
