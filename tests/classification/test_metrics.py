"""Metrics under weights: equal to scikit-learn's, defined where they can be, vectorised truly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn import metrics as sk

from soundmill.classification.bootstrap import (
    difference_p,
    holm,
    mcnemar,
    percentile_interval,
    resample,
)
from soundmill.classification.curves import abstention, confusion, precision_recall, roc
from soundmill.classification.metrics import (
    METRICS,
    measure,
    membership,
    metric_names,
    ranking_scores,
    target_scores,
)


def draws(seed, n=60, c=5, grid=None):
    """Truth, probabilities (with ``grid``: many equal ones) and integer weights of resamples."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % c)
    values = rng.random((n, c)) + 0.7 * np.eye(c)[truth]
    if grid:
        values = np.round(values * grid) / grid + 0.01
    weights = rng.multinomial(n, np.full(n, 1 / n), 4).T.astype(float)
    return truth, values / values.sum(axis=1, keepdims=True), weights


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([None, 2, 5]))
def test_single_metrics_equal_sklearn_under_each_weighting(seed, grid):
    truth, values, weights = draws(seed, grid=grid)
    weights[:, 0] = 1
    found = measure("single", truth, values, weights, names=METRICS["single"])
    decided = values.argmax(axis=1)
    for r in range(weights.shape[1]):
        w = weights[:, r]
        there = np.unique(truth[w > 0])
        member = membership(truth, 5)
        kept = {"sample_weight": w}
        expected = {
            "accuracy": sk.accuracy_score(truth, decided, **kept),
            "balanced_accuracy": np.mean(
                sk.recall_score(truth, decided, labels=there, average=None, **kept)
            ),
            "macro_f1": sk.f1_score(
                truth, decided, labels=there, average="macro", zero_division=0, **kept
            ),
            "log_loss": sk.log_loss(truth, values, labels=range(5), **kept),
            "macro_auc": np.mean(
                [sk.roc_auc_score(member[:, i], values[:, i], **kept) for i in there]
            ),
            "map": np.mean(
                [sk.average_precision_score(member[:, i], values[:, i], **kept) for i in there]
            ),
        }
        if grid is None:
            expected["top3_accuracy"] = sk.top_k_accuracy_score(truth, values, k=3, **kept)
        for name, value in expected.items():
            assert found[name][r] == pytest.approx(value, abs=1e-9), name


def test_single_metrics_by_hand():
    truth = np.array([0, 0, 1, 2])
    values = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    found = measure("single", truth, values, np.ones((4, 1)), names=METRICS["single"])
    assert found["accuracy"][0] == 0.75
    assert found["balanced_accuracy"][0] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["macro_f1"][0] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["log_loss"][0] == pytest.approx(-np.log([0.6, 0.2, 0.8, 0.4]).mean())
    assert found["top3_accuracy"][0] == 1


def test_a_constant_prediction_gets_what_chance_gets():
    truth = np.arange(40) % 8
    values = np.full((40, 8), 1 / 8)
    found = measure("single", truth, values, np.ones((40, 1)), names=METRICS["single"])
    assert found["top3_accuracy"][0] == pytest.approx(3 / 8)
    assert found["macro_auc"][0] == pytest.approx(0.5)
    assert found["map"][0] == pytest.approx(1 / 8)
    assert found["log_loss"][0] == pytest.approx(np.log(8))


