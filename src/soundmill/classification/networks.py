"""The networks: spectra of one chunk in, one number a class out.

All kinds share one form: a `Front` that normalises, a list of blocks (those that a transfer may
freeze, in order), a summary over time, and a linear head.

Shapes: B batch, T frames, F bands, C channels, D numbers of a chunk's embedding, K classes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soundmill.classification.network_options import ClassifierOptions
from soundmill.errors import InputError

LOUDEST = 12
"""One frame in so many counts as loud where a chunk is measured by its loudest frames."""


class Classifier(nn.Module):
    """A network of any kind.

    Parameters
    ----------
    options : its shape; what concerns training is not read.
    bands : F of the spectra.
    outputs : K.
    task : ``single``, ``multi`` or ``regression``: what `decide` makes of the logits.

    Attributes
    ----------
    blocks : convolutional blocks in the order the sound passes them.
    """

    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, options: ClassifierOptions, bands: int, outputs: int, task: str) -> None:
        super().__init__()
        self.options, self.bands, self.outputs, self.task = options, bands, outputs, task
        self.frozen = 0
        self.front = Front(options, bands)
        width = [options.width * min(2**i, options.growth) for i in range(options.depth)]
        if options.kind == "cnn1d":
            blocks, channels = _blocks_1d(options, bands, width), width[-1]
        elif options.kind == "residual":
            blocks, channels = _blocks_residual(width), width[-1]
        else:
            blocks, channels = _blocks_2d(options, width), width[-1]
        self.blocks = nn.ModuleList(blocks)
        self.block_dropout = nn.Dropout2d(options.block_dropout)
        self.summary, size = _summary(options, channels, bands)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(size, outputs)
        self.attend = GatedAttention(size) if options.aggregation == "attention" else None
        # regression: the head's numbers are standardised targets
        self.register_buffer("target_mean", torch.zeros(outputs))
        self.register_buffer("target_scale", torch.ones(outputs))
        if options.kind != "cnn1d":
            _channels_last(self)  # a third faster on a CPU

    def embed(self, x: Tensor) -> Tensor:
        """Map input as `front` makes it (B, T, F) to embeddings (B, D)."""
        flat = self.options.kind == "cnn1d"
        x = x.transpose(1, 2).unsqueeze(2) if flat else x.unsqueeze(1)  # flat: (B, F, 1, T)
        for block in self.blocks:
            x = self.block_dropout(block(x))
        return self.summary(x.transpose(2, 3) if flat else x)  # (B, C, T, F), flat has F = 1

    def freeze(self, blocks: int) -> None:
        """Hold the first blocks as they are: neither weights nor batch statistics change."""
        self.frozen = blocks
        for block in self.blocks[:blocks]:
            block.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Classifier":
        """Switch between training and evaluation; frozen blocks stay in evaluation."""
        super().train(mode)
        for block in self.blocks[: self.frozen]:
            block.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Map spectra (B, T, F) in dB to logits (B, K)."""
        return self.classify(self.embed(self.front(x)))

    def classify(self, embedded: Tensor) -> Tensor:
        """Map embeddings (..., D) to logits (..., K)."""
        return self.head(self.dropout(embedded))

    def gather(self, embedded: Tensor) -> Tensor:
        """Return recording logits (..., K) of the embeddings (..., S, D) of its chunks.

        Only where the aggregation is learned. Ilse et al., "Attention-based deep multiple instance
        learning" (2018), section 2.4.
        """
        if self.attend is None:
            raise ValueError("the aggregation of this network is not learned")
        return self.classify(self.attend(embedded))

    def decide(self, logits: Tensor) -> Tensor:
        """Return probabilities, or the values of a regression, of logits (..., K)."""
        if self.task == "single":
            return logits.softmax(-1)
        if self.task == "multi":
            return logits.sigmoid()
        return logits * self.target_scale + self.target_mean


def _channels_last(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)


