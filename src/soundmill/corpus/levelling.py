"""Loudness of a stream: ITU-R BS.1770-4 in constant memory, for recordings of any length."""

import math

import numpy as np
import pyloudnorm
from scipy.signal import lfilter

from soundmill.audio.files import Samples

CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
ABSOLUTE_GATE = -70.0
RELATIVE_GATE = -10.0


class LoudnessMeter:
    """Integrated loudness of blocks given one after another.

    The same measure as `soundmill.audio.levels.loudness`: K-weighting, gating blocks of 400 ms
    every 100 ms (BS.1770-4, annex 1); only the energy of each 100 ms is kept.
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
