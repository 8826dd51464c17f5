"""From options and shapes to a fusion that has learned nothing yet."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch

from soundmill.fusion.early import Early
from soundmill.fusion.fusion_network import Calibration, Fusion
from soundmill.fusion.gate import Gate
from soundmill.fusion.intermediate import Concatenation, CrossAttention, GatedUnits
from soundmill.fusion.late import Mean, Product, Stacked, Weighted
from soundmill.fusion.options import FusionKind, FusionOptions
from soundmill.fusion.outputs import Outputs

FUSIONS: dict[FusionKind, type[Fusion]] = {
    "mean": Mean,
    "product": Product,
    "weighted": Weighted,
    "stacked": Stacked,
    "gate": Gate,
    "concatenation": Concatenation,
    "gated_units": GatedUnits,
    "cross_attention": CrossAttention,
    "early": Early,
}


@dataclass(frozen=True)
class Shapes:
    """What comes in: classes, and of each modality the sizes of its embedding and its tokens."""

    classes: int
    embeddings: list[int]
    tokens: list[tuple[int, int]]

    @classmethod
    def of(cls, outputs: Sequence[Outputs]) -> Self:
        """Return the shapes of the outputs of all modalities."""
        tokens = [(int(one.tokens.shape[2]), int(one.tokens.shape[3])) for one in outputs]
        sizes = [int(one.embeddings.shape[2]) for one in outputs]
        return cls(len(outputs[0].classes), sizes, tokens)

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Return shapes from what `as_json` gave."""
        tokens = [(int(s), int(e)) for s, e in facts["tokens"]]
        return cls(int(facts["classes"]), [int(d) for d in facts["embeddings"]], tokens)

    def as_json(self) -> dict[str, Any]:
        """Return the shapes as plain values."""
        return asdict(self)


def build_fusion(
    options: FusionOptions,
    shapes: Shapes,
    calibration: Calibration | None = None,
) -> Fusion:
    """Return a fusion with first weights from torch's generator.

    Parameters
    ----------
    calibration : default an empty one, to be filled from saved weights.
    """
    modalities, kind = len(shapes.embeddings), FUSIONS[options.kind]
    if calibration is None:
        shares = torch.full((modalities, shapes.classes), 1 / shapes.classes)
        calibration = Calibration(torch.ones(modalities), shares)
    sizes, width, dropout = shapes.embeddings, options.width, options.dropout
    if kind is Gate:
        return Gate(calibration, width, dropout)
    if kind is Early:
        return Early(modalities, shapes.classes, width, dropout)
    if kind is CrossAttention:
        return CrossAttention(shapes.tokens, shapes.classes, width, dropout)
    if kind in (Concatenation, GatedUnits):
        network: type[Any] = kind
        made: Fusion = network(sizes, shapes.classes, width, dropout)
        return made
    late: type[Any] = kind
    found: Fusion = late(calibration)
    return found
