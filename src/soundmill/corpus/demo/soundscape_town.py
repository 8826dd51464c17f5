"""The town of `demo:soundscapes`: hum, cars that pass, voices and steps."""

from typing import NamedTuple

import numpy as np
from scipy import signal

from soundmill.corpus.demo.soundscape_tools import (
    Doubles,
    Floats,
    Random,
    bursts,
    decibels,
    drift,
    follow,
    frame_times,
    frequencies,
    hump,
    moving_noise,
    ring,
    roll_off,
    scaled,
)

SPEED_OF_SOUND = 340.0
"""m/s."""
VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410))
"""Formants in Hz of /a e i o/ (Peterson and Barney 1952, "Control methods used in a study of the
vowels", men)."""


class Town(NamedTuple):
    """A street."""

    cars: float
    """Cars a minute."""
    speed: float
    """Theirs, m/s."""
    kerb: float
    """Distance of their lane, m."""
    traffic: float
    """Level of those cars, dB."""
    hum: float
    """Level of the whole town's traffic, dB."""
    talkers: int
    voices: float
    """Level of those who talk, dB."""
    steps: float
    """Level of those who walk past, dB."""
    bell: float
    """Level of a far bell, dB."""


def draw_town(rng: Random, hour: float) -> Town:
    """Draw a street: most cars at 8 h and 17 h 30, few at night."""
    rush = sum(np.exp(4 * (np.cos(2 * np.pi * (hour - peak) / 24) - 1)) for peak in (8, 17.5))
    day = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - 14) / 24)
    return Town(
        cars=4 + 3 * day + 7 * rush,
        speed=rng.uniform(8, 15),
        kerb=rng.uniform(5, 12),
        traffic=rng.uniform(-7, -2),
        hum=rng.uniform(-9, -4) + 2 * day,
        talkers=1 + int(rng.integers(0, 3)) + round(2 * day),
        voices=rng.uniform(-7, 0),
        steps=rng.uniform(-14, -6),
        bell=rng.choice([-60.0, -60.0, -18.0]),
    )


