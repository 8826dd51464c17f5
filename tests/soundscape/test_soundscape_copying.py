"""Copies are found; sounds that are only alike are not."""

import numpy as np
import pytest

from soundmill.soundscape.copying import beyond_real, nearest_distances, patch_similarities

RATE = 22_050


def noise(seed, seconds, channels=1):
    n = round(seconds * RATE)
    return np.random.default_rng(seed).normal(0, 0.1, (channels, n)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_copied_stretch_is_found_at_any_place_level_and_colour(channels):
    training = [noise(0, 5, channels), noise(1, 20, channels)]
    copy = noise(2, 3, channels)
    copy[:, RATE : 2 * RATE] = 0.1 * training[1][:, 200_123 : 200_123 + RATE]
    dull = np.diff(training[0][:, 777 : 777 + 3 * RATE], axis=1, prepend=0)
    clips = [noise(3, 3, channels), copy, dull]
    fresh, copied, coloured = patch_similarities(clips, training, RATE, 0.2, 12)
    assert fresh < 0.6 and copied > 0.85 and coloured > 0.85


def test_that_something_begins_is_no_copy():
    def crackle(seed):
        samples = noise(seed, 3)
        samples *= 0.02 + (np.arange(samples.shape[1]) % (RATE // 2) < 600)
        return samples

    fresh, copied = patch_similarities([crackle(0), crackle(1)], [crackle(1)], RATE, 0.2, 12)
    assert fresh < 0.7 and copied > 0.99


def test_steady_tones_and_silence_are_no_evidence():
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)[None].astype(np.float32)
    values = patch_similarities([0 * tone, tone, noise(0, 0.05)], [tone, noise(1, 2)], RATE, 0.2, 8)
    assert np.isnan(values).all()
    assert np.isnan(patch_similarities([noise(0, 2)], [], RATE, 0.2, 8)).all()
    assert patch_similarities([], [tone], RATE, 0.2, 8).shape == (0,)


def test_nearest_distances():
    points, training = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[3.0, 4.0], [0.0, 2.0]])
    np.testing.assert_allclose(nearest_distances(points, training), [2, 0])
    assert np.isnan(nearest_distances(points, training[:0])).all()


def test_beyond_real_counts_from_what_is_usual_for_a_label():
    labels = ["crickets"] * 40 + ["wind"] * 40
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(0.9, 0.01, 40), rng.normal(0.3, 0.01, 40)])
    fresh = np.concatenate([rng.normal(0.9, 0.01, 40), rng.normal(0.3, 0.01, 40)])
    copied = np.concatenate([rng.normal(0.9, 0.01, 40), rng.normal(0.6, 0.01, 40)])
    assert beyond_real(fresh, labels, real, labels, nearer=False).mean() < 0.15
    np.testing.assert_array_equal(
        beyond_real(copied, labels, real, labels, nearer=False)[40:], np.ones(40)
    )
    assert beyond_real(-copied, labels, -real, labels, nearer=True)[40:].all()
    unknown = beyond_real(np.array([np.nan, 0.99]), ["", "surf"], real, labels, nearer=False)
    assert np.isnan(unknown[0]) and unknown[1] == 1
    assert np.isnan(beyond_real(fresh, labels, np.zeros(0), [], nearer=False)).all()
