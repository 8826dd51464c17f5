"""Statistics, running medians, levels, rhythm and soundscape indices by themselves."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from soundmill.audio.levels import loudness
from soundmill.features.bank import describe
from soundmill.features.columns import ALL, columns
from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.rhythm import rhythm
from soundmill.features.soundscape_indices import evenness, gini
from soundmill.features.statistics import make_windows, statistics, summarise, window_sums
from soundmill.features.transforms import running_median

SR = 22050
TIME = np.arange(8 * SR) / SR


def described(samples, *families):
    options = DescriptorOptions(families=families)
    names = [column.name for column in columns(options)]
    values = describe(np.asarray(samples, np.float32), options).recording
    return dict(zip(names, values.tolist(), strict=True))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40), st.integers(0, 2**32))
def test_statistics_are_numpys_and_scipys(values, seed):
    x = np.array(values)
    found = dict(zip(ALL, statistics(torch.from_numpy(x)).tolist(), strict=True))
    assert found["mean"] == pytest.approx(x.mean(), abs=1e-9)
    assert found["std"] == pytest.approx(x.std(), abs=1e-9)
    low, p10, median, p90, high = np.percentile(x, [0, 10, 50, 90, 100])
    assert [found[name] for name in ("min", "p10", "median", "p90", "max")] == pytest.approx(
        [low, p10, median, p90, high]
    )
    assert found["dmean"] == pytest.approx(np.diff(x).mean(), abs=1e-9)
    assert found["dvar"] == pytest.approx(np.diff(x).var(), abs=1e-9)
    if x.std() > 1e-3 * np.abs(x).max():
        assert found["skew"] == pytest.approx(stats.skew(x), abs=1e-6)
        assert found["kurtosis"] == pytest.approx(stats.kurtosis(x), abs=1e-6)
    # values that are not there change nothing but the differences
    rng = np.random.default_rng(seed)
    holes = np.insert(x, np.sort(rng.integers(0, len(x) + 1, 3)), np.nan)
    with_holes = statistics(torch.from_numpy(holes)).numpy()[:9]
    np.testing.assert_allclose(with_holes, [found[name] for name in ALL[:9]], atol=1e-9)


def test_undefined_statistics_are_not_a_number():
    rows = torch.tensor([[2.0, 2.0, 2.0], [math.nan, 5.0, math.nan], [math.nan] * 3])
    constant, single, nothing = (
        dict(zip(ALL, row, strict=True)) for row in statistics(rows).tolist()
    )
    assert constant["std"] == 0 == constant["dvar"] and constant["p10"] == 2
    assert math.isnan(constant["skew"]) and math.isnan(constant["kurtosis"])
    assert single["mean"] == 5 == single["max"] and math.isnan(single["dmean"])
    assert all(math.isnan(value) for value in nothing.values())
    rounding = statistics(torch.tensor([2.0, 2.0 + 1e-9, 2.0], dtype=torch.float64))
    assert math.isnan(rounding[ALL.index("skew")]) and rounding[ALL.index("std")] > 0


def test_windows_are_summed_up_in_parts(monkeypatch):
    options = DescriptorOptions(segment_seconds=1, overlap=0.3)
    windows = make_windows(len(TIME), 1 + len(TIME) // 512, options)
    series = torch.randn(7, windows.last[0], generator=torch.Generator().manual_seed(1))
    expected = [
        statistics(series[:, a:b]) for a, b in zip(windows.first, windows.last, strict=True)
    ]
    monkeypatch.setattr("soundmill.features.statistics.AT_ONCE", 700)
    torch.testing.assert_close(summarise(series, windows), torch.stack(expected))
    sums = window_sums(series.numpy(), windows)
    assert sums[2, 3] == pytest.approx(float(series[2, windows.first[3] : windows.last[3]].sum()))


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 60), st.sampled_from([3, 5, 9, 31]), st.integers(0, 2**32))
def test_running_median_is_that_of_each_window(rows, frames, size, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, frames)).round(1).astype(np.float32)
    half = size // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="symmetric")
    # not by scipy's filter, which is wrong where the row is much shorter than the window
    expected = np.median(np.lib.stride_tricks.sliding_window_view(padded, size, axis=1), axis=2)
    np.testing.assert_array_equal(running_median(padded, size), expected)


def test_running_median_over_blocks(monkeypatch):
    monkeypatch.setattr("soundmill.features.transforms.BLOCK", 64)
    x = np.random.default_rng(1).standard_normal((3, 131)).astype(np.float32)
    expected = ndimage.median_filter(x, size=(1, 31))[:, 15:-15]
    np.testing.assert_array_equal(running_median(x), expected)


@pytest.mark.parametrize("seconds", [0.2, 1, 8])
def test_loudness_is_that_of_levels(seconds):
    samples = 0.1 * np.sin(2 * np.pi * 997 * TIME[: round(seconds * SR)]).astype(np.float32)
    found = described(samples, "energy")
    assert found["loudness"] == pytest.approx(loudness(samples[None], SR), abs=0.05)
    assert math.isnan(found["loudness_range"]) == (seconds < 3)


def test_loudness_range_of_two_levels():
    """EBU Tech 3341, minimum requirements: 20 s each of -20 and -30 dBFS have a range of 10 LU."""
    t = np.arange(20 * SR) / SR
    wave = np.sin(2 * np.pi * 1000 * t)
    found = described(np.concatenate([0.1 * wave, 10**-1.5 * wave]), "energy")
    assert found["loudness_range"] == pytest.approx(10, abs=0.1)


def test_silence_and_clipping_are_counted():
    wave = np.clip(3 * np.sin(2 * np.pi * 100 * TIME), -1, 1)
    wave[4 * SR :] = 0
    found = described(wave, "energy")
    assert found["silence_ratio"] == pytest.approx(0.5, abs=0.02)
    assert found["clipping_ratio"] == pytest.approx(
        0.5 * (1 - 2 * math.asin(1 / 3) / math.pi), abs=0.01
    )
    assert found["zcr_p90"] == pytest.approx(200 / SR, rel=0.1)


def test_rhythm_of_a_click_track():
    rng = np.random.default_rng(1)
    clicks = np.where(np.arange(len(TIME)) % (SR // 2) < 200, rng.standard_normal(len(TIME)), 0)
    found = described(0.3 * clicks + 1e-3 * rng.standard_normal(len(TIME)), "rhythm")
    assert found["tempo"] == pytest.approx(120, abs=4)
    assert found["onset_rate"] == pytest.approx(2, abs=0.3)
    noise = described(0.1 * rng.standard_normal(len(TIME)), "rhythm")
    assert found["pulse_clarity"] > 0.8 > 0.4 > noise["pulse_clarity"]
    assert found["tempogram_ratio_1_mean"] > found["tempogram_ratio_4_3_mean"]


def test_no_onset_has_no_tempo():
    options = DescriptorOptions()
    strength = torch.cat([torch.zeros(400), torch.rand(245)])
    windows = make_windows(len(strength) * 512, len(strength), options)
    found = rhythm(strength, windows, options)
    assert math.isnan(found.tempo[1]) and math.isnan(found.clarity[1])
    assert found.tempo[0] > 0 and np.isfinite(found.clarity[0]) and found.tempo[-1] > 0


def test_harmonic_and_percussive():
    clicks = (np.arange(len(TIME)) % 11025 < 3).astype(float)
    assert described(clicks, "harmony")["harmonic_percussive"] < -20
    found = described(np.sin(2 * np.pi * 440 * TIME), "harmony")
    assert found["harmonic_percussive"] > 15 and found["harmonic_share_median"] > 0.9


def test_indices_of_bands():
    high, low = (0.3 * np.sin(2 * np.pi * f * TIME) for f in (4100, 1500))
    assert described(high, "soundscape")["ndsi"] == pytest.approx(1, abs=1e-3)
    assert described(low, "soundscape")["ndsi"] == pytest.approx(-1, abs=1e-3)
    assert described(high + low, "soundscape")["ndsi"] == pytest.approx(0, abs=0.02)
    one = described(high, "soundscape")
    assert one["adi"] < 0.4 and one["aei"] > 0.8 and one["hf"] < 0.4 and one["ht"] > 0.99
    noise = described(0.1 * np.random.default_rng(1).standard_normal(len(TIME)), "soundscape")
    assert noise["adi"] == pytest.approx(math.log(10), abs=0.01) and noise["aei"] < 0.05
    assert noise["hf"] > 0.98 and noise["h"] == pytest.approx(noise["ht"] * noise["hf"])
    pulsed = np.random.default_rng(1).standard_normal(len(TIME)) * (np.sin(20 * TIME) > 0) / 10
    assert described(pulsed, "soundscape")["aci"] > 1.2 * noise["aci"]
    assert described(pulsed, "soundscape")["ht"] < 0.98 * noise["ht"]
    assert noise["bi"] < one["bi"]


def test_evenness_and_gini():
    values = np.array([[1.0, 1, 1, 1], [0, 0, 0, 3], [1, 2, 3, 4]])
    assert evenness(values)[:2] == pytest.approx([1, 0])
    assert gini(values) == pytest.approx([0, 0.75, 0.25])
