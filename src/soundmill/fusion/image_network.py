"""The network that sees images.

Shapes: B batch, H rows and columns of an image, C channels, E numbers of a token, D of an
embedding, K classes.
"""

import torch
from torch import Tensor, nn

from soundmill.fusion.encoded import pooling_matrix
from soundmill.fusion.image_encoder_options import ImageEncoderOptions

GRID = 3
"""Rows and columns of the last feature map as the embedding and the tokens see it."""
LARGE = 20
"""From this size on the first convolution takes every second pixel, which a CPU thanks for."""


class ImageEncoder(nn.Module):
    """Three convolutional blocks, a mean over nine places, an embedding, a linear head.

    Parameters
    ----------
    options : its shape; what concerns training is not read.
    size : H.
    classes : K.
    """

    pool: Tensor

    def __init__(self, options: ImageEncoderOptions, size: int, classes: int) -> None:
        super().__init__()
        self.options, self.size, self.classes = options, size, classes
        width = options.width
        side = size
        layers: list[nn.Module] = []
        before = 1
        for i, channels in enumerate((width, 2 * width, 2 * width)):
            reach, stride = (2, 2) if i == 0 and size >= LARGE else (1, 1)
            layers += [
                nn.Conv2d(before, channels, 2 * reach + 1, stride, reach, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            side = (side - 1) // stride + 1
            # the last block keeps its places, small images keep all they have
            if i < 2 and stride == 1 and side // 2 >= GRID:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            before = channels
        self.blocks = nn.Sequential(*layers)
        axis = pooling_matrix(side, GRID)
        self.register_buffer("pool", torch.kron(axis, axis), persistent=False)
        self.dense = nn.Sequential(nn.Linear(GRID**2 * before, options.embedding), nn.ReLU())
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.embedding, classes)
        for layer in self.blocks:
            if isinstance(layer, nn.Conv2d):  # faster on a CPU
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, H, H), ink 1 on 0, to logits (B, K), embedding (B, D), tokens (B, 9, E).

        Tokens are the places of the last feature map, from the upper left, row by row.
        """
        centred = (x.unsqueeze(1) - 0.13) * 3  # about zero mean and unit size where ink is rare
        places = self.blocks(centred.contiguous(memory_format=torch.channels_last))
        tokens = self.pool @ places.flatten(2).transpose(1, 2)
        embedding = self.dense(tokens.flatten(1))
        return self.head(self.dropout(embedding)), embedding, tokens

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, H, H), ink 1 on 0, to logits (B, K)."""
        return self.encode(x)[0]
