"""Recordings as latents, in blocks: recordings of any length in bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from soundmill.audio.files import Samples
from soundmill.soundscape.autoencoder import Autoencoder
from soundmill.soundscape.frontend import log_magnitudes, stft

BLOCK_SECONDS = 20.0
"""Sound that is encoded at once."""


class Sound(Protocol):
    """What can be read in parts: a recording, or samples in memory."""

    @property
    def frames(self) -> int:
        """Number of samples."""
        ...

    def read(self, first: int, count: int, channels: int) -> Samples:
        """Return samples (channels, count or fewer at the end)."""
        ...


class Encoded(NamedTuple):
    """The global vector (G,) and the means and log variances (S, D) of a recording's latents."""

    g: Tensor
    mean: Tensor
    log_variance: Tensor


@torch.no_grad()
def encode(
    network: Autoencoder, sound: Sound, *, channels: int, sample_rate: int, n_fft: int, hop: int
) -> Encoded:
    """Return the latents of a sound.

    The global vector is that of the whole sound; a sound shorter than a frame of latents is padded
    with silence to one.
    """
    step = hop * network.stride
    block = max(1, round(BLOCK_SECONDS * sample_rate / step)) * step
    # what is left after the last whole frame of latents is in none of them, nor in the mean
    ends = list(range(0, max(sound.frames // step * step, step), block))
    total, count = torch.zeros(network.bands), 0
    for first in ends:
        before = min(step, first)  # so that no window is cut where blocks meet
        y = _levels(network, sound, first - before, block + before, channels, n_fft, hop, step)
        y = y[before // hop :][: block // hop]
        total, count = total + y.sum(0), count + len(y)
    stays = (total / max(count, 1))[None, None]
    g, _ = network.encode_global(stays, torch.ones(1, 1))
    parts = list(_rest(network, sound, g, ends, block, channels, n_fft, hop))
    means, variances = (torch.cat(each) for each in zip(*parts, strict=True))
    return Encoded(g[0], means, variances)


def _rest(
    network: Autoencoder, sound: Sound, g: Tensor, ends: list[int], block: int, channels: int,
    n_fft: int, hop: int,
) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """Yield means and log variances of each block, encoded with what is around it."""
    step = hop * network.stride
    around = network.context * step
    for first in ends:
        before = min(around, first)
        y = _levels(network, sound, first - before, block + before, channels, n_fft, hop, around)
        mean, log_variance = network.encode_rest(y[None], g, torch.ones(1, len(y)))
        start = before // step
        stop = start + min(block, max(sound.frames - first, step)) // step
        yield mean[0, start:stop], log_variance[0, start:stop]


def _levels(
    network: Autoencoder, sound: Sound, first: int, count: int, channels: int, n_fft: int, hop: int,
    around: int,
) -> Tensor:  # fmt: skip
    """Return normalised log magnitudes (T, bands) from a sample on; T fits whole latents."""
    step = hop * network.stride
    samples = torch.from_numpy(sound.read(first, count + around, channels))
    if samples.shape[1] < step:
        samples = torch.nn.functional.pad(samples, (0, step - samples.shape[1]))
    levels = log_magnitudes(stft(samples, n_fft, hop)).transpose(0, 1).flatten(1)
    whole = samples.shape[1] // step * network.stride
    return network.normalise(levels[:whole])
