"""What all recipes of `demo:soundscapes` are made of: moving noise, slow curves, grains.

Noise is drawn in the frequency domain, frame by frame, so that its spectrum may change over time;
short events are written as a matrix of grains and added where they begin. Neither loops over
samples.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Curve = npt.NDArray[np.floating]
Random = np.random.Generator

FRAME = 1024
HOP = FRAME // 2
BINS = FRAME // 2 + 1
GRAIN_GROUPS = 6
"""Grains are written in groups of like length, so that short ones do not pay for long ones."""


def frequencies(rate: int) -> Floats:
    """Return the frequencies in Hz of the bins of `moving_noise`; the first is 1, not 0."""
    return np.maximum(np.arange(BINS) * (rate / FRAME), 1.0).astype(np.float32)


def frame_times(n: int, rate: int) -> Doubles:
    """Return the times in seconds of the frames that cover ``n`` samples."""
    return np.arange(n // HOP + 2, dtype=np.float64) * (HOP / rate)


def moving_noise(rng: Random, power: Curve, n: int) -> Floats:
    """Return ``n`` samples of Gaussian noise whose spectrum follows ``power``, with RMS 1.

    Parameters
    ----------
    power : (frames, BINS) or (1, BINS), power at the times of `frame_times`. Frames overlap by
        half under a sine window, whose squares add up to one, so that independent frames make
        noise without a seam.
    """
    count = n // HOP + 2
    power = np.broadcast_to(power, (count, BINS))
    drawn = rng.standard_normal((count, BINS * 2), np.float32).view(np.complex64)
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)
    frames = fft.irfft(drawn * np.sqrt(power).astype(np.float32), axis=1)
    frames *= window
    out = np.zeros((count + 1) * HOP, np.float32)
    out[:-HOP] += frames[:, :HOP].ravel()
    out[HOP:] += frames[:, HOP:].ravel()
    return scaled(out[HOP : HOP + n])


def drift(rng: Random, times: Doubles, hertz: float) -> Doubles:
    """Return a slow random curve of mean 0 and variance 1 that changes up to ``hertz``.

    A sum of sinusoids of random phase (Rice 1944, "Mathematical analysis of random noise").
    """
    pace = hertz * rng.uniform(0.15, 1.0, 9)
    phase = rng.uniform(0, 2 * np.pi, 9)
    weight = rng.uniform(0.6, 1.0, 9)
    curve = weight @ np.sin(2 * np.pi * pace[:, None] * times + phase[:, None])
    return np.asarray(curve / np.sqrt(0.5 * np.sum(weight**2)))


def follow(curve: Doubles, n: int) -> Floats:
    """Return a curve over frames at each of ``n`` samples."""
    at = np.arange(len(curve)) * HOP
    return np.interp(np.arange(n), at, curve).astype(np.float32)


def hump(frequency: Curve, centre: npt.ArrayLike, octaves: float) -> Curve:
    """Return a bell over log frequency: 1 at the centre, e^-0.5 ``octaves`` away from it."""
    away = np.log2(frequency / np.asarray(centre)) / octaves
    return np.asarray(np.exp(-0.5 * away**2))


def roll_off(frequency: Curve, corner: npt.ArrayLike, slope: float) -> Curve:
    """Return a power spectrum, flat below the corner and falling ``slope`` dB an octave above."""
    return np.asarray(1 / (1 + (frequency / np.asarray(corner)) ** (slope / 3.01)))


def decibels(level: npt.ArrayLike) -> Doubles:
    """Return the factor on amplitudes of a level in dB."""
    return np.asarray(10 ** (np.asarray(level, np.float64) / 20))


def rms(samples: Floats) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float32), dtype=np.float64)))


def scaled(samples: Floats, level: float = 0.0) -> Floats:
    """Scale to an RMS of ``level`` dB; silence stays silent."""
    power = rms(samples)
    return samples * np.float32(decibels(level) / power) if power > 0 else samples


def poisson_times(
    rng: Random, seconds: float, rate: float, density: Doubles | None = None
) -> Doubles:
    """Return the times of a Poisson process of ``rate`` events a second, in order.

    Parameters
    ----------
    density : relative rate at equally spaced times from 0 to ``seconds``; default constant.
    """
    count = rng.poisson(rate * seconds)
    drawn = np.sort(rng.uniform(0, 1, count))
    if density is None:
        return drawn * seconds
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(drawn, total / total[-1], np.linspace(0, seconds, len(density)))


def heavy_tail(rng: Random, count: int, shape: float) -> Doubles:
    """Return amplitudes of many faint and few strong events: Pareto, at most 15 times the least."""
    return np.minimum((1 - rng.uniform(0, 1, count)) ** (-1 / shape), 15.0)


Shape = Callable[[npt.NDArray[np.intp], Floats], Floats]
"""From the numbers of grains (m,) and the times in s (1, length) to grains (m, length)."""


def add_grains(out: Floats, rate: int, starts: Curve, seconds: Curve, shape: Shape) -> None:
    """Add grains to a sound in place; what would ring on past its end is cut off.

    Parameters
    ----------
    starts : times in s at which the grains begin; those before 0 or after the end are left out.
    seconds : how long each grain sounds.
    shape : makes the grains; called for a few groups of like length.
    """
    n = len(out)
    places = np.round(starts * rate).astype(np.intp)
    lengths = np.maximum(np.ceil(seconds * rate).astype(np.intp), 2)
    wanted = np.flatnonzero((places >= 0) & (places < n))
    order = wanted[np.argsort(lengths[wanted], kind="stable")]
    for group in np.array_split(order, GRAIN_GROUPS):
        if not len(group):
            continue
        length = int(lengths[group].max())
        time = (np.arange(length, dtype=np.float32) / np.float32(rate))[None]
        grains = shape(group, time)
        index = places[group][:, None] + np.arange(length)
        first, last = int(places[group].min()), int(places[group].max()) + length
        added = np.bincount((index - first).ravel(), grains.ravel(), last - first)
        stop = min(last, n)
        out[first:stop] += added[: stop - first].astype(np.float32)


def ring(
    out: Floats,
    rate: int,
    starts: Doubles,
    gains: Doubles,
    frequency: Doubles,
    decay: Doubles,
    rise: Doubles | float = 0.0,
) -> None:
    """Add damped sines, the sound of struck or bubbling things: all arrays (m,).

    Parameters
    ----------
    frequency : Hz at the beginning; ``rise`` times that is added a second (van den Doel 2005).
    decay : 1/s; a grain ends when it has fallen by 52 dB.
    """
    climbing = np.broadcast_to(rise, frequency.shape)
    level, low, fall, climb = (
        values.astype(np.float32)[:, None] for values in (gains, frequency, decay, climbing)
    )

    def shape(group: npt.NDArray[np.intp], time: Floats) -> Floats:
        turns = low[group] * time * (1 + 0.5 * climb[group] * time)
        return np.asarray(
            level[group] * np.exp(-fall[group] * time) * np.sin(np.float32(2 * np.pi) * turns)
        )

    add_grains(out, rate, starts, 6 / decay, shape)


def bursts(
    rng: Random, out: Floats, rate: int, starts: Doubles, gains: Doubles, decay: Doubles
) -> None:
    """Add bursts of white noise that begin at once and fall by ``decay`` (1/s): arrays (m,)."""
    noise = rng.standard_normal(1 << 15, np.float32)
    offset = rng.integers(0, len(noise), len(starts))
    level, fall = gains.astype(np.float32)[:, None], decay.astype(np.float32)[:, None]

    def shape(group: npt.NDArray[np.intp], time: Floats) -> Floats:
        index = (offset[group][:, None] + np.arange(time.shape[1])) % len(noise)
        return np.asarray(level[group] * np.exp(-fall[group] * time) * noise[index])

    add_grains(out, rate, starts, 5 / decay, shape)


def bubbles(rng: Random, out: Floats, rate: int, starts: Doubles, radius: Doubles) -> None:
    """Add bubbles of air in water, of radii (m,) in metres.

    K. van den Doel 2005, "Physically based models for liquid sounds", ACM Transactions on Applied
    Perception 2(4): pitch 3/r, decay 0.13/r + 0.0072 r^-3/2, loudness about r^1.5 times a random
    depth, pitch that rises the more the nearer the surface.
    """
    decay = 0.13 / radius + 0.0072 * radius**-1.5
    depth = rng.uniform(0.05, 1, len(starts))
    rise = decay * np.where(depth > 0.5, 0.1 * depth, 0.0)
    gains = depth * (radius / radius.max(initial=1e-9)) ** 1.5
    ring(out, rate, starts, gains, 3 / radius, decay, rise)
