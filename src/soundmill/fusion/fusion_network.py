"""What all fusions share: the batch they see, calibrated evidence, and what they return."""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundmill.fusion.outputs import Outputs
from soundmill.fusion.pairing import Draw

Array = Literal["logits", "embeddings", "tokens", "pictures"]
Learning = Literal["calibration", "valid", "train"]


class Batch(NamedTuple):
    """Of b pairs of m modalities.

    Attributes
    ----------
    present : (b, m) whether a modality is there; what the other fields say of one that is not is
        never used.
    logits : (b, m, c). embeddings : one (b, d) a modality. tokens : one (b, s, e) a modality.
    pictures : (b, m, rows, columns), 0 to 1. Those that a fusion does not need may be empty.
    """

    present: Tensor
    logits: Tensor
    embeddings: Sequence[Tensor] = ()
    tokens: Sequence[Tensor] = ()
    pictures: Tensor | None = None


class Fusion(nn.Module):
    """One way to decide together.

    Its ``forward`` takes a `Batch` and returns log probabilities (b, c) and weights (b, m): on
    whom it leaned, sum 1 over what is there; NaN where it cannot say.
    """

    needs: ClassVar[tuple[Array, ...]] = ("logits",)
    learning: ClassVar[Learning] = "calibration"
    """From what it learns: nothing but the calibration, pairs of the valid parts or of the
    training parts."""


class Calibration(nn.Module):
    """What each modality's logits say for the classes, comparable across modalities.

    Parameters
    ----------
    temperatures : (m,) that logits are divided by (Guo et al. 2017, section 4.2).
    priors : (m, c) shares of the classes among what each encoder learned from, none 0.
    """

    temperatures: Tensor
    log_priors: Tensor

    def __init__(self, temperatures: Tensor, priors: Tensor) -> None:
        super().__init__()
        self.register_buffer("temperatures", temperatures.float())
        self.register_buffer("log_priors", priors.float().log())

    def log_probabilities(self, batch: Batch) -> Tensor:
        """Return calibrated log probabilities (b, m, c); those of the prior where missing."""
        found = functional.log_softmax(batch.logits / self.temperatures[:, None], dim=2)
        return torch.where(batch.present[..., None], found, self.log_priors)

    def evidence(self, batch: Batch) -> Tensor:
        """Return by how much each modality raises each class over its prior (b, m, c), nats."""
        return self.log_probabilities(batch) - self.log_priors

    def decide(self, evidence: Tensor) -> Tensor:
        """Return log probabilities (b, c) by summed evidence (b, c), on the first one's prior."""
        return functional.log_softmax(evidence + self.log_priors[0], dim=1)


def no_weights(batch: Batch) -> Tensor:
    """Return the weights (b, m) of a fusion that has none."""
    return torch.full_like(batch.present, float("nan"), dtype=torch.float32)


def gather(outputs: Sequence[Outputs], draw: Draw, needs: Sequence[Array]) -> Batch:
    """Return the batch of some pairs; only what is needed is read."""

    def pick(name: Array) -> list[Tensor]:
        return [
            torch.from_numpy(
                np.asarray(getattr(one, name)[draw.conditions[:, i], draw.rows[:, i]], np.float32)
            )
            for i, one in enumerate(outputs)
        ]

    pictures = torch.stack(pick("pictures"), dim=1) / 255 if "pictures" in needs else None
    return Batch(
        present=torch.from_numpy(draw.present),
        logits=torch.stack(pick("logits"), dim=1),
        embeddings=pick("embeddings") if "embeddings" in needs else (),
        tokens=pick("tokens") if "tokens" in needs else (),
        pictures=pictures,
    )


def count_parameters(fusion: nn.Module) -> int:
    """Return how many numbers a fusion has learned: its weights, and temperatures it uses."""
    learned = sum(p.numel() for p in fusion.parameters())
    found = [m.temperatures.numel() for m in fusion.modules() if isinstance(m, Calibration)]
    return learned + sum(found)
