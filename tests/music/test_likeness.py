"""Overlap and divergence against known distributions, and sets whose likeness is known."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import gaussian_kde

from soundmill.music.likeness import compare_distances, resample_likeness


def test_equal_to_kernel_densities_by_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.gamma(3, 1, 300), rng.gamma(4, 1.2, 500)
    x = np.linspace(-5, 30, 20_000)
    p, q = gaussian_kde(a)(x), gaussian_kde(b)(x)
    found = compare_distances(a, b)
    assert found.overlap_area == pytest.approx(trapezoid(np.minimum(p, q), x), abs=0.005)
    kl = trapezoid(p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-12)), x)
    assert found.kl == pytest.approx(kl, abs=0.01)


def test_limits():
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, 1000)
    assert compare_distances(a, a) == pytest.approx((1, 0))
    far = compare_distances(a, a + 100)
    assert far.overlap_area == pytest.approx(0, abs=1e-6)
    assert 10 < far.kl < 30  # finite, though the distributions do not meet
    assert compare_distances(np.zeros(5), np.zeros(9)) == (1, 0)


def test_normal_distributions_by_formula():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 200_000), rng.normal(1, 1, 200_000)
    found = compare_distances(a, b)
    assert found.overlap_area == pytest.approx(0.617, abs=0.02)  # 2 Phi(-1/2)
    assert found.kl == pytest.approx(0.5, abs=0.07)  # smoothing widens both


def test_ceiling_above_floor_and_stable():
    rng = np.random.default_rng(0)
    corpus, same, other = rng.normal(0, 1, (60, 2)), rng.normal(0, 1, (12, 2)), np.full((5, 2), 4.0)
    found = resample_likeness(corpus, {"same": same, "other": other}, 60, 0)
    again = resample_likeness(corpus, {"same": same, "other": other}, 60, 0)
    overlap = {name: np.median(draws[:, 0]) for name, draws in found.items()}
    assert overlap["corpus"] > 0.85
    assert abs(overlap["same"] - overlap["corpus"]) < 0.1
    assert overlap["other"] < 0.5
    assert all((found[name] == again[name]).all() for name in found)


def test_few_pieces_have_no_likeness():
    rng = np.random.default_rng(0)
    corpus = rng.normal(0, 1, (10, 1))
    one = resample_likeness(corpus, {"one": corpus[:1]}, 5, 0)
    assert np.isnan(one["one"]).all()
    assert np.isfinite(one["corpus"]).all()
    few = resample_likeness(corpus[:5], {"x": corpus}, 5, 0)
    assert all(np.isnan(draws).all() for draws in few.values())


def test_pieces_without_the_feature_are_left_out():
    rng = np.random.default_rng(0)
    corpus = rng.normal(0, 1, (30, 1))
    gaps = np.concatenate((corpus, np.full((3, 1), np.nan)))
    found = resample_likeness(gaps, {"x": gaps}, 20, 0)
    assert all(np.isfinite(draws).all() for draws in found.values())
