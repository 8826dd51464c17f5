"""Levels: loudness after ITU-R BS.1770-4, normalisation without clipping, silence trimming."""

import math

import numpy as np
import pyloudnorm

from soundmill.audio.files import Samples

BLOCK_SECONDS = 0.4
"""Gating block of BS.1770-4; a shorter sound is repeated until it fills one."""


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


def trim_silence(
    samples: Samples, sample_rate: int, threshold_db: float = -60.0, keep_seconds: float = 0.1
) -> Samples:
    """Cut what is below ``threshold_db`` dBFS at both ends, leaving ``keep_seconds`` of it.

    Only ends are cut; a recording that never rises above the threshold comes back empty.
    """
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 10 ** (threshold_db / 20))
    if not len(loud):
        return samples[:, :0]
    keep = round(keep_seconds * sample_rate)
    return samples[:, max(0, loud[0] - keep) : loud[-1] + 1 + keep]
