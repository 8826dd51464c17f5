"""Mix a song of `demo:songs`: parts through a SoundFont, the artist's console and effects."""

import math

import numpy as np
from scipy import signal

from soundmill.audio.files import Samples
from soundmill.audio.levels import normalise_loudness
from soundmill.corpus.demo.song_arrangement import Arrangement
from soundmill.corpus.demo.song_artists import Mix
from soundmill.corpus.demo.song_catalogue import DemoSong
from soundmill.corpus.demo.song_styles import STYLES
from soundmill.synthesis.effects import apply_effects, high_pass
from soundmill.synthesis.presets import Effect, HighPass, Saturation, Width, preset
from soundmill.synthesis.soundfont import play

PEAK = -1.5
"""dBFS: MP3 decodes up to 0.2 dB higher than what was encoded."""
PANS = {"drums": 0.0, "bass": 0.0, "chords": -0.35, "extra": 0.4, "lead": 0.1}
"""Place of each role between left (-1) and right (1)."""
LOW_SHELF, HIGH_SHELF = 200.0, 3000.0
"""Corners of the console's shelves, Hz."""
BELL_Q = 1.4
"""Centre over width of the console's bell: an octave."""
ENERGY_TREBLE, ENERGY_LOUDNESS = 1.0, 1.5
"""dB from a song of usual energy to one of most: what is struck harder is brighter and louder."""
RING_SECONDS = 0.5
BLOCK_SECONDS = 0.2


def mix_song(song: DemoSong, arrangement: Arrangement, sample_rate: int) -> Samples:
    """Render and mix a song: float32 samples (2, n), sample 0 is the first beat."""
    mix, style = song.artist.mix, STYLES[song.style]
    own = {"drums": mix.drums, "bass": mix.bass}
    length = round((arrangement.seconds + RING_SECONDS) * sample_rate)
    mixed = np.zeros((2, length), np.float32)
    for role, notes in arrangement.tracks.items():
        part = play(notes, song.parts[role], None, sample_rate)[:, :length]
        gain = 10 ** ((style.levels[role] + own.get(role, 0.0)) / 20) / _level(part, sample_rate)
        sides = _balance(PANS[role])
        mixed[:, : part.shape[1]] += part * (np.float32(0.1 * gain) * sides)[:, None]
    # sampled instruments carry offsets of up to 1 %; nothing below 25 Hz is meant to sound
    mixed = high_pass(mixed, sample_rate, HighPass(frequency=25))
    mixed = _shelf(mixed, sample_rate, LOW_SHELF, style.low + mix.low, high=False)
    treble = style.high + mix.high + ENERGY_TREBLE * arrangement.energy
    mixed = _shelf(mixed, sample_rate, HIGH_SHELF, treble, high=True)
    mixed = _bell(mixed, sample_rate, mix.tone, mix.tone_gain)
    wet = apply_effects(mixed, sample_rate, _effects(mix))[:, :length]
    loudness = mix.loudness + ENERGY_LOUDNESS * arrangement.energy
    return normalise_loudness(_fade_out(wet, sample_rate), sample_rate, loudness, PEAK)


def _effects(mix: Mix) -> tuple[Effect, ...]:
    drive = (Saturation(drive=mix.drive),) if mix.drive else ()
    return (*drive, *preset(mix.preset), Width(factor=mix.width))


def _level(part: Samples, sample_rate: int) -> float:
    """Return the RMS of the louder half of a part, so that rests do not count."""
    size = round(BLOCK_SECONDS * sample_rate)
    whole = part[:, : part.shape[1] // size * size]
    energies = np.square(whole.reshape(2, -1, size)).mean(axis=(0, 2))
    louder = energies[energies >= np.median(energies)]
    return max(float(np.sqrt(louder.mean())), 1e-9)


def _balance(pan: float) -> Samples:
    """Return the gains of the two sides (2,) that keep the power of a centred sound."""
    angle = math.pi / 4 * (1 + pan)
    return np.array([math.cos(angle), math.sin(angle)], np.float32) * np.float32(math.sqrt(2))


def _shelf(
    samples: Samples, sample_rate: int, corner: float, gain: float, *, high: bool
) -> Samples:
    """Raise or lower one end of the spectrum by ``gain`` dB.

    The shelves of R. Bristow-Johnson's "Cookbook formulae for audio EQ biquad filter
    coefficients", slope 1.
    """
    root = 10 ** (gain / 40)
    angle = 2 * math.pi * corner / sample_rate
    cosine = -math.cos(angle) if high else math.cos(angle)  # the high shelf mirrors the low one
    spread = math.sin(angle) / math.sqrt(2) * 2 * math.sqrt(root)
    sign = -1 if high else 1
    b = [
        root * ((root + 1) - (root - 1) * cosine + spread),
        sign * 2 * root * ((root - 1) - (root + 1) * cosine),
        root * ((root + 1) - (root - 1) * cosine - spread),
    ]
    a = [
        (root + 1) + (root - 1) * cosine + spread,
        sign * -2 * ((root - 1) + (root + 1) * cosine),
        (root + 1) + (root - 1) * cosine - spread,
    ]
    return np.asarray(signal.lfilter(b, a, samples), np.float32)


def _bell(samples: Samples, sample_rate: int, centre: float, gain: float) -> Samples:
    """Raise or lower an octave around a frequency by ``gain`` dB (the same cookbook's bell)."""
    root = 10 ** (gain / 40)
    angle = 2 * math.pi * centre / sample_rate
    spread = math.sin(angle) / (2 * BELL_Q)
    b = [1 + spread * root, -2 * math.cos(angle), 1 - spread * root]
    a = [1 + spread / root, -2 * math.cos(angle), 1 - spread / root]
    return np.asarray(signal.lfilter(b, a, samples), np.float32)


def _fade_out(samples: Samples, sample_rate: int) -> Samples:
    """Fade the ring of the last chord to nothing."""
    faded = samples.copy()
    fade = min(round(RING_SECONDS * sample_rate), faded.shape[1])
    faded[:, -fade:] *= np.cos(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    return faded
