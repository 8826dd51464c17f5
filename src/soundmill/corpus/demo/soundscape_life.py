"""Insects and birds of `demo:soundscapes`."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.corpus.demo.soundscape_tools import (
    Curve,
    Doubles,
    Floats,
    Random,
    add_grains,
    decibels,
    drift,
    follow,
    frame_times,
    frequencies,
    hump,
    moving_noise,
    poisson_times,
    scaled,
)


class Insects(NamedTuple):
    """Crickets that chirp, tree crickets that trill, cicadas that buzz in the sun."""

    temperature: float
    """Degrees Celsius: crickets chirp faster where it is warm."""
    crickets: int
    pulses: int
    """Strokes of the wings in a chirp."""
    pitch: float
    """Hz of the crickets."""
    trillers: int
    cicadas: float
    """Level of the cicadas beside the crickets, dB."""
    buzz: float
    """Hz around which they buzz."""


def draw_insects(rng: Random, hour: float) -> Insects:
    """Draw a meadow: most crickets at 23 h, cicadas by day."""
    night = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - 23) / 24)
    return Insects(
        temperature=rng.uniform(13, 18) + 9 * (0.5 + 0.5 * np.cos(2 * np.pi * (hour - 15) / 24)),
        crickets=3 + int(rng.integers(0, 3)) + round(7 * night),
        pulses=int(rng.integers(3, 6)),
        pitch=rng.uniform(3800, 5000),
        trillers=int(rng.integers(0, 3)),
        cicadas=rng.uniform(-6, 0) - 22 * night,
        buzz=rng.uniform(6000, 8200),
    )


def make_insects(insects: Insects, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples of pulse trains, one an animal, and of buzzing noise.

    Chirps a minute rise by 7.2 a degree from 40 at 10 degrees: A. Dolbear 1897, "The cricket as a
    thermometer" (in Celsius). Each chirp is a few strokes of the wings, 20 to 30 ms apart, at a
    pitch that hardly moves.
    """
    seconds = n / rate
    pace = (40 + 7.2 * (insects.temperature - 10)) / 60
    starts, pitches, gains = [], [], []
    for number in range(insects.crickets + insects.trillers):
        gap = 0.02 + 0.15 / (insects.temperature + 3)
        gain = np.exp(rng.normal(0, 0.8))
        if number < insects.crickets:
            pitch = insects.pitch * 2 ** rng.normal(0, 0.06)
            apart = rng.normal(1, 0.05, int(seconds * pace * 1.6) + 3).clip(0.7)
            chirps = np.cumsum(apart) / (pace * rng.uniform(0.9, 1.1)) - 1.5
            strokes = chirps[:, None] + gap * np.arange(insects.pulses)
            swell = np.linspace(0.6, 1, insects.pulses)
        else:
            pitch = insects.pitch * rng.uniform(0.62, 0.75)
            strokes = np.arange(0, seconds, 0.9 * gap)[:, None] + rng.normal(0, 5e-4)
            swell = decibels(3 * drift(rng, strokes[:, 0], 0.3))[:, None] * 0.35
        loud = gain * np.broadcast_to(swell, strokes.shape)
        starts.append(strokes.ravel())
        gains.append(loud.ravel())
        pitches.append(np.full(strokes.size, pitch))
    out = np.zeros(n, np.float32)
    joined = [np.concatenate(values) for values in (starts, gains, pitches)]
    _strokes(rng, out, rate, *joined)
    times, frequency = frame_times(n, rate), frequencies(rate)
    swell = decibels(4 * drift(rng, times, 0.25))
    band = hump(frequency, insects.buzz, 0.16) * swell[:, None] ** 2
    rattle = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(45, 90) * np.arange(n) / rate)
    cicadas = moving_noise(rng, band, n) * rattle.astype(np.float32)
    return scaled(out) + scaled(cicadas, insects.cicadas)


def _strokes(
    rng: Random, out: Floats, rate: int, starts: Doubles, gains: Doubles, pitch: Doubles
) -> None:
    """Add strokes of wings of 17 ms: a tone and its octave that swell and fade."""
    length = np.full(len(starts), 0.017)
    level, tone = gains.astype(np.float32)[:, None], pitch.astype(np.float32)[:, None]
    phase = rng.uniform(0, 2 * np.pi, (len(starts), 1)).astype(np.float32)

    def shape(group: npt.NDArray[np.intp], time: Floats) -> Floats:
        swell = np.sin(np.float32(np.pi / 0.0175) * time) ** 2
        angle = np.float32(2 * np.pi) * tone[group] * time * (1 - time) + phase[group]
        wave = np.sin(angle)
        return np.asarray(
            level[group] * swell * (wave + np.float32(0.12) * (wave * wave - np.float32(0.5)))
        )

    add_grains(out, rate, starts, length, shape)


class Birds(NamedTuple):
    """Several birds, each with a song of its own that it repeats."""

    birds: int
    songs: float
    """Songs a second, of all together."""
    low: float
    """Hz of the lowest of their ranges."""
    high: float
    """Hz of the highest."""
    rustle: float
    """Level of the leaves, dB."""


