"""Seams, loops, drift and repetition are found where they were planted, and nowhere else."""

import json

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from soundmill.audio.levels import loudness
from soundmill.soundscape.frames import read_frames
from soundmill.soundscape.long_term import measure_long
from soundmill.soundscape.repetition import find_repetition

RATE = 22_050
JOINTS = np.arange(3.0, 40.0, 3.0)


def noise(seed, seconds=42, channels=1):
    """Wind-like noise: most of its power lies low."""
    n = round(seconds * RATE)
    white = np.random.default_rng(seed).normal(0, 0.02, (n, channels))
    return lfilter([0.05], np.poly([0.95, 0.95]), white, axis=0)


@pytest.fixture
def measure(tmp_path):
    def run(samples, boundaries=None, real=(), **how):
        paths = [tmp_path / "piece.wav", *(tmp_path / f"real{i}.wav" for i in range(len(real)))]
        for path, one in zip(paths, [samples, *real], strict=True):
            soundfile.write(path, one, RATE, subtype="PCM_16")
        found = measure_long(paths[0], paths[1:], boundaries, **how)
        json.dumps(found, allow_nan=False)
        return found

    return run


def test_an_even_piece_has_no_fault(measure):
    found = measure(noise(0, channels=2), JOINTS, [noise(1), noise(2)])
    assert found["seams"]["boundaries"] == len(JOINTS)
    assert not found["seams"]["detected"]
    assert not found["repetition"]["beyond_real"] and found["repetition"]["highest"] < 0.5
    assert not found["drift"]["loudness"]["beyond_real"]
    assert not found["drift"]["brightness"]["beyond_real"]
    assert found["clipped_samples"] == 0 and found["channels"] == 2
    assert found["repetition"]["real"]["recordings"] == 2


def test_a_break_in_the_wave_is_a_seam(measure):
    samples = noise(0)
    for joint in JOINTS:
        samples[round(joint * RATE) :] *= -1
    seams = measure(samples, JOINTS)["seams"]
    assert seams["detected"] and seams["click"]["detected"] and not seams["step"]["detected"]
    elsewhere = measure(samples, JOINTS + 1.5)["seams"]
    assert elsewhere["click"]["share_above"] < 0.1


def test_a_jump_of_level_is_a_seam(measure):
    samples = noise(0)
    for joint in JOINTS[::2]:
        samples[round(joint * RATE) : round((joint + 3) * RATE)] *= 1.4
    assert measure(samples, JOINTS)["seams"]["step"]["detected"]


def test_a_loop_whose_end_is_another_sound_has_a_seam(measure):
    white = np.random.default_rng(0).normal(0, 0.02, 20 * RATE)
    circular = lfilter([0.05], np.poly([0.95, 0.95]), np.tile(white, 2))[len(white) :, None]
    assert not measure(circular, loop=True)["loop_seam"]["detected"]
    cut = np.roll(circular, -int(circular.argmax()))
    cut = cut[: int(cut.argmin())]
    assert measure(cut, loop=True)["loop_seam"]["click"]["detected"]
    samples = circular * np.linspace(1, 3, len(circular))[:, None]
    assert measure(samples, loop=True)["loop_seam"]["step"]["detected"]
    assert measure(samples)["loop_seam"] is None and measure(samples)["seams"] is None


@pytest.mark.parametrize("period", [10.0, 7.003])
def test_a_repeated_loop_is_found(measure, period):
    part = noise(0, period)
    samples = np.concatenate([part, part, part[: 3 * RATE]])
    found = measure(samples, real=[noise(1)])["repetition"]
    assert found["beyond_real"] and found["highest"] > 0.8
    first, second = found["at"]
    assert second - first == pytest.approx(period, abs=0.03)


def test_a_real_recording_that_repeats_itself_excuses_repetition(measure):
    part = noise(0, 10)
    loop = np.concatenate([part, part])
    looped = np.tile(noise(1, 5), (5, 1))
    assert not measure(loop, real=[looped])["repetition"]["beyond_real"]
    others = [noise(seed, 10) for seed in range(2, 12)]
    assert measure(loop, real=[looped, *others])["repetition"]["beyond_real"]  # an exception


def test_drift_is_a_change_beyond_the_real_spread(measure):
    samples = noise(0)
    louder = samples * 10 ** (np.linspace(0, 6, len(samples)) / 20)[:, None]
    drift = measure(louder, real=[noise(1), noise(2)])["drift"]
    assert drift["loudness"]["change"] == pytest.approx(5.8, abs=0.4)
    assert drift["loudness"]["beyond_real"] and not drift["brightness"]["beyond_real"]
    wild = noise(1) * 10 ** (np.repeat([0, 1, 0, 1, 0, 1], 7 * RATE) * 12 / 20)[:, None]
    assert not measure(louder, real=[wild])["drift"]["loudness"]["beyond_real"]
    share = np.linspace(0, 1, len(samples))[:, None]
    white = np.random.default_rng(9).normal(0, 0.05, samples.shape)
    brighter = measure((1 - share) * samples + share * white, real=[noise(1)])["drift"]
    assert brighter["brightness"]["beyond_real"] and brighter["brightness"]["change"] > 0.5


@pytest.mark.parametrize("seconds", [0.001, 0.3, 3.0])
def test_short_and_silent_pieces_have_no_figures_and_no_error(measure, seconds):
    for samples in (noise(0, seconds), 0 * noise(0, seconds)):
        found = measure(samples, [0.0, 0.1, 99.0], loop=True)
        assert found["repetition"] is None
        assert found["drift"]["loudness"]["per_hour"] is None


def test_clipping_is_counted(measure):
    samples = noise(0, 3)
    samples[100:110] = 1.0
    samples[500] = -1.0
    found = measure(samples)
    assert found["clipped_samples"] == 11 and found["peak_dbfs"] == pytest.approx(0, abs=0.001)


def test_frames_are_those_of_the_whole_whatever_the_blocks(tmp_path):
    samples = noise(0, 12, 2)
    soundfile.write(tmp_path / "x.flac", samples, RATE)
    frames = read_frames(tmp_path / "x.flac")
    assert frames.seconds == 12 and len(frames.loudness) == len(frames.brightness) == 2
    assert len(frames.levels) == (len(samples) - 1024) // 256 + 1
    assert frames.integrated == pytest.approx(loudness(samples.T, RATE), abs=0.05)
    assert read_frames(tmp_path / "x.flac", 4).seconds < 8


def test_stretches_that_touch_are_not_compared(tmp_path):
    part = noise(0, 3)
    soundfile.write(tmp_path / "x.wav", np.concatenate([part, part, noise(1, 3)]), RATE)
    assert find_repetition(read_frames(tmp_path / "x.wav")).highest < 0.5
