"""Rain, wind and thunder of `demo:soundscapes`."""

from typing import NamedTuple

import numpy as np
from scipy import fft

from soundmill.corpus.demo.soundscape_tools import (
    Floats,
    Random,
    bubbles,
    bursts,
    decibels,
    drift,
    frame_times,
    frequencies,
    heavy_tail,
    hump,
    moving_noise,
    poisson_times,
    ring,
    roll_off,
    scaled,
)

SPEED_OF_SOUND = 340.0
"""m/s."""


class Rain(NamedTuple):
    """Drops that are heard one by one, over the noise of all the others."""

    drops: float
    """Near drops a second."""
    surface: float
    """Pitch in Hz at which what they fall on rings."""
    ringing: float
    """Share of the drops that let it ring: little for leaves, much for tin."""
    puddles: float
    """Share of the drops that catch a bubble."""
    centre: float
    """Hz around which the noise of the far drops is strongest."""
    bass: float
    """Level of the low noise of a downpour beside that noise, dB."""
    near: float
    """Level of the near drops beside the far, dB."""
    waver: float
    """How much the rain comes and goes, dB."""


def draw_rain(rng: Random, hour: float) -> Rain:
    """Draw a shower; the hour of the day plays no part."""
    heavy = rng.uniform(0, 1)
    return Rain(
        drops=60 * 10 ** (0.9 * heavy),
        surface=float(np.exp(rng.uniform(np.log(700), np.log(3500)))),
        ringing=rng.uniform(0.05, 0.5),
        puddles=rng.uniform(0.02, 0.3),
        centre=rng.uniform(1800, 5000),
        bass=rng.uniform(-22, -6) + 5 * heavy,
        near=rng.uniform(-9, -1),
        waver=rng.uniform(0.5, 2.0),
    )


def make_rain(rain: Rain, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: impacts as bursts of 1 to 4 ms, ringing surfaces, bubbles, noise.

    The parts are those of A. Farnell, "Designing Sound" (2010), practical "Rain".
    """
    times, frequency = frame_times(n, rate), frequencies(rate)
    density = decibels(rain.waver * drift(rng, times, 0.3))
    shape = hump(frequency, rain.centre, 1.5) + 0.05
    shape = shape / shape.mean()
    low = roll_off(frequency, 180, 7)
    shape = shape + decibels(rain.bass) ** 2 * low / low.mean()
    flicker = density * decibels(0.6 * rng.standard_normal(len(times)))
    far = moving_noise(rng, shape * flicker[:, None] ** 2, n)
    near = np.zeros(n, np.float32)
    starts = poisson_times(rng, n / rate, rain.drops, density)
    gains = heavy_tail(rng, len(starts), 1.8)
    bursts(rng, near, rate, starts, gains, rng.uniform(500, 2500, len(starts)))
    kind = rng.uniform(0, 1, len(starts))
    rings = kind < rain.ringing
    pitch = rain.surface * 2 ** rng.normal(0, 0.35, rings.sum())
    decay = pitch / rng.uniform(6, 14, rings.sum())
    ring(near, rate, starts[rings], gains[rings], pitch, decay)
    caught = kind > 1 - rain.puddles
    late = starts[caught] + rng.uniform(0.005, 0.03, caught.sum())
    bubbles(rng, near, rate, late, rng.uniform(0.0006, 0.0022, caught.sum()))
    return far + scaled(near, rain.near)


class Wind(NamedTuple):
    """Gusts that make the air both louder and brighter."""

    gusts: float
    """Gusts a second."""
    strength: float
    """Height of the gusts, dB."""
    corner: float
    """Hz up to which calm wind sounds; a strong gust nearly doubles it."""
    slope: float
    """Fall of the spectrum above, dB an octave."""
    whistle: float
    """Level of the whistling at edges and wires in a gust, dB."""
    pitch: float
    """Hz of that whistle."""
    leaves: float
    """Level of the rustling that follows each gust, dB."""
    buffet: float
    """Level of the blasts against the microphone, dB."""


def draw_wind(rng: Random, hour: float) -> Wind:
    """Draw a wind, which blows harder by day, when the sun stirs the air (most at 15 h)."""
    day = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - 15) / 24)
    return Wind(
        gusts=rng.uniform(0.15, 0.4),
        strength=rng.uniform(3, 5) + 2.5 * day,
        corner=rng.uniform(110, 260),
        slope=rng.uniform(7.5, 10.5),
        whistle=rng.uniform(-26, -8),
        pitch=rng.uniform(350, 1100),
        leaves=rng.uniform(-34, -18),
        buffet=rng.uniform(-14, 2),
    )


def make_wind(wind: Wind, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples of noise whose corner and level follow the gusts (Farnell 2010)."""
    times, frequency = frame_times(n, rate), frequencies(rate)
    gust = 0.8 * drift(rng, times, wind.gusts * 2) + 0.35 * drift(rng, times, 1.5)
    gust = np.tanh(gust)
    corner = wind.corner * 2 ** (0.9 * gust)
    body = roll_off(frequency, corner[:, None], wind.slope) / corner[:, None]
    power = body * decibels(wind.strength * gust)[:, None] ** 2
    # an edge sings at a pitch that goes with the speed of the air (Strouhal), and only in gusts
    for number, share in enumerate((1.0, 1.9)):
        pitch = wind.pitch * share * 2 ** (0.45 * gust + 0.05 * drift(rng, times, 2.0))
        tone = hump(frequency, pitch[:, None], 0.07) / (0.1 * pitch[:, None])
        level = decibels(wind.whistle - 6 * number + 2.0 * wind.strength * (gust - 0.6))
        power = power + tone * level[:, None] ** 2
    late = np.roll(gust, round(0.4 * rate / 512))
    rustle = hump(frequency, 3500, 0.9) / 5000
    level = decibels(wind.leaves + 1.6 * wind.strength * late + 2 * rng.standard_normal(len(late)))
    out = moving_noise(rng, power + rustle * level[:, None] ** 2, n)
    blast = roll_off(frequency, 50, 14)
    surge = decibels(4 * drift(rng, times, 5.0) + wind.strength * gust)
    return out + scaled(moving_noise(rng, blast * surge[:, None] ** 2, n), wind.buffet)


class Thunder(NamedTuple):
    """Strokes of lightning, each heard as a clap and its long roll."""

    strokes: tuple[float, ...]
    """When the first sound of each arrives, s."""
    distance: tuple[float, ...]
    """Least distance of each, m."""
    roll: float
    """Until the echoes from clouds and hills have fallen by 60 dB, s."""
    murmur: float
    """Level of the thunder too far to be told apart, dB."""


def draw_thunder(rng: Random, hour: float) -> Thunder:
    """Draw a storm; those of the late afternoon (17 h) are nearest."""
    heat = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - 17) / 24)
    strokes = np.cumsum([rng.uniform(0.1, 0.8), *rng.uniform(4, 7.5, 9)])
    distance = np.exp(rng.normal(np.log(1700 - 900 * heat), 0.45, len(strokes)))
    return Thunder(
        strokes=tuple(float(time) for time in strokes),
        distance=tuple(float(metres) for metres in distance),
        roll=rng.uniform(5, 9),
        murmur=rng.uniform(-17, -10),
    )