def make_town(town: Town, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: cars and steps after A. Farnell 2010, "Designing Sound"."""
    times, frequency = frame_times(n, rate), frequencies(rate)
    rumble = roll_off(frequency, 160, 7) + 0.005 * hump(frequency, 900, 0.8)
    slow = decibels(2 * drift(rng, times, 0.3))
    out = scaled(moving_noise(rng, rumble * slow[:, None] ** 2, n), town.hum)
    out += scaled(_cars(town, n, rate, rng), town.traffic)
    out += scaled(_talk(rng, town.talkers, n, rate), town.voices)
    out += scaled(_walk(rng, n, rate), town.steps)
    if town.bell > -50:
        out += scaled(_bell(rng, n, rate), town.bell)
    return out


def _cars(town: Town, n: int, rate: int, rng: Random) -> Floats:
    """Return cars that pass: noise of tyres and tones of engines, shifted as they come and go.

    Both go up by c / (c - v) while a car comes and down while it goes (Doppler), and are a little
    softer than one over the distance, as houses stand between.
    """
    times, frequency = frame_times(n, rate), frequencies(rate)
    seconds = n / rate
    gap = 60 / town.cars
    passing = np.arange(rng.uniform(0.1, 0.6) * gap, seconds + gap, gap)
    passing += rng.normal(0, 0.2 * gap, len(passing))
    power = np.zeros((len(times), len(frequency)))
    engines = np.zeros(n, np.float32)
    for moment in passing:
        speed = town.speed * rng.uniform(0.8, 1.2)
        kerb = town.kerb * rng.choice([1.0, 1.4])
        along = speed * (times - moment)
        away = np.hypot(along, kerb)
        shift = SPEED_OF_SOUND / (SPEED_OF_SOUND + speed * along / away)
        near = (town.kerb / away) ** 1.5
        centre = rng.uniform(700, 1200) * shift
        corner = 300 * (0.2 + near)
        tyres = hump(frequency, centre[:, None], 0.55) + 0.5 * roll_off(
            frequency, corner[:, None], 8
        )
        tyres += 0.02 * near[:, None] * hump(frequency, 3500, 1.0)
        power += tyres * (near * rng.uniform(0.6, 1.3))[:, None] ** 2
        pitch = rng.uniform(45, 80) * (1 + 0.01 * drift(rng, times, 1.0)) * shift
        engines += _engine(pitch, near, n, rate, rng)
    return moving_noise(rng, power + 1e-9, n) + scaled(engines, -7)


def _engine(pitch: Doubles, near: Doubles, n: int, rate: int, rng: Random) -> Floats:
    """Return the tones of an engine while it is near, with eight overtones."""
    heard = np.flatnonzero(follow(near, n) > 0.12)
    if not len(heard):
        return np.zeros(n, np.float32)
    part = slice(int(heard[0]), int(heard[-1]) + 1)
    angle = np.cumsum(follow(pitch, n)[part], dtype=np.float64) * (2 * np.pi / rate)
    base = np.exp(1j * np.fmod(angle, 2 * np.pi)).astype(np.complex64)
    tone, wave = np.zeros(len(base), np.float32), np.ones_like(base)
    for number in range(1, 9):
        wave = wave * base  # the next overtone, without another sine
        tone += (wave.imag if number % 2 else wave.real) * np.float32(rng.uniform(0.3, 1) / number)
    out = np.zeros(n, np.float32)
    out[part] = tone * (follow(near, n)[part] - np.float32(0.12)).clip(0)
    return out


def _talk(rng: Random, talkers: int, n: int, rate: int) -> Floats:
    """Return people who talk: pulses of the glottis, each ringing in the formants of a vowel.

    The source-filter model as formant waves (X. Rodet 1984, "Time-domain formant-wave-function
    synthesis", Computer Music Journal 8(3)); syllables come four to five a second.
    """
    seconds = n / rate
    trains = np.zeros((len(VOWELS), n))
    for _ in range(talkers):
        pitch, loud = rng.uniform(95, 220), np.exp(rng.normal(0, 0.5))
        pace = rng.uniform(4, 5.5)
        count = int(seconds * pace) + 2
        turn = 0.5 + 0.9 * drift(rng, np.arange(count) / pace, 0.4) > 0
        melody = 2 ** (0.16 * drift(rng, np.arange(count) / pace, 1.2))
        pulses = np.cumsum(1 / (pitch * np.repeat(melody, round(pitch / pace))))
        pulses = pulses[pulses < seconds - 1e-3]
        syllable = np.minimum((pulses * pace).astype(np.intp), count - 1)
        within = pulses * pace - syllable
        gain = loud * np.sin(np.pi * np.minimum(within / 0.85, 1)) * turn[syllable]
        vowel = rng.integers(0, len(VOWELS), count)[syllable]
        np.add.at(trains, (vowel, (pulses * rate).astype(np.intp)), gain)
    out = np.zeros(n, np.float32)
    time = np.arange(round(0.02 * rate)) / rate
    for train, formants in zip(trains, VOWELS, strict=True):
        kernel = np.sum(
            [
                level * np.exp(-np.pi * width * time) * np.sin(2 * np.pi * formant * time)
                for formant, width, level in zip(
                    formants, (70, 100, 140), (1.0, 0.5, 0.2), strict=True
                )
            ],
            axis=0,
        )
        out += signal.oaconvolve(train.astype(np.float32), kernel.astype(np.float32))[:n]
    return out


def _walk(rng: Random, n: int, rate: int) -> Floats:
    """Return steps, heel and ball, of somebody who comes and goes."""
    seconds = n / rate
    pace = rng.uniform(1.6, 2.1)
    count = int(seconds * pace)
    steps = np.arange(count) / pace + rng.normal(0, 0.012, count) + rng.uniform(0, 0.3)
    there = decibels(-0.6 * np.abs(steps - rng.uniform(0, seconds)) ** 1.3)
    out = np.zeros(n, np.float32)
    for delay, level in ((0.0, 1.0), (rng.uniform(0.05, 0.09), 0.5)):
        gains = level * there * rng.uniform(0.7, 1.2, count)
        bursts(rng, out, rate, steps + delay, gains, rng.uniform(150, 300, count))
        body = rng.uniform(180, 320, count)
        ring(out, rate, steps + delay, 2 * gains, body, np.full(count, 60.0))
    return out


def _bell(rng: Random, n: int, rate: int) -> Floats:
    """Return strokes of a bell: hum, prime, tierce, quint and nominal (Rossing 1984)."""
    partials = np.array([0.5, 1.0, 1.2, 1.5, 2.0])
    strokes = np.arange(rng.uniform(0.2, 2), n / rate, rng.uniform(1.8, 2.6))
    pitch = rng.uniform(350, 600) * np.tile(partials, len(strokes))
    decay = np.tile([0.8, 1.2, 1.6, 2.2, 2.8], len(strokes))
    gains = np.tile([0.4, 0.7, 1.0, 0.4, 0.9], len(strokes))
    out = np.zeros(n, np.float32)
    ring(out, rate, np.repeat(strokes, len(partials)), gains, pitch, decay * 1.5)
    return out