def test_perfect_and_untested_classes():
    truth = np.array([0, 1, 0, 1])
    values = np.eye(3)[truth]
    found = measure("single", truth, values, np.ones((4, 1)), names=METRICS["single"])
    expected = {"accuracy": 1, "balanced_accuracy": 1, "macro_f1": 1, "macro_auc": 1, "map": 1}
    assert {name: found[name][0] for name in expected} == expected  # class 2 is left out
    assert found["log_loss"][0] == 0
    single = measure("single", np.zeros(4, int), values, np.ones((4, 1)), names=["macro_auc"])
    assert np.isnan(single["macro_auc"][0])  # one class only: nothing to rank


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_multi_metrics_equal_sklearn(seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((50, 4)) < 0.4).astype(float)
    truth[:4], truth[4] = np.eye(4), 0
    values = np.round(np.clip(0.5 * truth + 0.5 * rng.random((50, 4)), 0.01, 0.99), 1)
    fitted = values >= [0.3, 0.4, 0.6, 0.7]
    found = measure("multi", truth, values, np.ones((50, 1)), names=METRICS["multi"], fitted=fitted)
    decided = values >= 0.5
    expected = {
        "map": sk.average_precision_score(truth, values, average="macro"),
        "macro_auc": sk.roc_auc_score(truth, values, average="macro"),
        "micro_auc": sk.roc_auc_score(truth, values, average="micro"),
        "macro_f1": sk.f1_score(truth, decided, average="macro"),
        "macro_f1_fitted": sk.f1_score(truth, fitted, average="macro"),
        "exact_match": sk.accuracy_score(truth, decided),
        "hamming": sk.hamming_loss(truth, decided),
        "log_loss": np.mean([sk.log_loss(truth[:, i], values[:, i]) for i in range(4)]),
    }
    assert {name: found[name][0] for name in found} == pytest.approx(expected)


