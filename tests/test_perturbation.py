"""Each change of a sound does what it says, by the amount it says, and again the same."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from soundmill.audio.perturbation import check_rate, fixed_perturbation, perturb
from soundmill.audio.perturbation_options import (
    Codec,
    Compression,
    Equaliser,
    Gain,
    Noise,
    PitchShift,
    Reverb,
    TimeStretch,
    read_augmentation,
)
from soundmill.errors import InputError

RATE = 22_050
ALL = [
    PitchShift(), TimeStretch(), Equaliser(), Compression(), Codec(), Noise(),
    Noise(colour="pink"), Noise(colour="any"), Reverb(), Gain(),
]  # fmt: skip


def tone(frequency=440.0, seconds=2.0, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def strongest(samples, rate=RATE):
    """Return the frequency in Hz of the highest peak."""
    magnitude = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(magnitude) * rate / len(samples)


def decibels(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("augmentation", ALL, ids=lambda each: each.kind)
def test_a_seed_gives_the_same_sound_in_any_order_and_thread(augmentation):
    samples = tone() + np.random.default_rng(0).normal(0, 0.01, 2 * RATE).astype(np.float32)
    before = samples.copy()
    seeds = list(range(2**62, 2**62 + 6))
    alone = {seed: perturb(samples, RATE, augmentation, seed) for seed in seeds}
    random.seed(3)
    np.random.seed(3)
    expected = random.Random(3).random(), np.random.RandomState(3).rand()
    with ThreadPoolExecutor(3) as pool:
        again = pool.map(lambda seed: perturb(samples, RATE, augmentation, seed), seeds[::-1])
    for seed, out in zip(seeds[::-1], again, strict=True):
        assert np.array_equal(out, alone[seed]) and out.dtype == np.float32
    assert (random.random(), np.random.rand()) == expected  # global generators are as before
    assert np.array_equal(samples, before)
    # a codec has few rates to draw from
    different = {out.tobytes() for out in alone.values()}
    assert len(different) >= (2 if augmentation.kind == "codec" else 6)


@pytest.mark.parametrize("augmentation", ALL, ids=lambda each: each.kind)
@pytest.mark.parametrize("samples", [tone(seconds=0.001), np.zeros(5000, np.float32),
                                     np.stack([tone(), tone(660)]), np.zeros(0, np.float32)],
                         ids=["short", "silent", "stereo", "none"])  # fmt: skip
def test_short_silent_and_stereo_sounds_come_through(augmentation, samples):
    out = perturb(samples, RATE, augmentation, 5)
    assert np.isfinite(out).all() and out.shape[:-1] == samples.shape[:-1]
    if augmentation.kind != "time_stretch":
        assert out.shape == samples.shape


@given(st.integers(0, 2**63 - 1), st.sampled_from([2000, 4000, 8000]))
def test_an_equaliser_is_stable_where_its_bands_pass_half_the_rate(seed, rate):
    noise = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    out = perturb(noise, rate, Equaliser(decibels=12), seed)
    assert np.abs(decibels(out) - decibels(noise)) < 24


@pytest.mark.parametrize("semitones", [-5, 2, 12])
def test_pitch(semitones):
    out = fixed_perturbation("pitch", semitones)(tone(), RATE)
    assert strongest(out) == pytest.approx(440 * 2 ** (semitones / 12), rel=4e-3)


@pytest.mark.parametrize("factor", [0.8, 1.2, 2.0])
def test_tempo_keeps_the_pitch(factor):
    out = fixed_perturbation("tempo", factor)(tone(), RATE)
    assert len(out) == pytest.approx(2 * RATE / factor, abs=1)
    assert strongest(out) == pytest.approx(440, rel=5e-3)


@pytest.mark.parametrize("ratio", [0, 10, 30])
@pytest.mark.parametrize("colour", ["white", "pink", "brown", "violet"])
def test_noise_has_its_level_and_its_slope(ratio, colour):
    out = perturb(tone(), RATE, Noise(low=ratio, high=ratio, colour=colour), 1) - tone()
    assert decibels(tone()) - decibels(out) == pytest.approx(ratio, abs=0.2)
    power = np.abs(np.fft.rfft(out)) ** 2
    frequency = np.fft.rfftfreq(len(out), 1 / RATE)
    octaves = [power[(frequency > f) & (frequency < 1.5 * f)].mean() for f in (700, 5600)]
    slope = 10 * np.log10(octaves[1] / octaves[0]) / 3
    wanted = {"white": 0, "pink": -3.01, "brown": -6.02, "violet": 6.02}[colour]
    assert slope == pytest.approx(wanted, abs=0.6)
    if colour == "white":
        fixed = fixed_perturbation("noise", ratio)(tone(), RATE) - tone()
        assert decibels(tone()) - decibels(fixed) == pytest.approx(ratio, abs=0.2)


def test_mp3_loses_the_treble_and_no_time():
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)
    outs = {rate: fixed_perturbation("mp3", rate)(noise, RATE) for rate in (16, 128)}
    errors = {rate: decibels(out - noise) - decibels(noise) for rate, out in outs.items()}
    assert errors[128] < -8 < errors[16]
    shift = np.argmax(np.correlate(outs[128][:4000], noise[:4000], "full")) - 3999
    assert shift == 0
    treble = np.fft.rfftfreq(len(noise), 1 / RATE) > 9000
    lost = {rate: np.abs(np.fft.rfft(out))[treble].mean() for rate, out in outs.items()}
    assert lost[16] < 0.1 * lost[128]


def test_mp3_of_a_rate_there_is_none_of():
    check_rate(Codec(), 16_000)
    check_rate(Noise(), 96_000)
    with pytest.raises(InputError, match="96000 Hz"):
        check_rate(Codec(), 96_000)
    with pytest.raises(InputError, match="sample_rate of the spectra"):
        fixed_perturbation("mp3", 32)(tone(), 10_000)


def test_compression_brings_soft_and_loud_together_and_keeps_the_peak():
    samples = np.concatenate([0.05 * tone(), tone()])
    out = perturb(samples, RATE, Compression(low=-20, high=-20), 1)
    assert np.abs(out).max() == pytest.approx(np.abs(samples).max(), rel=1e-4)
    assert decibels(out[:RATE]) - decibels(samples[:RATE]) > 10


def test_a_room_goes_on_after_the_sound():
    samples = np.pad(tone(seconds=0.5), (0, RATE))
    dry, wet = samples[RATE:], fixed_perturbation("reverb", 1.5)(samples, RATE)[RATE:]
    assert not dry.any() and decibels(wet[:2000]) > -50
    assert np.abs(wet[-2000:]).max() < np.abs(wet[:2000]).max()
    short = fixed_perturbation("reverb", 0.2)(samples, RATE)[RATE:]
    assert decibels(short) < decibels(wet) - 10


def test_gain():
    assert decibels(fixed_perturbation("gain", -6)(tone(), RATE)) == pytest.approx(
        decibels(tone()) - 6, abs=1e-3
    )


def test_options_come_back_from_plain_values():
    for augmentation in ALL:
        assert read_augmentation(augmentation.model_dump(mode="json")) == augmentation


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"kind": "echo"}, "pitch_shift"),
        ({"kind": "noise", "low": 20, "high": 10}, r"low \(20\) is above high \(10\)"),
        ({"kind": "reverb", "low_wet": -3, "high_wet": -9}, "low_wet"),
        ({"kind": "codec", "bit_rates": [31]}, "31 kilobits"),
        ({"kind": "gain", "copies": 0}, "copies"),
    ],
)
def test_options_that_cannot_be_are_refused(raw, said):
    with pytest.raises(ValidationError, match=said):
        read_augmentation(raw)
