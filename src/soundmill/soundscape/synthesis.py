"""From decoded magnitudes to sound, block by block.

Where the decoder is unsure of a bin, by as much as noise is, its fine structure is noise: white
noise through the decoded magnitudes. Where it is sure, the magnitude is what it says. The phases
start from those of the noise and are refined by fast Griffin-Lim (Perraudin, Balazs and Søndergaard
2013), with those of the frames already sounding held fast.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from soundmill.audio.files import Samples
from soundmill.soundscape.frontend import RAYLEIGH_MEAN, istft, noisiness, stft

MOMENTUM = 0.99
"""Of fast Griffin-Lim."""
CONTEXT = 16
"""Frames of the block before that a block begins with, so that phases go on."""
WAITING = 4
"""Frames at the end of a block that are refined again with the next: one window."""
SMOOTHED = 16
"""Frames to either side over which lost power is measured."""
MOST_GAIN = 2.0
"""Of what was lost no more is given back: 6 dB."""


def fast_griffin_lim(
    magnitudes: Tensor, phases: Tensor, n_fft: int, hop: int, iterations: int, held: int = 0
) -> Tensor:
    """Return the complex spectrum (..., T, bins) whose phases fit its magnitudes better.

    Parameters
    ----------
    magnitudes : (..., T, bins).
    phases : complex numbers of modulus 1 to start from, the same shape.
    held : frames at the beginning whose phases stay.
    """
    length = (magnitudes.shape[-2] - 1) * hop
    before: Tensor | None = None
    found = magnitudes * phases
    for _ in range(iterations):
        projected = stft(istft(found, n_fft, hop, length), n_fft, hop)
        pushed = projected if before is None else projected + MOMENTUM * (projected - before)
        before = projected
        angle = pushed / pushed.abs().clamp_min(1e-12)
        if held:
            angle = torch.cat([phases[..., :held, :], angle[..., held:, :]], dim=-2)
        found = magnitudes * angle
    return found


def _smooth(values: Tensor, width: int) -> Tensor:
    """Return the sums (T,) over a window of some frames around each."""
    window = torch.hann_window(2 * width + 1, periodic=False)[None, None]
    return nn.functional.conv1d(values[None, None], window, padding=width)[0, 0]


class Synthesiser:
    """Turns blocks of decoded frames into blocks of sound.

    Parameters
    ----------
    n_fft, hop : of the spectrum.
    channels : of the sound.
    coherence : (bins,) how alike the channels are, 0 to 1; for two channels.
    iterations : of Griffin-Lim.
    noise : how much of the fine structure of noise is drawn anew, 0 to 1.
    seed : of the noise.
    """

    def __init__(
        self,
        n_fft: int,
        hop: int,
        channels: int,
        seed: int,
        coherence: Tensor | None = None,
        iterations: int = 8,
        noise: float = 1.0,
    ) -> None:
        self.n_fft, self.hop, self.channels = n_fft, hop, channels
        self.coherence, self.iterations, self.noise = coherence, iterations, noise
        self._random = torch.Generator().manual_seed(seed)
        self._white = torch.randn(channels, n_fft, generator=self._random)
        self._mean: Tensor | None = None
        self._tail = torch.zeros(channels, 0)

    def blocks(self, frames: Iterator[tuple[Tensor, Tensor]]) -> Iterator[Samples]:
        """Yield samples (channels, n), hop for each frame.

        Parameters
        ----------
        frames : blocks of mean log magnitude in nepers and log of its standard deviation in nepers,
            each (channels, T, bins).
        """
        past = waiting = None
        for mean, log_spread in frames:
            new = self._draw(mean, log_spread)
            block = new if waiting is None else torch.cat([waiting, new], dim=1)
            if block.shape[1] <= WAITING:  # all of it waits
                waiting = block
                continue
            found = self._refine(past, block)
            # the last frames have heard nothing of what follows: they wait for it
            done, waiting = found[:, :-WAITING], found[:, -WAITING:]
            past = done if past is None else torch.cat([past, done], dim=1)
            past = past[:, -CONTEXT:]
            yield self._overlap(done)
        if waiting is not None:
            yield self._overlap(waiting)

    def _draw(self, mean: Tensor, log_spread: Tensor) -> Tensor:
        """Return a first spectrum (channels, T, bins): decoded magnitudes, noise where unsure."""
        white = self._noise(mean.shape[1])
        size = white.abs().clamp_min(1e-6)
        wobble = noisiness(log_spread, self.noise) * (torch.log(size) - RAYLEIGH_MEAN)
        return torch.exp(mean + wobble) * (white / size)

    def _refine(self, past: Tensor | None, block: Tensor) -> Tensor:
        """Return a block whose phases fit its magnitudes and the frames before it."""
        held = 0 if past is None else past.shape[1]
        joined = block if past is None else torch.cat([past, block], dim=1)
        size = joined.abs().clamp_min(1e-12)
        found = fast_griffin_lim(size, joined / size, self.n_fft, self.hop, self.iterations, held)
        return (found * self._lost(found))[:, held:]

    def _lost(self, spectrum: Tensor) -> Tensor:
        """Return the gain (T, 1) that gives frames back the power that overlapping them takes.

        Neighbouring frames of a drawn spectrum never quite agree, and what they disagree in cancels
        out: some 2.5 dB of a noise.
        """
        length = (spectrum.shape[1] - 1) * self.hop
        sounding = stft(istft(spectrum, self.n_fft, self.hop, length), self.n_fft, self.hop)
        meant, left = (
            _smooth(s.abs().square().sum((0, 2)), SMOOTHED) for s in (spectrum, sounding)
        )
        gain = (meant / left.clamp_min(1e-12)).sqrt()
        return gain.clamp(1, MOST_GAIN)[:, None]

    def _noise(self, frames: int) -> Tensor:
        """Return the spectrum (channels, frames, bins) of the next of an endless white noise."""
        fresh = torch.randn(self.channels, frames * self.hop, generator=self._random)
        joined = torch.cat([self._white, fresh], dim=1)
        self._white = joined[:, -self.n_fft :]
        windows = joined[:, self.hop :].unfold(1, self.n_fft, self.hop)[:, :frames]
        hann = torch.hann_window(self.n_fft)
        spectrum = torch.fft.rfft(windows * hann) / hann.square().sum().sqrt()
        if self.coherence is not None and self.channels == 2:
            own = torch.sqrt(1 - self.coherence.square())
            spectrum = torch.stack([spectrum[0], self.coherence * spectrum[0] + own * spectrum[1]])
        return spectrum

    def _overlap(self, spectrum: Tensor) -> Samples:
        """Overlap and add windowed frames; what later frames still add to is kept."""
        hann = torch.hann_window(self.n_fft)
        grains = torch.fft.irfft(spectrum * (self.n_fft / 4), n=self.n_fft) * hann
        frames, overlap = grains.shape[1], self.n_fft // self.hop
        sound = torch.zeros(self.channels, (frames + overlap - 1) * self.hop)
        for part in range(overlap):
            piece = grains[:, :, part * self.hop : (part + 1) * self.hop]
            sound[:, part * self.hop : (part + frames) * self.hop] += piece.flatten(1)
        kept = self._tail.shape[1]
        sound[:, :kept] += self._tail
        cut = frames * self.hop
        self._tail = sound[:, cut:]
        # squared Hann windows at a hop of a quarter add up to 3/2
        return np.asarray(sound[:, :cut] / 1.5, np.float32)