def make_thunder(storm: Thunder, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: strokes, their roll, and a murmur that is always there."""
    times, frequency = frame_times(n, rate), frequencies(rate)
    out = np.zeros(n, np.float32)
    roll = np.zeros(len(times))
    for time, metres in zip(storm.strokes, storm.distance, strict=True):
        if time < n / rate:
            clap = _clap(metres, rate, rng)
            start = round(time * rate)
            stop = min(n, start + len(clap))
            out[start:stop] += clap[: stop - start]
            after = times - time - 0.25
            swell = np.clip(after / 0.5, 0, 1) * np.exp(-6.9 * np.maximum(after, 0) / storm.roll)
            roll += swell * (800 / metres) ** 0.5
    out = scaled(out)
    # the roll darkens as it dies: the high frequencies of far echoes are lost in the air
    rough = roll * decibels(5 * drift(rng, times, 1.5) + 2.5 * drift(rng, times, 7.0))
    corner = 70 + 260 * np.minimum(roll / max(roll.max(), 1.0), 1)
    shape = roll_off(frequency, corner[:, None], 11) * (frequency > 25)
    out += scaled(moving_noise(rng, shape * rough[:, None] ** 2, n), 2.0)
    far = roll_off(frequency, 90, 11) * (frequency > 25)
    slow = decibels(4 * drift(rng, times, 0.8))
    return out + scaled(moving_noise(rng, far * slow[:, None] ** 2, n), storm.murmur)


def _clap(metres: float, rate: int, rng: Random) -> Floats:
    """Return the sound of one channel of lightning, of which each piece sends an N-wave.

    A. Few 1969, "Power spectrum of thunder", Journal of Geophysical Research 74(28): the channel
    is a crooked string of short sources; that of which the most lies at one distance is loudest.
    """
    pieces = 1500
    steps = rng.normal(0, 1, (pieces, 3)) * (4.0, 4.0, 1.5)
    lean = rng.uniform(-0.7, 0.7, 2)
    path = np.cumsum(steps + np.array([lean[0], lean[1], 1.0]) * 2.4, axis=0)
    away = np.linalg.norm(path + np.array([metres, 0.0, 0.0]), axis=1)
    delay = (away - away.min()) / SPEED_OF_SOUND
    strength = rng.lognormal(0, 0.6, pieces) / away
    places = np.round(delay * rate).astype(np.intp)
    size = fft.next_fast_len(int(places.max()) + rate // 2, real=True)
    spectrum = np.zeros(size // 2 + 1, np.complex64)
    # pieces differ in strength and so in the length of their wave; one length would sound as a tone
    for part in np.array_split(rng.permutation(pieces), 3):
        train = np.bincount(places[part], strength[part], size).astype(np.float32)
        wave = np.linspace(1, -1, round(rng.uniform(0.004, 0.016) * rate), dtype=np.float32)
        spectrum += fft.rfft(train) * fft.rfft(wave, size)
    frequency = fft.rfftfreq(size, 1 / rate)
    # air takes about 5 dB a km at 1 kHz and twice that an octave above; the ground takes more
    spectrum *= decibels(-9 * metres / 1000 * (frequency / 1000) ** 1.1).astype(np.float32)
    clap = fft.irfft(spectrum, size)
    return (clap * (metres / 1000) ** 0.4).astype(np.float32)