@given(st.integers(0, 10**6))
def test_regression_metrics_equal_references(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(1000, 3, 30)  # far from zero, where moments lose digits
    values = truth + rng.normal(0.5, 1, 30)
    weights = rng.multinomial(30, np.full(30, 1 / 30), 3).T.astype(float)
    found = target_scores(truth, values, weights)
    for r in range(3):
        drawn = np.repeat(np.arange(30), weights[:, r].astype(int))
        t, p = truth[drawn], values[drawn]
        expected = {
            "r2": sk.r2_score(t, p),
            "mae": sk.mean_absolute_error(t, p),
            "rmse": sk.root_mean_squared_error(t, p),
            "pearson": pearsonr(t, p).statistic,
            "ccc": 2 * np.cov(t, p, ddof=0)[0, 1]
            / (t.var() + p.var() + (t.mean() - p.mean()) ** 2),
        }  # fmt: skip
        assert {name: found[name][r] for name in expected} == pytest.approx(expected, abs=1e-7)


def test_constant_regressions_have_no_correlation():
    found = target_scores(np.array([1.0, 2, 3]), np.full(3, 2.0), np.ones((3, 1)))
    assert np.isnan(found["pearson"][0])
    assert (found["ccc"][0], found["r2"][0]) == (0, 0)
    assert np.isnan(target_scores(np.ones(3), np.arange(3.0), np.ones((3, 1)))["r2"][0])


def test_ranking_scores_of_nothing_are_nan():
    scores = np.array([0.1, 0.4])
    auc, ap = ranking_scores(np.zeros(2), scores, np.ones((2, 2)))
    assert np.isnan([*auc, *ap]).all()
    auc, ap = ranking_scores(np.ones(2), scores, np.ones((2, 1)))
    assert np.isnan(auc[0])
    assert ap[0] == 1
    auc, ap = ranking_scores(np.array([1, 0]), scores, np.array([[0.0], [2.0]]))
    assert np.isnan([auc[0], ap[0]]).all()  # the positive was not drawn


def test_top_three_of_three_is_not_a_metric():
    assert "top3_accuracy" not in metric_names("single", 3)
    assert "top3_accuracy" in metric_names("single", 4)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Recordings in groups of 5 that agree: drawing groups is right, drawing recordings is not."""
    rng = np.random.default_rng(3)
    ids = [f"r{i}" for i in range(200)]
    groups = np.array([f"g{i // 5}" for i in range(200)])
    none, rows = np.full(200, ""), np.arange(200)
    held = {"recordings": 0, "groups": 0}
    trials = 300
    for trial in range(trials):
        right = np.repeat(rng.random(40) < 0.7, 5).astype(float)
        for group in (none, groups):
            found = resample(ids, group, rows, 300, trial)
            counts = found.counts.astype(float)
            low, high = percentile_interval(right @ counts / counts.sum(axis=0))
            held[found.over] += low <= 0.7 <= high
    assert 0.90 <= held["groups"] / trials <= 0.98
    assert held["recordings"] / trials < 0.75


def test_resamples_draw_whole_groups_of_tested_recordings():
    groups = np.array(["a", "a", "", "b", "b", "c"])
    found = resample(list("uvwxyz"), groups, np.arange(5), 500, 1)
    assert (found.over, found.clusters) == ("groups", 3)
    counts = found.counts
    assert (counts[0] == counts[1]).all()
    assert (counts[3] == counts[4]).all()
    assert (counts[[0, 2, 3]].sum(axis=0) == 3).all()
    assert not counts[5].any()  # not tested, never drawn
    alone = resample(list("uv"), np.array(["a", "a"]), np.arange(2), 200, 1)
    assert (alone.over, alone.clusters) == ("recordings", 2)


def test_blocks_do_not_change_the_draws(monkeypatch):
    truth, values, _ = draws(1)
    ids = [f"r{i}" for i in range(60)]
    found = resample(ids, np.full(60, ""), np.arange(60), 200, 5)

    def score(weights):
        return measure("single", truth, values, weights, names=["accuracy", "map"])

    whole = found.draws(np.arange(60), score)
    monkeypatch.setattr("soundmill.classification.bootstrap.BLOCK", 60 * 7)
    parts = found.draws(np.arange(60), score)
    for name in whole:
        np.testing.assert_allclose(whole[name], parts[name], rtol=1e-12)
    assert len(found.draws(np.arange(60), score, 50)["map"]) == 50


def test_rows_that_were_not_drawn_leave_the_draw_undefined():
    found = resample(list("ab"), np.full(2, ""), np.arange(2), 200, 0)
    draw = found.draws(np.array([0]), lambda w: {"x": w.sum(axis=0) / w.sum(axis=0)})["x"]
    assert np.isnan(draw).mean() == pytest.approx(0.25, abs=0.1)
    assert percentile_interval(np.array([np.nan, np.nan, 1.0])) is None


def test_mcnemar_by_hand():
    a = np.array([1, 1, 1, 1, 1, 1, 0, 1, 0], bool)
    b = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0], bool)
    assert mcnemar(a, b) == (6, 1, pytest.approx(2 * (1 + 7) / 2**7))
    assert mcnemar(a, a) == (0, 0, 1.0)


def test_holm_by_hand():
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_p_of_a_difference_is_small_only_when_it_is_far_from_zero():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, 1000)
    assert difference_p(0.2, 0.2 + noise, 100) < 1e-6
    assert difference_p(0.01, 0.01 + noise, 100) > 0.4
    assert difference_p(0.06, 0.06 + noise, 4) > difference_p(0.06, 0.06 + noise, 400)
    assert difference_p(0.0, np.zeros(1000), 100) == 1
    assert difference_p(0.1, np.full(1000, np.nan), 100) is None


def test_curves_are_thinned_and_end_where_they_should():
    rng = np.random.default_rng(0)
    truth = rng.random(3000) < 0.3
    scores = truth * 0.5 + rng.random(3000)
    curve = roc(truth, scores, 50)
    assert len(curve["fpr"]) == len(curve["tpr"]) == 50
    assert (curve["fpr"][0], curve["tpr"][0], curve["fpr"][-1], curve["tpr"][-1]) == (0, 0, 1, 1)
    assert curve["auc"] == pytest.approx(sk.roc_auc_score(truth, scores), abs=1e-6)
    curve = precision_recall(truth, scores, 50)
    assert len(curve["recall"]) == 50
    assert (curve["recall"][0], curve["recall"][-1]) == (0, 1)
    assert curve["recall"] == sorted(curve["recall"])
    assert roc(np.ones(3), np.arange(3.0)) is None
    assert precision_recall(np.zeros(3), np.arange(3.0)) is None


def test_confusion_rows_are_true_classes():
    found = confusion(np.array([0, 0, 1]), np.array([1, 1, 1]), 3)
    assert found.tolist() == [[0, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_abstention_by_hand():
    curve = abstention(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1]))
    assert curve["coverage"] == [0.25, 0.5, 0.75, 1]
    assert curve["accuracy"] == pytest.approx([1, 1, 2 / 3, 3 / 4], abs=1e-5)
    assert curve["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4, abs=1e-6)
    equal = abstention(np.full(4, 0.5), np.array([1, 1, 0, 0]))
    assert equal["accuracy"] == [0.5] * 4  # no order among equals, none made up
