"""Early fusion: one network sees the inputs of all modalities as channels of one picture."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundmill.fusion.fusion_network import Array, Batch, Fusion, Learning, no_weights
from soundmill.fusion.outputs import PICTURE


class Early(Fusion):
    """A small convolutional network on the pictures of all modalities.

    A modality that is missing is black, and each has one more channel that says whether it is
    there: all ones, or zeros.

    Parameters
    ----------
    width : units before the last layer; the convolutions have a quarter and a half as many maps.
    """

    needs: ClassVar[tuple[Array, ...]] = ("logits", "pictures")
    learning: ClassVar[Learning] = "train"

    def __init__(self, modalities: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        first, second = max(4, width // 4), max(4, width // 2)
        side = -(-(-(-PICTURE // 2) // 2) // 2)  # three strides of 2, each rounding up
        self.network = nn.Sequential(
            nn.Conv2d(2 * modalities, first, 3, 2, 1), nn.BatchNorm2d(first), nn.ReLU(),
            nn.Conv2d(first, second, 3, 2, 1), nn.BatchNorm2d(second), nn.ReLU(),
            nn.Conv2d(second, second, 3, 2, 1), nn.BatchNorm2d(second), nn.ReLU(),
            nn.Flatten(), nn.Dropout(dropout),
            nn.Linear(second * side * side, width), nn.ReLU(), nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        assert batch.pictures is not None
        there = batch.present[..., None, None]
        shown = torch.where(there, batch.pictures, 0.0)
        flags = there.float().expand_as(shown)
        found = self.network(torch.cat([shown, flags], dim=1))
        return functional.log_softmax(found, dim=1), no_weights(batch)