class Front(nn.Module):
    """Average frames, limit the dynamic range, and bring levels to about zero mean and unit size.

    With ``normalise: peak`` levels count from the mean of the loudest frames (one in `LOUDEST`),
    and the dynamic range is mapped to about -1.5 to 1.5.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, options: ClassifierOptions, bands: int) -> None:
        super().__init__()
        self.reduce, self.range = options.reduce_frames, options.dynamic_range
        self.normalise, self.mean_removal = options.normalise, options.mean_removal
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("scale", torch.ones(bands))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, F) in dB to (B, T // reduce, F), without unit."""
        x = self.levels(x)
        if self.normalise == "peak":
            half = max(self.range, 1.0) / 2
            return (x + half) / (half / 1.5)
        if self.normalise == "chunk":
            x = x - x.mean((1, 2), keepdim=True)
            return x / (x.square().mean((1, 2), keepdim=True).sqrt() + 1.0)
        return (x - self.mean) / self.scale

    def levels(self, x: Tensor) -> Tensor:
        """Return what is normalised: averaged frames (B, T // reduce, F) in dB, range limited."""
        if self.reduce > 1:
            frames = x.shape[1] // self.reduce
            x = x[:, : frames * self.reduce].unflatten(1, (frames, self.reduce)).mean(2)
        if self.normalise == "peak":
            loudness = 10 * torch.log10((10 ** (x / 10)).sum(2))
            loudest = loudness.topk(max(x.shape[1] // LOUDEST, 1), 1).values
            x = x - loudest.mean(1)[:, None, None]
            floor = -self.range * torch.ones_like(x[:, :1, :1])
        else:
            floor = x.amax((1, 2), keepdim=True) - self.range
        if self.range > 0:
            x = torch.maximum(x, floor)
        return self._less_colour(x, floor) if self.mean_removal > 0 else x

    def _less_colour(self, x: Tensor, floor: Tensor) -> Tensor:
        """Take the mean spectrum of the frames above the floor off these frames, not its level."""
        heard = (x.amax(2, keepdim=True) > floor).to(x.dtype)
        mean = (x * heard).sum(1, keepdim=True) / heard.sum(1, keepdim=True).clamp(min=1)
        return x - self.mean_removal * heard * (mean - mean.mean(2, keepdim=True))


def _blocks_2d(options: ClassifierOptions, width: list[int]) -> list[nn.Module]:
    """VGG-like blocks of 3 x 3 convolutions (Simonyan and Zisserman 2015), on (B, C, T, F)."""
    blocks: list[nn.Module] = []
    before = 1
    for i, channels in enumerate(width):
        layers: list[nn.Module] = []
        for _ in range(options.convolutions if i else 1):
            layers += _convolution(before, channels)
            before = channels
        # a recurrent or attentive summary wants time resolution: it is halved but twice
        steps = (2, 2) if i < 2 or options.kind == "cnn" else (1, 2)
        steps = steps if i else (options.first_pool, 2)
        layers.append(nn.MaxPool2d(steps, ceil_mode=True))
        blocks.append(nn.Sequential(*layers))
    return blocks


def _convolution(before: int, channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]


def _blocks_1d(options: ClassifierOptions, bands: int, width: list[int]) -> list[nn.Module]:
    """Convolutions over time, the first over five frames; all bands are seen at once.

    On (B, C, 1, T). The last block keeps its frames.
    """
    blocks: list[nn.Module] = []
    before = bands
    for i, channels in enumerate(width):
        reach = 2 if i == 0 else 1
        layers = [
            nn.Conv2d(before, channels, (1, 2 * reach + 1), padding=(0, reach), bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        if i < len(width) - 1:
            layers.append(nn.MaxPool2d((1, 2), ceil_mode=True))
        blocks.append(nn.Sequential(*layers))
        before = channels
    return blocks


def _blocks_residual(width: list[int]) -> list[nn.Module]:
    return [
        ResidualBlock(before, channels)
        for before, channels in zip([1, *width[:-1]], width, strict=True)
    ]


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, halving time and bands.

    Block ``Res_2d`` of Won et al., "Evaluation of CNN-based automatic music tagging models" (2020),
    section 3.8.
    """

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, F) to (B, C', T / 2, F / 2)."""
        return F.relu(self.branch(x) + self.shortcut(x))


# --- summaries: (B, C, T, F) to (B, D) ------------------------------------------------------------


def _summary(options: ClassifierOptions, channels: int, bands: int) -> tuple[nn.Module, int]:
    """Return the module that summarises time, and D."""
    if options.kind == "crnn":
        for _ in range(options.depth):
            bands = (bands + 1) // 2
        return RecurrentSummary(channels * bands, 2 * options.width), 4 * options.width
    if options.kind == "attention":
        return AttentiveSummary(channels), channels
    size = channels * (2 if options.pooling == "mean_max" else 1)
    if options.kind == "residual":  # a dense layer before the head, as in the paper
        dense = nn.Sequential(nn.Linear(size, size), nn.LayerNorm(size), nn.ReLU())
        return nn.Sequential(PooledSummary(options.pooling), *dense), size
    return PooledSummary(options.pooling), size


class PooledSummary(nn.Module):
    """Mean and maximum over time and bands."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, F) to (B, D)."""
        parts = []
        if self.pooling != "max":
            parts.append(x.mean((2, 3)))
        if self.pooling != "mean":
            parts.append(x.amax((2, 3)))
        return torch.cat(parts, 1)


class RecurrentSummary(nn.Module):
    """A bidirectional LSTM over time and the mean of its states (Choi et al. 2017, with BiLSTM)."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(size, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, F) to (B, 2 hidden)."""
        states, _ = self.recurrent(x.permute(0, 2, 1, 3).flatten(2))
        return states.mean(1)


class AttentiveSummary(nn.Module):
    """Mean over the bands, then over time with learned weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.attention = GatedAttention(size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, F) to (B, C)."""
        return self.attention(x.mean(3).transpose(1, 2))


class GatedAttention(nn.Module):
    """A weighted mean whose weights are learned: equation 9 of Ilse et al. (2018)."""

    def __init__(self, size: int, hidden: int = 32) -> None:
        super().__init__()
        self.project, self.gate = nn.Linear(size, hidden), nn.Linear(size, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., S, D) to (..., D)."""
        weights = self.score(self.project(x).tanh() * self.gate(x).sigmoid()).softmax(-2)
        return (weights * x).sum(-2)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained numbers, frozen ones included."""
    return sum(parameter.numel() for parameter in network.parameters())


SHAPE = (
    "kind", "width", "depth", "growth", "convolutions", "first_pool", "pooling",
    "reduce_frames", "normalise", "dynamic_range", "mean_removal",
)  # fmt: skip
"""Options that must be alike for one network to start from another."""


def take_blocks(network: Classifier, other: Classifier) -> None:
    """Take normalisation, blocks and summary from a trained network; the head stays as it is.

    Raises
    ------
    InputError
        when they have different shapes, or hear different spectra.
    """
    different = [
        f"{name} is {getattr(network.options, name)!r}, not {getattr(other.options, name)!r}"
        for name in SHAPE
        if getattr(network.options, name) != getattr(other.options, name)
    ]
    if network.bands != other.bands:
        different.append(f"the spectra have {network.bands} bands, not {other.bands}")
    if different:
        raise InputError(
            "this network cannot start from the other task's: " + "; ".join(different) + ". "
            "Give both learners the same options and both tasks the same spectra."
        )
    for name in ("front", "blocks", "summary"):
        getattr(network, name).load_state_dict(getattr(other, name).state_dict())
