"""How far a sound is from another that it should equal: a reconstruction from its original.

All functions take samples of shape (channels, n) at one rate; the longer of two is cut to the
length of the other, and both are padded to one frame where they are shorter.

Spectra are magnitudes of Hann windows, a quarter of a window apart, of whole frames only.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples
from soundmill.audio.levels import loudness
from soundmill.errors import InputError
from soundmill.soundscape.filters import mel_filters, power_frames

Floats = npt.NDArray[np.float32]

SCALES = (2048, 1024, 512, 256, 128, 64)
"""Window lengths of the multi-scale distance (DDSP, appendix B.1)."""
LSD_WINDOW = 1024
MEL_WINDOW = 2048
MEL_BANDS = 128
DEEPEST_DB = 80.0
"""Levels this far below the loudest of the original count as equal: nobody hears them."""
FAINTEST = 1e-12
"""Least power; below a 16-bit file's rounding in any bin."""
MOST_CONVERGENCE = 10.0
"""Bounds the spectral convergence, so that one silent original does not decide a mean."""
QUIETEST_LUFS = -70.0
"""The absolute gate of BS.1770: silence counts as this loud."""
UNITS = {"log_spectral_distance": "dB", "multi_scale_stft": "", "mel_l1": "dB",
         "loudness_error": "LU"}  # fmt: skip


def log_spectral_distance(reference: Samples, other: Samples, sample_rate: int) -> float:
    """Return the log-spectral distance in dB (Gray and Markel, IEEE Trans. ASSP 24(5), 1976).

    Magnitudes of Hann windows of 1024 samples, 256 apart, in dB (20 log10), are floored 80 dB below
    the loudest bin of the whole reference, in both sounds. In each frame the root of the mean over
    the bins of the squared difference is taken; then the mean over frames and channels.
    ``sample_rate`` does not matter: the windows count samples.
    """
    return Original(reference, sample_rate).compare(other)["log_spectral_distance"]


def multi_scale_stft(reference: Samples, other: Samples, sample_rate: int) -> float:
    """Return the multi-scale spectral distance, without unit: 0 for equal sounds.

    The mean over windows of 2048, 1024, ... 64 samples of the sum of the spectral convergence (the
    norm of the difference of magnitudes over that of the reference, 10 at most) and the mean
    absolute difference of their natural logarithms, floored 80 dB below the loudest bin of the
    reference.

    References
    ----------
    R. Yamamoto et al., Parallel WaveGAN, ICASSP 2020, equations 3 to 5 (three windows there);
    J. Engel et al., DDSP, ICLR 2020, section 4.2.1 (these windows).
    """
    return Original(reference, sample_rate).compare(other)["multi_scale_stft"]


def mel_l1(reference: Samples, other: Samples, sample_rate: int) -> float:
    """Return the mean absolute difference in dB of 128 mel bands (power, windows of 2048)."""
    return Original(reference, sample_rate).compare(other)["mel_l1"]


def loudness_error(reference: Samples, other: Samples, sample_rate: int) -> float:
    """Return the absolute difference of loudness (BS.1770) in LU; silence counts as -70 LUFS."""
    return abs(_loudness(reference, sample_rate) - _loudness(other, sample_rate))


class Original:
    """A sound that others are compared with, its spectra computed once.

    Parameters
    ----------
    samples : (channels, n).
    """

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        self.samples, self.sample_rate = samples, sample_rate
        self._spectra: dict[int, Mapping[int, Floats]] = {}
        self._loudness = _loudness(samples, sample_rate)

    def compare(self, other: Samples) -> dict[str, float]:
        """Return all four distances by name; units in `UNITS`.

        Raises
        ------
        InputError
            When the numbers of channels differ.
        """
        if len(other) != len(self.samples):
            raise InputError(
                f"a sound of {len(other)} channels cannot be compared with one of "
                f"{len(self.samples)}. Make the clips again."
            )
        n = min(other.shape[1], self.samples.shape[1])
        if n not in self._spectra:
            self._spectra = {n: _spectra(self.samples[:, :n])}
        mine, theirs = self._spectra[n], _spectra(other[:, :n])
        multi = [_convergence_and_logs(mine[size], theirs[size]) for size in SCALES]
        return {
            "log_spectral_distance": _rms_decibels(mine[LSD_WINDOW], theirs[LSD_WINDOW]),
            "multi_scale_stft": float(np.mean(multi)),
            "mel_l1": self._mel(mine[MEL_WINDOW], theirs[MEL_WINDOW]),
            "loudness_error": abs(self._loudness - _loudness(other, self.sample_rate)),
        }

    def _mel(self, mine: Floats, theirs: Floats) -> float:
        filters = mel_filters(self.sample_rate, MEL_WINDOW, MEL_BANDS)
        return float(np.abs(_level_difference(mine @ filters, theirs @ filters)).mean())


def _spectra(samples: Samples) -> dict[int, Floats]:
    """Return the power (channels * frames, bins) of each window length."""
    return {size: power_frames(samples, size, size // 4) for size in SCALES}


def _level_difference(mine: Floats, theirs: Floats) -> Floats:
    """Return the difference of powers in dB, floored under the loudest of ``mine``."""
    ratio = np.log(_floored(mine, mine)) - np.log(_floored(theirs, mine))
    return np.asarray(ratio * np.float32(10 / np.log(10)))


def _floored(power: Floats, reference: Floats) -> Floats:
    floor = max(float(reference.max()) * 10 ** (-DEEPEST_DB / 10), FAINTEST)
    return np.asarray(np.maximum(power, np.float32(floor)))


def _rms_decibels(mine: Floats, theirs: Floats) -> float:
    return float(np.sqrt(np.square(_level_difference(mine, theirs)).mean(axis=1)).mean())


def _convergence_and_logs(mine: Floats, theirs: Floats) -> float:
    difference = np.sqrt(mine) - np.sqrt(theirs)
    size = max(float(mine.sum(dtype=np.float64)), FAINTEST)
    convergence = np.sqrt(float(np.square(difference).sum(dtype=np.float64)) / size)
    logs = np.abs(np.log(_floored(mine, mine)) - np.log(_floored(theirs, mine))).mean()
    convergence = min(convergence, MOST_CONVERGENCE)
    return float(convergence + logs / 2)  # half the logarithm of a power is that of a magnitude


def _loudness(samples: Samples, sample_rate: int) -> float:
    return max(loudness(samples, sample_rate), QUIETEST_LUFS)
