"""Distances of sets of clips, diversity, and their intervals."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.covariance import ledoit_wolf

from soundmill.soundscape.distribution import (
    diversity,
    diversity_measure,
    fit_embedding,
    frechet_distance,
    frechet_measure,
    kernel_distance,
    kernel_measure,
)
from soundmill.soundscape.resampling import draw_weights, mean_measure, measure

RNG = np.random.default_rng


def test_frechet_distance_is_that_of_gaussians_with_shrunk_covariances():
    a, b = RNG(0).normal(size=(25, 6)), RNG(1).normal(0.5, 1.5, (30, 6))
    first, second = ledoit_wolf(a)[0], ledoit_wolf(b)[0]
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_is_the_unbiased_estimate():
    a, b = RNG(0).normal(size=(9, 3)), RNG(1).normal(0.4, 1, (7, 3))
    distance = np.linalg.norm(a[:, None] - a[None], axis=2)
    width = np.median(distance[np.triu_indices(9, 1)])

    def kernel(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * width**2))

    def within(points):
        pairs = [kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j]
        return np.mean(pairs)

    across = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(within(a) + within(b) - 2 * across)
    same = [kernel_distance(*RNG(s).normal(size=(2, 20, 3))) for s in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(200)


def test_too_few_points_have_no_distance():
    one, some = np.zeros((1, 2)), RNG(0).normal(size=(6, 2))
    assert np.isnan(frechet_distance(some, one)) and np.isnan(kernel_distance(one, some))
    for compare in (frechet_measure, kernel_measure):
        assert compare(some, one, [""], 50, 0) == {"value": None, "interval": None, "n": 1}
    assert np.isnan(diversity(one, ["a"]))
    assert diversity_measure(one, ["a"], None, 50, 0)["value"] is None


@pytest.mark.parametrize("compare", [frechet_measure, kernel_measure])
def test_intervals_hold_the_value_and_are_wider_for_few_recordings(compare):
    reference = RNG(0).normal(size=(60, 4))
    points = np.repeat(RNG(1).normal(0.5, 1, (12, 4)), 5, axis=0) + RNG(2).normal(0, 0.1, (60, 4))
    origins = [str(i // 5) for i in range(60)]
    grouped = compare(reference, points, origins, 300, 0)
    alone = compare(reference, points, [""] * 60, 300, 0)
    assert grouped["value"] == alone["value"] and grouped["n"] == 60
    low, high = grouped["interval"]
    assert low <= grouped["value"] <= high
    assert high - low > 1.5 * (alone["interval"][1] - alone["interval"][0])
    assert compare(reference, points, ["a"] * 60, 300, 0)["interval"] is None
    assert compare(reference, points, origins, 300, 0) == grouped


def test_diversity_counts_pairs_of_different_recordings():
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    assert diversity(points, ["a", "a", "b", "b"]) == pytest.approx(5)
    assert diversity(points, ["", "", "", ""]) == pytest.approx((2 * 0.1 + 4 * 5) / 6)
    assert diversity(points[:2], ["a", "a"]) == pytest.approx(0.1)  # nothing else to go by
    assert diversity(points, ["a", "b", "c", "d"], ["x", "x", "y", ""]) == pytest.approx(0.1)
    assert np.isnan(diversity(points, ["a", "b", "c", "d"], [""] * 4))


def test_the_embedding_measures_in_spreads_of_the_training_clips():
    rows = RNG(0).normal(size=(90, 40)) @ RNG(1).normal(size=(40, 40))
    rows[:, 7] = 3.0  # never varies
    embedding = fit_embedding(rows, 64)
    points = embedding(rows)
    assert embedding.dimensions == 30 and fit_embedding(rows, 8).dimensions == 8
    assert np.square(points).sum(axis=1).mean() == pytest.approx(1)
    wild = rows[:1].copy()
    wild[0, 7] = 1e9
    np.testing.assert_allclose(embedding(wild), points[:1])
    wild[0, 8] = 1e9  # does not decide alone either: as far as six spreads
    six = rows[:1].copy()
    six[0, 8] = rows[:, 8].mean() + 6 * rows[:, 8].std()
    np.testing.assert_allclose(embedding(wild), embedding(six))
    assert fit_embedding(rows[:2], 8).dimensions == 1
    assert np.isfinite(fit_embedding(np.ones((4, 5)), 8)(np.zeros((3, 5)))).all()


def test_resamples_draw_whole_recordings():
    weights = draw_weights(["a", "a", "b", "", ""], 100, 0)
    assert weights.shape == (100, 5) and (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3, 4]].sum(axis=1) == 4).all()
    assert draw_weights(["a", "a"], 100, 0).shape == (0, 2)


def test_means_leave_out_what_is_unknown():
    assert mean_measure([1.0, np.nan, 3.0], ["a", "b", "b"], 50, 0)["value"] == 2
    assert mean_measure([1.0, np.nan, 3.0], ["a", "b", "b"], 50, 0)["n"] == 2
    assert mean_measure([], [], 50, 0) == {"value": None, "interval": None, "n": 0}
    assert mean_measure([2.0, 4.0], ["a", "a"], 50, 0)["interval"] is None
    assert measure(float("nan"), None, 3) == {"value": None, "interval": None, "n": 3}
