"""Loudness of streams."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import real_data

from soundmill.audio.files import read_audio
from soundmill.audio.levels import LoudnessMeter, loudness
from soundmill.audio.steadying import StreamMeter, even_loudness

RATE = 8000


def noise(seconds, level, seed=0, channels=1):
    rng = np.random.default_rng(seed)
    shape = (channels, round(seconds * RATE))
    return (rng.standard_normal(shape) * 10 ** (level / 20)).astype(np.float32)


def evened(samples, blocks=None, rate=RATE):
    blocks = [samples] if blocks is None else blocks
    return np.concatenate(list(even_loudness(blocks, rate, len(samples), -23.0)), axis=1)


def test_the_meter_of_constant_memory_agrees_with_the_exact_one():
    sound = np.concatenate([noise(7, -20), noise(9, -38), noise(3, -75), noise(5, -28)], axis=1)
    exact, stream = LoudnessMeter(RATE, 1), StreamMeter(RATE, 1)
    for start in range(0, sound.shape[1], 777):
        exact.add(sound[:, start : start + 777])
        stream.add(sound[:, start : start + 777])
    assert stream.loudness() == pytest.approx(exact.loudness(), abs=0.01)
    for seconds in (0.05, 0.25, 0.45):
        short = StreamMeter(RATE, 1)
        short.add(noise(seconds, -20))
        assert short.loudness() == pytest.approx(loudness(noise(seconds, -20), RATE), abs=1)
    assert StreamMeter(RATE, 1).loudness() == -math.inf


@settings(max_examples=15)
@given(st.lists(st.integers(1, 90_000), max_size=6))
def test_block_lengths_do_not_change_the_result(cuts):
    sound = noise(25, -30) * np.linspace(0.3, 1, 25 * RATE, dtype=np.float32)
    places = sorted({0, *(min(cut, 25 * RATE) for cut in np.cumsum(cuts)), 25 * RATE})
    blocks = [sound[:, a:b] for a, b in pairwise(places)]
    assert np.array_equal(evened(sound, blocks), evened(sound))


@pytest.mark.parametrize("seconds", [0.2, 3, 19.95, 30])
def test_short_sounds_reach_the_target(seconds):
    out = evened(noise(seconds, -40, channels=2))
    assert out.shape == (2, round(seconds * RATE))
    assert loudness(out, RATE) == pytest.approx(-23, abs=0.1)


def test_a_short_sound_keeps_its_dynamics():
    sound = np.concatenate([noise(5, -40), noise(5, -20)], axis=1)
    assert np.ptp(evened(sound) / sound) < 1e-3


def test_a_slow_drift_of_20_decibels_is_taken_out():
    seconds = 600
    drift = 10 ** (np.linspace(-10, 10, seconds * RATE, dtype=np.float32) / 20)
    out = evened(noise(seconds, -35) * drift)
    minutes = [loudness(part, RATE) for part in np.split(out, 10, axis=1)]
    assert np.abs(np.array(minutes) + 23).max() < 1


def test_events_do_not_make_the_background_pump():
    # a clap of thunder every 15 s over a steady rain
    sound = noise(180, -45)
    for start in range(5, 180, 15):
        sound[:, start * RATE : (start + 2) * RATE] *= 10
    out = evened(sound)
    steady = np.array(
        [loudness(out[:, t * RATE : (t + 2) * RATE], RATE) for t in range(8, 180, 15)]
    )
    assert loudness(out, RATE) == pytest.approx(-23, abs=1)
    assert steady.std() < 0.7
    gain = np.abs(out) / np.maximum(np.abs(sound), 1e-9)
    hops = 20 * np.log10(np.median(gain[:, : RATE * 170].reshape(-1, RATE // 10), axis=1))
    assert np.abs(np.diff(hops)).max() < 0.3  # dB in 0.1 s


def test_silence_stays_and_sound_after_silence_is_not_blown_up():
    silence = np.zeros((1, 40 * RATE), np.float32)
    assert not evened(silence).any()
    out = evened(np.concatenate([silence, noise(60, -30)], axis=1))
    start = out[:, 40 * RATE : 45 * RATE]
    assert loudness(start, RATE) == pytest.approx(-23, abs=1)
    hiss = evened(noise(5, -85))
    assert np.abs(hiss).max() < 0.01


@pytest.mark.parametrize("name", ["birds", "humpback", "storm"])
def test_real_recordings_end_within_a_unit_of_the_target(name):
    sound, rate = read_audio(real_data("ambience") / f"{name}.ogg", sample_rate=11_025)
    sound = np.tile(sound, (1, math.ceil(200 * rate / sound.shape[1])))
    assert loudness(evened(sound, rate=rate), rate) == pytest.approx(-23, abs=1)
