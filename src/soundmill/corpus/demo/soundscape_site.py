"""The sites of `demo:soundscapes`: what a place and its recordist do to every sound.

A site keeps its room, its air, its murmur and its microphone. As on real collections, a recording
therefore says where it was made as well as what is heard, and a model that has heard the site
before is flattered.
"""

import numpy as np
from scipy import fft

from soundmill.audio.levels import normalise_loudness
from soundmill.corpus.demo.soundscape_catalogue import Site
from soundmill.corpus.demo.soundscape_tools import (
    Curve,
    Doubles,
    Floats,
    Random,
    decibels,
    drift,
    frame_times,
    frequencies,
    hump,
    moving_noise,
    rms,
    roll_off,
    scaled,
)
from soundmill.synthesis.effects import room_response
from soundmill.synthesis.presets import Reverb

PEAK = -1.5
"""dBFS: MP3 and Vorbis decode a little higher than what was encoded."""
FADE_SECONDS = 0.02
LEVEL_SPREAD = 1.5
"""Standard deviation of the levels of one recordist, dB."""
QUIET_AT_NIGHT = 5.0
"""By how many dB a site's murmur is softer at 3 h than at 15 h."""


def record(sound: Floats, site: Site, hour: float, rate: int, rng: Random) -> Floats:
    """Return what a site's microphone hears of a sound (n,): float32 (n,), peak at most `PEAK`.

    The site's room and distance, its murmur (louder by day), the tilt and colour of its
    microphone, that one's hiss, the level its recordist chooses.
    """
    n = len(sound)
    heard = scaled(_transfer(sound, site, rate))
    day = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - 15) / 24)
    level = site.murmur - QUIET_AT_NIGHT * (1 - day) + rng.normal(0, 1.5)
    heard = heard + scaled(_murmur(site, n, rate, rng), level)
    hiss = rng.standard_normal(n, np.float32) * np.float32(decibels(site.hiss))
    fade = round(FADE_SECONDS * rate)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    taken = heard + hiss
    taken[:fade] *= ramp
    taken[-fade:] *= ramp[::-1]
    loudness = site.loudness + rng.normal(0, LEVEL_SPREAD)
    return normalise_loudness(taken[None], rate, loudness, PEAK)[0]


def mix(sound: Floats, background: Floats, below: float) -> Floats:
    """Return a sound with another ``below`` dB softer than it, by their RMS."""
    return sound + scaled(background) * np.float32(rms(sound) * decibels(-below))


def _transfer(sound: Floats, site: Site, rate: int) -> Floats:
    """Apply the room, the air and the microphone at once, in the frequency domain."""
    room = Reverb(seconds=site.reverb, damping=site.damping, predelay=site.distance / 5, low_cut=80)
    response = room_response(room, rate)[0] * np.float32(decibels(site.wet))
    response[0] += 1
    size = fft.next_fast_len(len(sound) + len(response), real=True)
    frequency = np.maximum(fft.rfftfreq(size, 1 / rate), 1)
    gain = _microphone(site, frequency) * _air(site, frequency)
    heard = fft.irfft(fft.rfft(sound, size) * fft.rfft(response, size) * gain, size)
    return np.asarray(heard[: len(sound)], np.float32)


def _air(site: Site, frequency: Doubles) -> Floats:
    """Return the factors by which distance takes the treble: about 10 dB at 10 kHz over 100 m.

    A rounded figure for air of 20 degrees and middling humidity (ISO 9613-1).
    """
    return decibels(-0.1 * site.distance * (frequency / 10000) ** 1.3).astype(np.float32)


def _microphone(site: Site, frequency: Curve) -> Floats:
    """Return the factors of the microphone: both cuts, tilt around 1 kHz, one bell."""
    top = 1 / (1 + (frequency / site.high_cut) ** 24)
    cut = top * (frequency / site.low_cut) ** 2 / (1 + (frequency / site.low_cut) ** 2)
    tilt = site.tilt * np.log2(np.clip(frequency, 50, None) / 1000)
    bell = site.tone_gain * hump(frequency, site.tone, 0.4)
    return (cut * decibels(tilt + bell)).astype(np.float32)


def _murmur(site: Site, n: int, rate: int, rng: Random) -> Floats:
    """Return the noise that is always there: a slope of its own, and the mains where there are."""
    times, frequency = frame_times(n, rate), frequencies(rate)
    shape = roll_off(frequency, site.murmur_corner, site.murmur_slope)
    shape = shape * _microphone(site, frequency) ** 2
    out = moving_noise(rng, shape * decibels(1.5 * drift(rng, times, 0.4))[:, None] ** 2, n)
    if site.mains:
        angle = (2 * np.pi * site.mains / rate * np.arange(n)).astype(np.float32)
        for number, level in ((1, -9.0), (2, -6.0), (3, -14.0), (6, -18.0)):
            out += np.float32(decibels(level)) * np.sin(number * angle + rng.uniform(0, 6))
    return out