def draw_birds(rng: Random, hour: float) -> Birds:
    """Draw a choir: densest at dawn (5 h 30), again at dusk (20 h), scarce at noon and night."""
    dawn = np.exp(2.2 * (np.cos(2 * np.pi * (hour - 5.5) / 24) - 1))
    dusk = 0.5 * np.exp(4 * (np.cos(2 * np.pi * (hour - 20) / 24) - 1))
    busy = min(1.0, dawn + dusk)
    return Birds(
        birds=3 + round(4 * busy + rng.uniform(0, 1.5)),
        songs=0.6 + 0.9 * busy + rng.uniform(0, 0.2),
        low=rng.uniform(1600, 2400),
        high=rng.uniform(5000, 7500),
        rustle=rng.uniform(-34, -26),
    )


class Song(NamedTuple):
    """The syllables of one bird, all arrays (m,)."""

    onset: Curve
    """s from the beginning of the song."""
    seconds: Curve
    pitch: Curve
    """Hz in the middle of the syllable."""
    sweep: Curve
    """Octaves from its beginning to its end."""
    bend: Curve
    """Octaves by which its middle lies above its ends."""
    warble: Curve
    """Octaves by which it trembles."""
    gain: Curve


def draw_song(rng: Random, birds: Birds) -> Song:
    """Draw the song of a bird: two to four motifs, each a syllable said over a few times.

    Sweeps, arches and trills are the elements of C. Catchpole and P. Slater 2008, "Bird Song",
    ch. 1; that a syllable is repeated and then another follows is the habit of many songbirds.
    """
    centre = birds.low * (birds.high / birds.low) ** rng.uniform(0.15, 0.85)
    parts: list[list[float]] = []
    time = 0.0
    for _ in range(rng.integers(1, 4)):
        length = float(np.exp(rng.uniform(np.log(0.035), np.log(0.26))))
        gap = length * rng.uniform(0.15, 0.8) + 0.015
        pitch = float(np.clip(centre * 2 ** rng.normal(0, 0.3), birds.low, birds.high))
        sweep, bend = rng.normal(0, 0.45), rng.normal(0, 0.25)
        warble = rng.choice([0.0, 0.0, 0.06])
        times = int(np.clip(rng.integers(2, 5) * 0.14 / length, 1, 12))
        fall = rng.normal(0, 0.015)
        for number in range(times):
            gain = rng.uniform(0.7, 1.0)
            high = pitch * 2 ** (fall * number)
            parts.append([time, length, high, sweep, bend, warble, gain])
            time += length + gap
        time += rng.uniform(0, 0.12)
    return Song(*np.array(parts).T)


def make_birds(birds: Birds, n: int, rate: int, rng: Random) -> Floats:
    """Return ``n`` samples: songs sung over and over by birds near and far, and leaves."""
    seconds = n / rate
    choir = [draw_song(rng, birds) for _ in range(birds.birds)]
    voice = np.exp(rng.normal(0, 0.6, len(choir)))
    begins = poisson_times(rng, seconds + 1, birds.songs) - 1
    singers = rng.integers(0, len(choir), len(begins))
    rows: list[Doubles] = [np.zeros((7, 0))]
    for begin, singer in zip(begins, singers, strict=True):
        song = np.array(choir[singer])
        keep = slice(None, int(rng.integers(len(song[0]) // 2 + 1, len(song[0]) + 1)))
        song = song[:, keep].copy()
        song[0] += begin
        song[2] *= 2 ** rng.normal(0, 0.02)
        song[6] *= voice[singer]
        rows.append(song)
    out = np.zeros(n, np.float32)
    _syllables(rng, out, rate, Song(*np.concatenate(rows, axis=1)))
    times, frequency = frame_times(n, rate), frequencies(rate)
    sway = decibels(3 * drift(rng, times, 0.6))
    leaves = moving_noise(rng, hump(frequency, 2500, 1.5) * sway[:, None] ** 2, n)
    flutter = follow(decibels(0.8 * drift(rng, times, 4.0)), n)  # the air between wavers
    return scaled(out) * flutter + scaled(leaves, birds.rustle)


def _syllables(rng: Random, out: Floats, rate: int, song: Song) -> None:
    """Add syllables: a sine and two faint overtones along a curve of pitch."""
    wide = Song(*(values.astype(np.float32)[:, None] for values in song))
    tremble = rng.uniform(25, 45, (len(song.onset), 1)).astype(np.float32)
    tau = np.float32(2 * np.pi)

    def shape(group: npt.NDArray[np.intp], time: Floats) -> Floats:
        own = Song(*(values[group] for values in wide))
        place = np.minimum(time / own.seconds, 1)
        arch = place * (1 - place)
        octaves = own.sweep * (place - 0.5) + own.bend * (4 * arch - 1)
        octaves += own.warble * np.sin(tau * tremble[group] * time)
        angle = np.cumsum(own.pitch * np.exp2(octaves), axis=1) * (tau / np.float32(rate))
        wave = np.sin(np.fmod(angle, tau))
        swell = (4 * arch) ** np.float32(0.7)
        # products of the sine are its overtones: no further sines need be computed
        square = wave * wave
        tones = wave * (1 + np.float32(0.05) * square) + np.float32(0.1) * (square - 0.5)
        return np.asarray(own.gain * swell * tones, np.float32)

    add_grains(out, rate, song.onset, song.seconds, shape)
