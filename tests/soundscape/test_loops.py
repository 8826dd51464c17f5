"""Loops: played twice in a row, nothing happens where the end meets the beginning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import real_data

from soundmill.audio.crossfades import best_lag, crossfade
from soundmill.audio.files import read_audio
from soundmill.errors import InputError
from soundmill.soundscape.loops import make_loop, write_loop
from soundmill.soundscape.noise import pink_noise

RATE = 11_025


def loop(sound, seconds, overlap, size=None):
    size = size or sound.shape[1]
    blocks = (sound[:, i : i + size] for i in range(0, sound.shape[1], size))
    return np.concatenate(list(make_loop(blocks, seconds, overlap, RATE)), axis=1)


def drone(seconds):
    time = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(4)
    parts = [
        np.sin(2 * np.pi * (f * time + 0.3 * np.sin(0.7 * time + f)) + rng.uniform(0, 6)) / k
        for k, f in enumerate((55.1, 82.3, 110.9, 165.2, 221.7, 331.3, 440.9, 663.1), 1)
    ]
    return (0.1 * np.sum(parts, axis=0))[None].astype(np.float32)


def real(name, seconds):
    sound, _ = read_audio(real_data("ambience") / f"{name}.ogg", sample_rate=RATE)
    return sound[:, : round(seconds * RATE)]


SOUNDS = {
    "noise": lambda n: pink_noise(round(n * RATE), 2, 3),
    "drone": drone,
    **{name: lambda n, name=name: real(name, n) for name in ("rain", "waves", "birds", "humpback")},
}


def levels(sound, window=0.05):
    size = round(window * RATE)
    power = np.square(sound.mean(axis=0)[: sound.shape[1] // size * size]).reshape(-1, size)
    return 10 * np.log10(power.mean(axis=1) + 1e-9)


def flux(sound, size=512, hop=64):
    frames = np.lib.stride_tricks.sliding_window_view(sound.mean(axis=0), size)[::hop]
    spectra = np.log10(np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) + 1e-3)
    return np.maximum(0, spectra[4:] - spectra[:-4]).mean(axis=1)


@pytest.mark.parametrize("name", SOUNDS)
def test_no_jump_where_the_end_meets_the_beginning(name):
    seconds, overlap = 10, 2
    once = loop(SOUNDS[name](seconds + overlap + 1), seconds, overlap)
    assert once.shape[1] == seconds * RATE
    twice = np.concatenate([once, once], axis=1)
    join = seconds * RATE
    around = slice(join - RATE // 2, join + RATE // 2)
    steps, near = (np.abs(np.diff(levels(part))) for part in (once, twice[:, around]))
    assert near.max() <= max(steps.max(), 1)
    assert flux(twice[:, around]).max() <= 1.05 * flux(once).max()
    # a jump of one sample is a click that no level shows
    jumps = np.abs(np.diff(twice, 2))
    assert jumps[:, join - 3 : join + 3].max() <= np.quantile(jumps, 0.999)


@pytest.mark.parametrize("name", ["noise", "drone", "rain"])
def test_the_crossfade_is_as_loud_as_the_rest(name):
    once = loop(SOUNDS[name](13), 10, 2)
    body, faded = once[:, : 8 * RATE], once[:, 8 * RATE :]
    difference = levels(faded, 0.2).mean() - levels(body, 0.2).mean()
    assert abs(difference) < 0.8


def test_a_plain_cut_is_found_by_this_test():
    cut = SOUNDS["noise"](10)
    cut *= np.linspace(0.5, 1.5, cut.shape[1], dtype=np.float32)
    near = levels(np.concatenate([cut, cut], axis=1)[:, 19 * RATE // 2 : 21 * RATE // 2])
    assert np.abs(np.diff(near)).max() > 5


@settings(max_examples=30)
@given(st.integers(1, 70_000), st.floats(0.1, 4))
def test_block_lengths_do_not_change_the_loop(size, overlap):
    sound = pink_noise(10 * RATE, 1, 1)
    assert np.array_equal(loop(sound, 5, overlap, size), loop(sound, 5, overlap))


def test_the_loop_is_the_stream_in_order():
    sound = pink_noise(4 * RATE, 1, 1)
    once = loop(sound, 3, 1)
    assert np.array_equal(once[:, : 2 * RATE], sound[:, RATE : 3 * RATE])
    # the last sample is nearly the one that comes before the first
    assert once[0, -1] == pytest.approx(sound[0, RATE - 1], abs=1e-3)
    assert np.array_equal(
        loop(sound, 2, 2)[:, :1], crossfade(sound[:, 2 * RATE :], sound[:, : 2 * RATE])[:, :1]
    )


def test_bad_lengths():
    for seconds, overlap in ((0, 1), (3, 0), (float("nan"), 1), (3, 4)):
        with pytest.raises(InputError, match=r"length of sound|longer than the loop"):
            make_loop([], seconds, overlap, RATE)
    with pytest.raises(ValueError, match="too early"):
        list(make_loop([np.zeros((1, RATE), np.float32)], 1, 1, RATE))


def test_a_written_loop_has_no_step_of_gain(tmp_path):
    def rising(seconds):
        sound = pink_noise(round(seconds * RATE), 1, 5)
        return [sound * np.linspace(0.5, 2, sound.shape[1], dtype=np.float32)]

    facts = write_loop(tmp_path / "a.wav", rising, 60, 4, RATE, 1)
    sound, _ = read_audio(tmp_path / "a.wav")
    assert sound.shape[1] == 60 * RATE
    assert facts.loudness == pytest.approx(-23, abs=1)
    near = levels(np.concatenate([sound[:, -RATE:], sound[:, :RATE]], axis=1), 0.1)
    rest = levels(sound, 0.1)
    assert np.abs(np.diff(near)).max() <= np.abs(np.diff(rest)).max()


@given(st.floats(-0.6, 1), st.floats(0.1, 3))
def test_a_crossfade_keeps_the_power_whatever_the_correlation(correlation, ratio):
    first, other = np.random.default_rng(1).standard_normal((2, 1, 40_000))
    second = ratio * (correlation * first + np.sqrt(1 - correlation**2) * other)
    joined = crossfade(first.astype(np.float32), second.astype(np.float32))
    middle = np.square(joined[0, 15_000:25_000]).mean() / np.square(first).mean()
    assert 10 * np.log10(middle / ((1 + ratio**2) / 2)) == pytest.approx(0, abs=0.3)


@given(st.integers(0, 200))
def test_the_best_lag_finds_the_sound_again(lag):
    sound = pink_noise(1200, 2, 7)
    assert best_lag(sound[:, lag : lag + 800], 0.3 * sound) == lag
    assert best_lag(sound, sound) == 0
