"""The descriptor bank: columns, segments, not-a-number policy, bad input."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmill.errors import InputError
from soundmill.features.bank import describe, describe_file
from soundmill.features.columns import columns, family_of
from soundmill.features.descriptor_options import FAMILIES, DescriptorOptions
from soundmill.options import validate

SR = 22050
ALL = DescriptorOptions(families=FAMILIES)
NAMES = [column.name for column in columns(ALL)]


def noise(seconds, seed=1, level=0.1):
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * SR))).astype(np.float32)


def tone(hertz, seconds, level=0.3):
    t = np.arange(round(seconds * SR)) / SR
    return (level * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def named(values):
    return dict(zip(NAMES, values, strict=True))


def test_column_names_are_unique_lower_case_and_know_their_family():
    listed = columns(ALL)
    assert len(set(NAMES)) == len(NAMES) == 1305
    assert all(name == name.lower() and name.isidentifier() for name in NAMES)
    assert all(column.unit and column.meaning for column in listed)
    assert [family_of(column.name) for column in listed] == [column.family for column in listed]
    assert {column.family for column in listed} == set(FAMILIES)
    assert family_of("mfcc01_delta_std") == "mfcc" and family_of("centroid_p90") == "spectral"
    with pytest.raises(KeyError):
        family_of("centroid_p50")


def test_columns_are_those_of_the_families_in_a_fixed_order():
    one = DescriptorOptions(families=("tonnetz", "mfcc"))
    other = DescriptorOptions(families=("mfcc", "tonnetz"))
    assert columns(one) == columns(other)
    assert [column.name for column in columns(one)][:2] == ["mfcc01_mean", "mfcc01_std"]
    assert len(columns(one)) == 580 + 66


def test_a_family_alone_has_the_values_it_has_among_all():
    samples = noise(7) + tone(440, 7)
    together = describe(samples, ALL)
    for family in FAMILIES:
        alone = describe(samples, DescriptorOptions(families=(family,)))
        chosen = [place for place, name in enumerate(NAMES) if family_of(name) == family]
        np.testing.assert_array_equal(alone.recording, together.recording[chosen])
        np.testing.assert_array_equal(alone.segments, together.segments[:, chosen])


def test_names_of_columns_cost_no_torch():
    code = "import sys, soundmill.features.columns; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "options", "starts"),
    [
        (12, {}, [0, 2.5, 5, 7]),
        (12.5, {}, [0, 2.5, 5, 7.5]),
        (12.7, {}, [0, 2.5, 5, 7.5]),
        (12, {"overlap": 0}, [0, 5, 7]),
        (5.4, {}, [0]),
        (5.6, {}, [0, 0.6]),
        (0.2, {}, [0]),
        (12, {"segment_seconds": None}, []),
    ],
)
def test_segments_cover_the_recording(seconds, options, starts):
    found = describe(noise(seconds), DescriptorOptions(families=("energy",), **options))
    assert found.starts == pytest.approx(starts)
    assert found.segments.shape == (len(starts), 26)
    if len(starts) == 1:
        assert found.seconds == pytest.approx([seconds])
        np.testing.assert_array_equal(found.segments[0], found.recording)
    else:
        assert found.seconds == pytest.approx([5] * len(starts))


def test_a_segment_tells_of_its_own_part():
    samples = np.concatenate([tone(500, 10), noise(10, level=0.01)])
    found = describe(samples, ALL)
    quiet, loud = (named(found.segments[list(found.starts).index(start)]) for start in (12.5, 2.5))
    assert loud["rms_mean"] == pytest.approx(0.3 / 2**0.5, rel=0.01)
    assert quiet["rms_mean"] == pytest.approx(0.01, rel=0.02)
    assert loud["loudness"] - quiet["loudness"] > 20
    assert loud["f0_median"] == pytest.approx(500, rel=0.01)
    assert loud["voiced_ratio"] == 1 and quiet["voiced_ratio"] < 0.05
    assert loud["harmonic_percussive"] > 15 and abs(quiet["harmonic_percussive"]) < 3
    assert loud["centroid_mean"] < 1000 < quiet["centroid_mean"]


def test_silence_is_not_a_number_but_for_its_energy():
    found = named(describe(np.zeros(5 * SR, np.float32), ALL).recording)
    defined = {name for name, value in found.items() if not np.isnan(value)}
    assert defined == {
        f"{series}_{statistic}"
        for series in ("rms", "zcr")
        for statistic in
        ("mean", "std", "min", "p10", "median", "p90", "max", "dmean", "dvar")
    } | {"silence_ratio", "clipping_ratio"}  # fmt: skip
    assert found["silence_ratio"] == 1 and found["rms_max"] == 0 == found["clipping_ratio"]


def test_a_silent_segment_of_a_sounding_recording_is_not_a_number():
    samples = np.concatenate([noise(6), np.zeros(8 * SR, np.float32)])
    found = describe(samples, ALL)
    last = named(found.segments[-1])
    assert np.isnan(last["mfcc01_mean"]) and np.isnan(last["tempo"]) and np.isnan(last["aci"])
    assert last["silence_ratio"] == 1
    assert np.isfinite(found.recording).mean() > 0.97


def test_short_recordings_lack_what_needs_length():
    found = named(describe(noise(0.15), ALL).recording)
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert {name for name in NAMES if "_delta" in name} <= missing
    assert {"loudness_range", "pulse_clarity", "f0_mean"} <= missing
    assert not {"mfcc01_mean", "rms_dvar", "chroma_cqt_c_std", "loudness", "hf"} & missing
    assert np.isfinite(named(describe(noise(0.2), ALL).recording)["mfcc20_delta2_mean"])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9000),
    st.sampled_from([0.0, 1e-6, 1e-3, 1.0, 30.0]),
    st.sampled_from(["noise", "constant", "impulse", "tone"]),
)
def test_no_value_is_infinite_and_the_energy_is_always_there(length, level, kind):
    samples = {
        "noise": noise(1, level=1.0)[:length],
        "constant": np.ones(length, np.float32),
        "impulse": np.eye(1, length, length // 2, dtype=np.float32)[0],
        "tone": tone(300, 1)[:length],
    }[kind] * np.float32(level)
    found = describe(samples, ALL)
    assert found.recording.dtype == np.float32 and found.segments.shape == (1, len(NAMES))
    assert not np.isinf(found.recording).any()
    values = named(found.recording)
    for name in ("rms_mean", "rms_std", "zcr_max", "silence_ratio", "clipping_ratio"):
        assert np.isfinite(values[name]), name


def test_the_same_recording_gives_the_same_bytes():
    samples = noise(6) + tone(220, 6)
    one, other = describe(samples, ALL), describe(samples, ALL)
    assert one.recording.tobytes() == other.recording.tobytes()
    assert one.segments.tobytes() == other.segments.tobytes()


def test_a_file_is_read_as_mono_at_the_options_rate(tmp_path):
    path = tmp_path / "a.wav"
    t = np.arange(3 * 44100) / 44100
    stereo = np.stack([np.sin(2 * np.pi * 1000 * t), np.zeros(len(t))], axis=1)
    soundfile.write(path, stereo, 44100)
    found = named(describe_file(path, ALL).recording)
    assert found["rms_median"] == pytest.approx(0.5 / 2**0.5, rel=0.01)
    assert found["f0_median"] == pytest.approx(1000, rel=0.01)
    assert found["rolloff85_median"] == pytest.approx(1000, abs=30)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros((2, 100)), np.array([0.1, np.nan]), np.array([np.inf, 0.0])],
)
def test_what_cannot_be_described_is_refused(samples):
    with pytest.raises(InputError):
        describe(samples.astype(np.float32), ALL)


def test_an_error_names_the_file(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.full(100, np.nan, np.float32), SR, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan\.wav.*not finite"):
        describe_file(path, ALL)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"families": ["mfcc", "mfcc"]}, "more than once"),
        ({"families": []}, "at least 1"),
        ({"families": ["mfc"]}, "mfcc"),
        ({"hop": 100}, "multiple of 64"),
        ({"hop": 2048, "n_fft": 1024}, "above n_fft"),
        ({"sample_rate": 8000}, "16000"),
        ({"overlap": 0.95}, "0.9"),
    ],
)
def test_wrong_options_say_what_is_allowed(raw, said):
    with pytest.raises(InputError, match=said):
        validate(DescriptorOptions, raw, "the configuration")
