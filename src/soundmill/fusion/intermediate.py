"""Intermediate fusion: features of all modalities meet before anything is decided.

A modality that is missing is a learned vector in place of its features, which the fusion meets
while it learns (modality dropout, Neverova et al., "ModDrop", 2016, section 4).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundmill.fusion.fusion_network import Array, Batch, Fusion, Learning, no_weights

HEADS = 4
"""Of cross-attention."""
MOST_TOKENS = 16
"""Tokens of a modality that attend; more are averaged with their neighbours."""


class Standard(nn.Module):
    """Centres and scales each feature by what training samples showed."""

    centre: Tensor
    spread: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def measure(self, x: Tensor, present: Tensor) -> None:
        """Take mean and spread from x (b, ..., size) where present (b,)."""
        seen = x[present].reshape(-1, x.shape[-1])
        if len(seen):
            self.centre.copy_(seen.mean(dim=0))
            self.spread.copy_(seen.std(dim=0, unbiased=False).clamp_min(1e-3))

    def forward(self, x: Tensor) -> Tensor:
        """Return x (..., size) standardised."""
        return (x - self.centre) / self.spread


class OfEmbeddings(Fusion):
    """What fusions of embeddings share: standardised vectors, and learned ones where missing.

    Parameters
    ----------
    sizes : of the embeddings of each modality.
    """

    needs: ClassVar[tuple[Array, ...]] = ("logits", "embeddings")
    learning: ClassVar[Learning] = "train"

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.standards = nn.ModuleList(Standard(size) for size in sizes)
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in sizes)

    @torch.no_grad()
    def measure(self, batch: Batch) -> None:
        """Take mean and spread of the embeddings from a batch."""
        for i, standard in enumerate(self.standards):
            assert isinstance(standard, Standard)
            standard.measure(batch.embeddings[i], batch.present[:, i])

    def vectors(self, batch: Batch) -> list[Tensor]:
        """Return a vector (b, d) of each modality."""
        return [
            torch.where(batch.present[:, i, None], self.standards[i](x), self.absent[i])
            for i, x in enumerate(batch.embeddings)
        ]


class Concatenation(OfEmbeddings):
    """Embeddings side by side, and a network of one hidden layer."""

    def __init__(self, sizes: Sequence[int], classes: int, width: int, dropout: float) -> None:
        super().__init__(sizes)
        self.network = nn.Sequential(
            nn.Linear(sum(sizes), width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        found = self.network(torch.cat(self.vectors(batch), dim=1))
        return functional.log_softmax(found, dim=1), no_weights(batch)


class GatedUnits(OfEmbeddings):
    """Gated multimodal units (Arevalo et al., "Gated multimodal units", 2017, section 3).

    h_m = tanh(W_m x_m), a gate z of each unit from all x together, h = sum z_m * h_m. The gates of
    a unit are a softmax over the modalities that are there, which for two is the paper's equation
    of the bimodal unit: z and 1 - z, with z a sigmoid. The weights are the mean gates.
    """

    def __init__(self, sizes: Sequence[int], classes: int, width: int, dropout: float) -> None:
        super().__init__(sizes)
        self.width = width
        self.hidden = nn.ModuleList(nn.Linear(size, width, bias=False) for size in sizes)
        self.gates = nn.Linear(sum(sizes), len(sizes) * width, bias=False)
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and the weights (b, m)."""
        x = self.vectors(batch)
        h = torch.stack([layer(v).tanh() for layer, v in zip(self.hidden, x, strict=True)], dim=1)
        scores = self.gates(torch.cat(x, dim=1)).unflatten(1, (len(x), self.width))
        z = scores.masked_fill(~batch.present[..., None], -torch.inf).softmax(dim=1)
        found = self.last((z * h).sum(dim=1))
        return functional.log_softmax(found, dim=1), z.mean(dim=2)


class CrossAttention(Fusion):
    """Tokens of each modality attend to those of the others: what was heard, to what was seen.

    One layer (Vaswani et al. 2017, section 3.2, with queries of one modality and keys of the
    others); its output, added to the tokens and averaged, goes side by side to the last layer. A
    missing modality is one learned token.
    """

    needs: ClassVar[tuple[Array, ...]] = ("logits", "tokens")
    learning: ClassVar[Learning] = "train"

    def __init__(
        self, shapes: Sequence[tuple[int, int]], classes: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        counts = [min(count, MOST_TOKENS) for count, _ in shapes]
        self.counts = counts
        width = max(HEADS, width // HEADS * HEADS)
        self.standards = nn.ModuleList(Standard(size) for _, size in shapes)
        self.enter = nn.ModuleList(nn.Linear(size, width) for _, size in shapes)
        self.places = nn.ParameterList(
            nn.Parameter(torch.randn(count, width) * 0.02) for count in counts
        )
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in shapes)
        self.attend = nn.ModuleList(
            nn.MultiheadAttention(width, HEADS, batch_first=True) for _ in shapes
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in shapes)
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(width * len(shapes), classes))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        x = []
        for i, tokens in enumerate(self.shorten(batch)):
            seen = self.enter[i](self.standards[i](tokens)) + self.places[i]
            x.append(torch.where(batch.present[:, i, None, None], seen, self.absent[i]))
        pooled = []
        for i, own in enumerate(x):
            others = torch.cat([one for j, one in enumerate(x) if j != i], dim=1)
            met, _ = self.attend[i](own, others, others, need_weights=False)
            pooled.append(self.norms[i](own + met).mean(dim=1))
        found = self.last(torch.cat(pooled, dim=1))
        return functional.log_softmax(found, dim=1), no_weights(batch)

    def shorten(self, batch: Batch) -> list[Tensor]:
        """Return the tokens (b, s, e) of each modality, at most `MOST_TOKENS`."""
        return [
            x
            if x.shape[1] == count
            else functional.adaptive_avg_pool1d(x.transpose(1, 2), count).transpose(1, 2)
            for x, count in zip(batch.tokens, self.counts, strict=True)
        ]

    @torch.no_grad()
    def measure(self, batch: Batch) -> None:
        """Take mean and spread of the tokens from a batch."""
        for i, tokens in enumerate(self.shorten(batch)):
            standard = self.standards[i]
            assert isinstance(standard, Standard)
            standard.measure(tokens, batch.present[:, i])
