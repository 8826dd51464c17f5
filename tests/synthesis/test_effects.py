import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmill.synthesis import effects, presets

RATE = 22050
MODELS = [
    presets.LowPass, presets.HighPass, presets.Chorus, presets.Delay, presets.Reverb,
    presets.Saturation, presets.Wow, presets.Width,
]  # fmt: skip


def noise(seconds=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (2, round(seconds * RATE))).astype(np.float32)


def tone(frequency, seconds=1.0):
    wave = 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def click(seconds=2.0):
    samples = np.zeros((2, round(seconds * RATE)), np.float32)
    samples[:, 1000] = 1.0
    return samples


def rms(samples):
    return float(np.sqrt(np.mean(samples**2)))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(MODELS), st.integers(0, 4000), st.integers(0, 5))
def test_every_effect_is_pure_finite_and_repeatable(model, n, seed):
    samples = noise(1, seed)[:, :n]
    before = samples.copy()
    first = effects.apply_effects(samples, RATE, [model()])
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(effects.apply_effects(samples, RATE, [model()]), first)
    assert first.dtype == np.float32
    assert first.shape[0] == 2
    assert first.shape[1] >= n
    assert np.isfinite(first).all()


@pytest.mark.parametrize("name", presets.PRESETS)
def test_no_preset_moves_an_onset(name):
    wet = effects.apply_effects(click(), RATE, presets.PRESETS[name])
    level = np.abs(wet).max(axis=0)
    first = np.flatnonzero(level > 0.1 * level.max())[0]
    assert 0 <= first - 1000 <= 0.004 * RATE


def test_low_pass_and_high_pass_keep_their_side():
    low, high = tone(200), tone(4000)
    dark = presets.LowPass(frequency=900, order=2)
    bright = presets.HighPass(frequency=900, order=2)
    assert rms(effects.low_pass(low, RATE, dark)) > 0.9 * rms(low)
    assert rms(effects.low_pass(high, RATE, dark)) < 0.1 * rms(high)
    assert rms(effects.high_pass(high, RATE, bright)) > 0.9 * rms(high)
    assert rms(effects.high_pass(low, RATE, bright)) < 0.1 * rms(low)


def test_delay_echoes_come_in_time_and_change_sides():
    parameters = presets.Delay(time=0.2, feedback=0.5, wet=-6, low_pass=10000)
    wet = effects.delay(click(), RATE, parameters)
    step = round(0.2 * RATE)
    for number in (1, 2, 3):
        around = np.abs(wet[:, 1000 + number * step : 1000 + number * step + 20]).max(axis=1)
        loud, quiet = around[number % 2], around[1 - number % 2]
        assert loud > 0.3 * 0.5**number
        assert quiet < 1e-6


@pytest.mark.parametrize("seconds", [0.6, 2.5])
def test_a_room_dies_away_in_its_time(seconds):
    response = effects.room_response(presets.Reverb(seconds=seconds, damping=1.0), RATE)
    # backward integration (Schroeder 1965); the slope from -5 to -35 dB, times two
    decay = 10 * np.log10(np.cumsum((response[0] ** 2)[::-1])[::-1] / np.sum(response[0] ** 2))
    t5, t35 = (np.argmax(decay < level) / RATE for level in (-5, -35))
    assert 2 * (t35 - t5) == pytest.approx(seconds, rel=0.2)
    np.testing.assert_allclose(np.sum(response**2, axis=1), 1, rtol=1e-3)


def test_the_first_reflection_waits_for_the_predelay():
    response = effects.room_response(presets.Reverb(predelay=50), RATE)
    start = round(0.05 * RATE)
    assert not response[:, :start].any()
    assert np.abs(response[:, start : start + round(0.06 * RATE)]).max() > 0.01


def test_damping_makes_a_room_dark():
    def brightness(damping):
        response = effects.room_response(presets.Reverb(damping=damping), RATE)[0]
        power = np.abs(np.fft.rfft(response)) ** 2
        return power[len(power) // 2 :].sum() / power.sum()

    assert brightness(0.1) < 0.6 * brightness(1.0)


def test_the_two_ears_hear_another_room():
    response = effects.room_response(presets.Reverb(), RATE)
    assert abs(np.corrcoef(response)[0, 1]) < 0.2


def test_width_zero_is_mono_and_one_is_nothing():
    samples = noise()
    mono = effects.width(samples, RATE, presets.Width(factor=0))
    np.testing.assert_allclose(mono[0], mono[1], atol=1e-7)
    same = effects.width(samples, RATE, presets.Width(factor=1))
    np.testing.assert_allclose(same, samples, atol=1e-6)


def test_saturation_keeps_the_peak_and_lifts_the_rest():
    samples = noise()
    round_ = effects.saturation(samples, RATE, presets.Saturation(drive=3))
    assert np.abs(round_).max() == pytest.approx(np.abs(samples).max(), rel=1e-4)
    assert rms(round_) > 1.1 * rms(samples)


def test_wow_bends_the_pitch_by_its_cents():
    wet = effects.wow(tone(1000, 4.0), RATE, presets.Wow(rate=0.5, cents=20))[0]
    crossings = np.flatnonzero((wet[:-1] < 0) & (wet[1:] >= 0))
    exact = crossings + wet[crossings] / (wet[crossings] - wet[crossings + 1])
    frequency = RATE * 10 / (exact[10:] - exact[:-10])
    cents = 1200 * np.log2(frequency[100:] / 1000)
    assert cents.max() == pytest.approx(20, abs=2)
    assert cents.min() == pytest.approx(-20, abs=2)


def test_chorus_makes_mono_wide():
    wet = effects.chorus(tone(440, 2.0), RATE, presets.Chorus())
    assert rms(wet[0] - wet[1]) > 0.05 * rms(wet)


def test_long_sound_stays_stable():
    long = np.tile(noise(1), (1, 120))
    for name in ("underwater", "tape"):
        wet = effects.apply_effects(long, RATE, presets.PRESETS[name])
        early, late = wet[:, 5 * RATE : 10 * RATE], wet[:, 110 * RATE : 115 * RATE]
        assert rms(late) == pytest.approx(rms(early), rel=0.1)
