"""Levels: loudness after ITU-R BS.1770-4, whole or streamed; normalisation without clipping."""

import math

import numpy as np
import pyloudnorm
from scipy.signal import lfilter

from soundmill.audio.files import Samples

BLOCK_SECONDS = 0.4
"""Gating block of BS.1770-4; a shorter sound is repeated until it fills one."""
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
ABSOLUTE_GATE = -70.0
RELATIVE_GATE = -10.0


def loudness(samples: Samples, sample_rate: int) -> float:
    """Return the integrated loudness in LUFS of samples (channels, n); silence is -inf."""
    needed = math.ceil(BLOCK_SECONDS * sample_rate)
    if samples.shape[1] == 0:
        return -math.inf
    if samples.shape[1] < needed:
        samples = np.tile(samples, math.ceil(needed / samples.shape[1]))
    if not np.any(samples):
        return -math.inf
    meter = pyloudnorm.Meter(sample_rate, block_size=BLOCK_SECONDS)
    # BS.1770 has weights for five channels; of more, the mean over channels stands for all
    measured = samples if len(samples) <= 5 else samples.mean(axis=0, keepdims=True)
    return float(meter.integrated_loudness(measured.T.astype(np.float64)))


def peak_dbfs(samples: Samples) -> float:
    """Return the sample peak in dB relative to full scale; silence is -inf."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def normalise_loudness(
    samples: Samples, sample_rate: int, target: float = -16.0, peak: float = -1.0
) -> Samples:
    """Scale to ``target`` LUFS, but never above a sample peak of ``peak`` dBFS.

    The gain is one number for the whole recording: dynamics stay as they are, and a very
    peaky recording ends below the target rather than clipped. Silence is returned unchanged.
    """
    level = loudness(samples, sample_rate)
    if not math.isfinite(level):
        return samples
    gain = min(target - level, peak - peak_dbfs(samples))
    return (samples * np.float32(10 ** (gain / 20))).astype(np.float32)


class LoudnessMeter:
    """Integrated loudness of blocks given one after another, for recordings of any length.

    The same measure as `loudness`, whose library wants a whole recording in memory:
    K-weighting, gating blocks of 400 ms every 100 ms (BS.1770-4, annex 1); only the energy of
    each 100 ms is kept.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        shelf, high_pass = pyloudnorm.Meter(sample_rate)._filters.values()
        self._coefficients = [(shelf.b, shelf.a), (high_pass.b, high_pass.a)]
        # of more than five channels the mean stands for all, as BS.1770 weights five
        self._weights = np.array(CHANNEL_WEIGHTS[:channels] if channels <= 5 else [1.0])
        self._states = [np.zeros((len(self._weights), 2)) for _ in self._coefficients]
        self._hop = round(0.1 * sample_rate)
        self._rest = np.zeros((len(self._weights), 0))
        self._energies: list[float] = []

    def add(self, block: Samples) -> None:
        """Take the next samples, of shape (channels, n)."""
        data = block.astype(np.float64)
        if len(data) > len(self._weights):
            data = data.mean(axis=0, keepdims=True)
        for number, (b, a) in enumerate(self._coefficients):
            data, self._states[number] = lfilter(b, a, data, axis=1, zi=self._states[number])
        data = np.concatenate([self._rest, data], axis=1)
        hops = data.shape[1] // self._hop
        whole = data[:, : hops * self._hop].reshape(len(data), hops, self._hop)
        self._energies.extend(self._weights @ np.square(whole).mean(axis=2))
        self._rest = data[:, hops * self._hop :]

    def loudness(self) -> float:
        """Return the loudness so far in LUFS; silence is -inf."""
        energies = np.array(self._energies)
        if len(energies) >= 4:
            energies = np.convolve(energies, np.full(4, 0.25), "valid")
        elif self._rest.shape[1]:  # shorter than a gating block: all there is counts as one
            energies = np.append(energies, self._weights @ np.square(self._rest).mean(axis=1))
        energies = energies[energies > _energy(ABSOLUTE_GATE)]
        if len(energies):
            energies = energies[energies > energies.mean() * 10 ** (RELATIVE_GATE / 10)]
        return -0.691 + 10 * math.log10(energies.mean()) if len(energies) else -math.inf


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
