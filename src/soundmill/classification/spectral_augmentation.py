"""Changes made to log-mel crops while a network learns, a batch at a time.

Every function takes crops ``x`` (B, T, F) in dB (B crops, T frames, F bands) and a generator, and
returns crops of the same shape; a strength of 0 gives back the crops as they are. Each crop draws
for itself. Speed is applied where the crops are read, see `soundmill.classification.network_data`.
"""

import math

import numpy as np
import torch
from torch import Generator, Tensor

from soundmill.classification.network_options import SpectralAugmentationOptions

WAVES = 5
"""Half waves of the finest component of a random curve over the bands."""
NOISE_COLOUR = 5.0
"""Standard deviation (dB) of the spectrum of added noise around white noise's."""


class Changes:
    """The changes that are switched on, applied in the order sound meets them.

    Parameters
    ----------
    frequencies : centre (Hz) of each band (F,), rising, for warping; None: bands are linear.
    """

    def __init__(
        self, options: SpectralAugmentationOptions, frequencies: Tensor | None = None
    ) -> None:
        self.options, self.frequencies = options, frequencies

    def to_sound(
        self, x: Tensor, targets: Tensor, generator: Generator, pitch: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Change crops as another sound, microphone or room would.

        Parameters
        ----------
        x : crops (B, T, F) in dB, or bags of crops of one recording (B, S, T, F).
        targets : (B, c); mixed with the crops where powers are mixed.
        pitch : factor of all frequencies that goes with the pace each crop was read at, (B,) or
            (B, S).
        """
        options, shape = self.options, x.shape
        x = x.reshape(-1, *shape[-2:])
        pitch = None if pitch is None else pitch.reshape(-1)
        x = self._move(x, pitch, generator)
        x = shift_time(x, options.time_shift, generator)
        x = tilt(x, options.tilt, generator)
        x = equalise(x, options.equaliser, generator)
        if options.mixup_domain == "power":
            x = x.reshape(shape)
            x, targets = mix_powers(x, targets, self._mixup(generator), generator)
            x = x.reshape(-1, *shape[-2:])
        x = add_noise(x, options.noise, options.noise_snr, generator)
        x = limit_band(x, options.band_limit, generator)
        x = gain(x, options.gain, generator)
        return x.reshape(shape), targets

    def to_input(self, x: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Mask and mix what the network sees: normalised crops, shaped as in `to_sound`."""
        options, shape = self.options, x.shape
        x = x.reshape(-1, *shape[-2:])
        x = mask(x, options.time_masks, options.time_mask_share, 1, generator)
        x = mask(x, options.frequency_masks, options.frequency_mask_share, 2, generator)
        x = x.reshape(shape)
        if options.mixup_domain == "input":
            return mix(x, targets, self._mixup(generator), generator)
        return x, targets

    def _move(self, x: Tensor, pitch: Tensor | None, generator: Generator) -> Tensor:
        options = self.options
        if options.warp == 0 and options.shift == 0 and pitch is None:
            return x
        factor = torch.exp(_uniform(x, generator) * math.log1p(options.warp))
        if pitch is not None:
            factor = factor * pitch
        return move_bands(x, _uniform(x, generator) * options.shift, factor, self.frequencies)

    def _mixup(self, generator: Generator) -> float:
        """Alpha for this batch."""
        chosen = torch.rand((), generator=generator) < self.options.mixup_share
        return self.options.mixup if chosen else 0.0


def move_bands(
    x: Tensor, shift: Tensor, factor: Tensor | None = None, frequencies: Tensor | None = None
) -> Tensor:
    """Shift the spectrum along the bands, and multiply all its frequencies.

    Levels are interpolated linearly; what comes in from outside repeats the outermost band.

    Parameters
    ----------
    shift : bands towards the top, (B,).
    factor : of all frequencies, (B,).
    frequencies : centre (Hz) of each band (F,); None: band f stands for frequency f + 1.
    """
    count = x.shape[2]
    places = torch.arange(count, dtype=x.dtype)
    source = places.expand(len(x), count)
    if factor is not None:
        centres = places + 1 if frequencies is None else frequencies.to(x.dtype)
        wanted = (centres / factor[:, None]).contiguous()
        above = torch.searchsorted(centres, wanted).clamp(1, count - 1)
        low, high = centres[above - 1], centres[above]
        source = above - 1 + (wanted - low) / (high - low)
    source = (source - shift[:, None]).clamp(0, count - 1)
    weights = (1 - (source[:, None, :] - places[None, :, None]).abs()).clamp(min=0)
    return x @ weights  # (B, T, F) by (B, source, target)


def shift_time(x: Tensor, share: float, generator: Generator) -> Tensor:
    """Rotate in time by up to ``share`` of the crop, either way."""
    if share == 0:
        return x
    frames = x.shape[1]
    steps = (_uniform(x, generator) * share * frames).round().long()
    rows = (torch.arange(frames) - steps[:, None]) % frames
    return x.gather(1, rows[:, :, None].expand_as(x))


def gain(x: Tensor, decibels: float, generator: Generator) -> Tensor:
    """Change the level by up to ``decibels``."""
    if decibels == 0:
        return x
    return x + (_uniform(x, generator) * decibels)[:, None, None]


def tilt(x: Tensor, decibels: float, generator: Generator) -> Tensor:
    """Raise one end of the spectrum against the other by up to ``decibels``."""
    if decibels == 0:
        return x
    slope = torch.linspace(-0.5, 0.5, x.shape[2])
    return x + (_uniform(x, generator)[:, None] * slope * decibels)[:, None, :]


def equalise(x: Tensor, decibels: float, generator: Generator) -> Tensor:
    """Add a smooth random curve over the bands of standard deviation ``decibels``."""
    if decibels == 0:
        return x
    return x + decibels * _curves(x, generator)[:, None, :]


def add_noise(x: Tensor, share: float, snr: tuple[float, float], generator: Generator) -> Tensor:
    """Add noise to a share of the crops, at a ratio (dB) between the two of ``snr``.

    Powers are added. The noise has a random colour, and its powers fluctuate from cell to cell as
    those of Gaussian noise in a spectrogram (exponentially distributed).
    """
    if share == 0:
        return x
    batch = len(x)
    chosen = torch.rand(batch, generator=generator) < share
    ratio = snr[0] + torch.rand(batch, generator=generator) * (snr[1] - snr[0])
    colour = NOISE_COLOUR * _curves(x, generator)
    noise = torch.empty_like(x).exponential_(generator=generator) * _power(colour)[:, None, :]
    signal = _power(x)
    level = signal.mean((1, 2)) / noise.mean((1, 2)) * 10 ** (-ratio / 10)
    noisy = 10 * torch.log10(signal + noise * level[:, None, None])
    return torch.where(chosen[:, None, None], noisy, x)


def limit_band(x: Tensor, share: float, generator: Generator) -> Tensor:
    """Silence the bands above a random one, in the upper half, in a share of the crops."""
    if share == 0:
        return x
    batch, _, bands = x.shape
    chosen = torch.rand(batch, generator=generator) < share
    edge = ((0.5 + 0.5 * torch.rand(batch, generator=generator)) * bands).floor()
    silent = (torch.arange(bands) >= edge[:, None]) & chosen[:, None]
    return torch.where(silent[:, None, :], x.amin((1, 2), keepdim=True), x)


def mask(x: Tensor, count: int, share: float, axis: int, generator: Generator) -> Tensor:
    """Replace ``count`` spans along an axis by the crop's mean: SpecAugment (Park et al. 2019).

    Parameters
    ----------
    share : longest span as a share of the axis; lengths are uniform from 0.
    axis : 1 masks time, 2 masks bands.
    """
    if count == 0 or share == 0:
        return x
    size = x.shape[axis]
    length = torch.rand((len(x), count, 1), generator=generator) * share * size
    first = torch.rand((len(x), count, 1), generator=generator) * (size - length)
    cells = torch.arange(size) + 0.5
    covered = ((cells >= first) & (cells < first + length)).any(1)  # (B, size)
    covered = covered[:, :, None] if axis == 1 else covered[:, None, :]
    return torch.where(covered, x.mean((1, 2), keepdim=True), x)


def mix(x: Tensor, targets: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Mix each example (B, ...) and its target (B, c) with another of the batch (mixup).

    Parameters
    ----------
    alpha : of the Beta distribution of the shares; 0 mixes nothing.
    """
    if alpha == 0:
        return x, targets
    partner, share = _pairs(len(x), alpha, generator)
    own = share.reshape(-1, *[1] * (x.ndim - 1))
    return own * x + (1 - own) * x[partner], _mix_targets(targets, partner, share)


def mix_powers(
    x: Tensor, targets: Tensor, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Mix crops (B, ..., T, F) in dB as sounds: powers add, at the level of the first.

    The share is one of amplitude, as in between-class learning (Tokozume et al. 2018).
    """
    if alpha == 0:
        return x, targets
    partner, share = _pairs(len(x), alpha, generator)
    own = share.reshape(-1, *[1] * (x.ndim - 1))
    power = _power(x)
    level = power.flatten(1).mean(1).reshape(own.shape)
    other = power[partner] * (level / level[partner])
    mixed = 10 * torch.log10(own**2 * power + (1 - own) ** 2 * other)
    return mixed, _mix_targets(targets, partner, share)


def _pairs(count: int, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Partner and share of each example; the larger share is the example's own."""
    partner = torch.randperm(count, generator=generator)
    # torch's own Beta distribution takes no generator
    seed = int(torch.randint(2**31, (), generator=generator))
    share = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, count)).float()
    return partner, torch.maximum(share, 1 - share)


def _mix_targets(targets: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    return share[:, None] * targets + (1 - share[:, None]) * targets[partner]


def _curves(x: Tensor, generator: Generator) -> Tensor:
    """(B, F) smooth random curves of unit variance at the outermost bands."""
    orders = torch.arange(1, WAVES + 1)
    places = torch.linspace(0, math.pi, x.shape[2])
    waves = torch.cos(places * orders[:, None]) / orders[:, None].sqrt()
    amounts = torch.randn((len(x), WAVES), generator=generator)
    return amounts @ waves / (1 / orders).sum().sqrt()


def _uniform(x: Tensor, generator: Generator) -> Tensor:
    """(B,) numbers from -1 to 1."""
    return torch.rand(len(x), generator=generator) * 2 - 1


def _power(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 10)
