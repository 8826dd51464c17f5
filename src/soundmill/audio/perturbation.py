"""Changed copies of recordings: pitch, tempo, tone, dynamics, codec, noise, room, level.

All but the room through audiomentations (MIT), which keeps its length of import (a second) for
those who use it; the room is the project's own, since audiomentations' RoomSimulator needs a tenth
of a second for five seconds of sound and draws its rays from a generator that cannot be seeded.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from soundmill.audio import perturbation_options as options
from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.synthesis import effects, presets

Perturbation = Callable[[Samples, int], Samples]
Fixed = Literal["noise", "pitch", "tempo", "mp3", "gain", "reverb"]

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
MP3_SHORTEST = 0.1
"""Seconds the encoder needs; shorter sounds are filled up with silence and cut again."""
SLOPES = {"white": 0.0, "pink": -3.01, "brown": -6.02, "blue": 3.01, "violet": 6.02}
"""Of the coloured noises, dB an octave."""
ATTACK, RELEASE = (0.002, 0.02), (0.05, 0.5)
"""Of the compressor, seconds."""
WET = -6.0
"""Level of the room of `fixed_perturbation`, dB."""

_lock = threading.Lock()


def perturb(
    samples: Samples, sample_rate: int, augmentation: options.Augmentation, seed: int
) -> Samples:
    """Return a changed copy of a recording; the amounts are drawn from ``seed`` alone.

    Parameters
    ----------
    samples : (n,) or (channels, n), full scale is -1 to 1; not changed.
    sample_rate : Hz.
    seed : use `soundmill.seeds.derive` with the recording's id and the copy's number.

    Returns
    -------
    An array of the same shape; `TimeStretch` alone changes n, to n / factor. Values may pass full
    scale: nothing is clipped.

    Raises
    ------
    InputError
        When an MP3 of this rate does not exist.
    """
    rng = random.Random(seed)
    match augmentation:
        case options.PitchShift(semitones=most):
            return _pitch(samples, sample_rate, rng.uniform(-most, most))
        case options.TimeStretch(low=low, high=high):
            return _tempo(samples, sample_rate, rng.uniform(low, high))
        case options.Equaliser(decibels=most):
            return _equalise(samples, sample_rate, most, seed)
        case options.Compression(low=low, high=high):
            return _compress(samples, sample_rate, rng.uniform(low, high), seed)
        case options.Codec(bit_rates=rates):
            return _mp3(samples, sample_rate, rng.choice(rates))
        case options.Noise(low=low, high=high, colour=colour):
            slope = SLOPES[colour] if colour != "any" else rng.uniform(-6.02, 6.02)
            return _noise(samples, sample_rate, rng.uniform(low, high), slope, seed)
        case options.Reverb(low=low, high=high, low_wet=low_wet, high_wet=high_wet):
            wet = rng.uniform(low_wet, high_wet)
            return _reverb(samples, sample_rate, rng.uniform(low, high), wet)
        case options.Gain(decibels=most):
            return _gain(samples, rng.uniform(-most, most))
    raise TypeError(f"no such augmentation: {type(augmentation).__name__}")


def fixed_perturbation(kind: Fixed, value: float, seed: int = 0) -> Perturbation:
    """Return a function (samples, sample_rate) that changes every recording by the same amount.

    Parameters
    ----------
    kind, value : ``noise`` white, signal-to-noise ratio in dB; ``pitch`` in semitones; ``tempo`` as
        a factor, 2 is twice as fast; ``mp3`` in kilobits a second; ``gain`` in dB; ``reverb``, RT60
        in seconds at -6 dB.
    seed : of the noise.

    Samples are (n,) or (channels, n), as in `perturb`.
    """
    match kind:
        case "noise":
            return lambda samples, rate: _noise(samples, rate, value, 0.0, seed)
        case "pitch":
            return lambda samples, rate: _pitch(samples, rate, value)
        case "tempo":
            return lambda samples, rate: _tempo(samples, rate, value)
        case "mp3":
            return lambda samples, rate: _mp3(samples, rate, round(value))
        case "gain":
            return lambda samples, rate: _gain(samples, value)
        case "reverb":
            return lambda samples, rate: _reverb(samples, rate, value, WET)
    raise ValueError(f"no such perturbation: {kind}")


def check_rate(augmentation: options.Augmentation, sample_rate: int) -> None:
    """Refuse a sample rate in Hz that the augmentation cannot work at.

    Raises
    ------
    InputError
        When an MP3 of this rate does not exist.
    """
    if isinstance(augmentation, options.Codec):
        _check_mp3(sample_rate)


def _check_mp3(sample_rate: int) -> None:
    if sample_rate not in MP3_RATES:
        raise InputError(
            f"there is no MP3 with a sample rate of {sample_rate} Hz (there is with "
            f"{', '.join(map(str, MP3_RATES))}); change sample_rate of the spectra, or leave out "
            "the augmentation of kind codec"
        )


def _pitch(samples: Samples, rate: int, semitones: float) -> Samples:
    return _apply("PitchShift", samples, rate, 0, min_semitones=semitones, max_semitones=semitones)


def _tempo(samples: Samples, rate: int, factor: float) -> Samples:
    return _apply(
        "TimeStretch", samples, rate, 0,
        min_rate=factor, max_rate=factor, leave_length_unchanged=False,
    )  # fmt: skip


def _compress(samples: Samples, rate: int, threshold: float, seed: int) -> Samples:
    out = _apply(
        "Limiter", samples, rate, seed,
        min_threshold_db=threshold, max_threshold_db=threshold,
        min_attack=ATTACK[0], max_attack=ATTACK[1], min_release=RELEASE[0], max_release=RELEASE[1],
    )  # fmt: skip
    before, after = np.abs(samples).max(initial=0), np.abs(out).max(initial=0)
    return out if after == 0 else np.asarray(out * np.float32(before / after))


def _mp3(samples: Samples, rate: int, kilobits: int) -> Samples:
    _check_mp3(rate)
    n = samples.shape[-1]
    short = max(0, round(MP3_SHORTEST * rate) + 1 - n)
    padded = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(0, short)])
    out = _apply(
        "Mp3Compression", padded, rate, 0, min_bitrate=kilobits, max_bitrate=kilobits
    )  # fmt: skip
    return out[..., :n]


def _noise(samples: Samples, rate: int, ratio: float, slope: float, seed: int) -> Samples:
    levels: dict[str, Any] = {"min_snr_db": ratio, "max_snr_db": ratio}
    if slope == 0:
        return _apply("AddGaussianSNR", samples, rate, seed, **levels)
    return _apply(
        "AddColorNoise", samples, rate, seed, **levels, min_f_decay=slope, max_f_decay=slope
    )


def _reverb(samples: Samples, rate: int, seconds: float, wet: float) -> Samples:
    room = presets.Reverb(seconds=seconds, wet=wet)
    n = samples.shape[-1]
    if not n:
        return samples
    channels = [
        effects.reverb(np.stack([channel, channel]), rate, room)[0, :n]
        for channel in np.atleast_2d(samples)
    ]
    return np.stack(channels).reshape(samples.shape)


def _gain(samples: Samples, decibels: float) -> Samples:
    return np.asarray(samples * np.float32(10 ** (decibels / 20)))


def _equalise(samples: Samples, rate: int, most: float, seed: int) -> Samples:
    def keep_below_nyquist(transform: Any) -> None:
        # centres beyond half the rate would fold and can make a filter unstable
        shelves = [transform.low_shelf_filter, transform.high_shelf_filter]
        for each in (*shelves, *transform.peaking_filters):
            each.parameters["center_freq"] = min(each.parameters["center_freq"], 0.45 * rate)

    return _apply(
        "SevenBandParametricEQ", samples, rate, seed,
        adjust=keep_below_nyquist, min_gain_db=-most, max_gain_db=most,
    )  # fmt: skip


def _apply(
    name: str,
    samples: Samples,
    rate: int,
    seed: int,
    adjust: Callable[[Any], None] | None = None,
    **settings: Any,
) -> Samples:
    """Apply a transform of audiomentations; ``adjust`` may change what was drawn for it."""
    import audiomentations

    samples = np.ascontiguousarray(samples, np.float32)
    if not samples.size:
        return samples
    transform = getattr(audiomentations, name)(p=1.0, **settings)
    with _seeded(seed):
        transform.randomize_parameters(samples, rate)
        if name in ("AddGaussianSNR", "AddColorNoise"):  # draw while they are applied
            return np.asarray(transform.apply(samples, rate), np.float32)
    if adjust:
        adjust(transform)
    return np.asarray(transform.apply(samples, rate), np.float32)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python's and NumPy's global generators, from which audiomentations draws, for a while.

    One thread at a time, and both generators go on afterwards as if nothing had been drawn.
    """
    with _lock:
        kept, kept_numpy = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(kept)
            np.random.set_state(kept_numpy)
