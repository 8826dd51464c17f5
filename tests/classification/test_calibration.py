"""Calibration: a known temperature is found, the error is what a hand computes."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from soundmill.classification.calibration import (
    apply_temperature,
    calibration_error,
    confidences,
    fit_temperature,
    fit_thresholds,
)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_of_synthetic_logits_is_recovered(temperature):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (6000, 5))
    drawn = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((6000, 1))).argmax(axis=1)
    bold = softmax(logits * temperature, axis=1)
    found = fit_temperature("single", drawn, bold)
    assert found == pytest.approx(temperature, rel=0.06)
    mended = apply_temperature("single", bold, found)
    np.testing.assert_allclose(mended.sum(axis=1), 1)
    assert (mended.argmax(axis=1) == bold.argmax(axis=1)).all()
    before, after = (calibration_error(*confidences("single", drawn, v))[0] for v in (bold, mended))
    assert after < 0.03
    assert after <= before + 0.005


def test_temperature_of_tags():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, (4000, 3))
    tags = (rng.random(logits.shape) < expit(logits)).astype(float)
    assert fit_temperature("multi", tags, expit(2 * logits)) == pytest.approx(2, rel=0.08)


def test_temperature_is_finite_for_perfect_and_hopeless_predictions():
    sure = np.eye(3)[[0, 1, 2]]
    assert 0.05 <= fit_temperature("single", np.array([0, 1, 2]), sure) <= 20
    assert fit_temperature("single", np.array([1, 2, 0]), sure) == pytest.approx(20, rel=0.01)
    np.testing.assert_allclose(apply_temperature("multi", np.array([[0.0, 1.0]]), 1.0), [[0, 1]],
                               atol=1e-6)  # fmt: skip


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False])
    error, bins = calibration_error(confidence, right, 10)
    assert error == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)
    assert bins == [
        {"confidence": 0.55, "accuracy": 0.5, "count": 2},
        {"confidence": 0.95, "accuracy": 1.0, "count": 2},
    ]
    assert calibration_error(np.ones(3), np.ones(3, bool))[0] == 0


def test_equal_mass_bins_hold_equally_many():
    rng = np.random.default_rng(0)
    confidence = rng.beta(8, 1, 1500)
    _, bins = calibration_error(confidence, rng.random(1500) < confidence, 15, "equal_mass")
    assert [b["count"] for b in bins] == [100] * 15


def test_thresholds_part_where_f1_is_best():
    truth = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])
    values = np.array([[0.4, 0.9], [0.3, 0.1], [0.2, 0.1], [0.2, 0.1]])
    assert fit_thresholds(truth, values).tolist() == [0.25, 0.5]
    tied = fit_thresholds(np.array([[1], [0], [1]]), np.array([[0.3], [0.3], [0.1]]))
    assert tied[0] == pytest.approx(0.05)  # all: F1 .8; equal predictions cannot be parted
