"""The evaluation of fusions: figures against a slow count by hand, parts, named cases, answers."""

import json

import numpy as np
import pytest
from fusion.toy_judged import toy_options, write_toy_evaluation, write_toy_folds
from fusion.toy_outputs import write_toy_outputs
from sklearn.metrics import log_loss, roc_auc_score

from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.fusion.clusters import Clusters
from soundmill.fusion.conditions import all_cases
from soundmill.fusion.conflict import disagreement, separation
from soundmill.fusion.evaluation import evaluate_fusion
from soundmill.fusion.named_cases import case_key, named_cases, pure_noise
from soundmill.fusion.outputs import write_outputs
from soundmill.fusion.parts import by_fold, count_parts
from soundmill.fusion.predictions import read_predictions


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The folder of a judged task, and its evaluation."""
    root = tmp_path_factory.mktemp("judged")
    path = write_toy_evaluation(root, asked={"both clean": 0.9, "image damaged": 1.01})
    return root, read_json(path)


def folds_of(root):
    return [read_predictions(folder) for folder in sorted(root.glob("predictions-*"))]


def case_of(data, key):
    return next(case for case in data["cases"] if case["key"] == key)


@pytest.mark.parametrize("key", ["clean/clean", "noise_0/energy_25", "lying/clean"])
def test_figures_are_those_of_a_count_by_hand(judged, key):
    root, data = judged
    folds = folds_of(root)
    entries = [(entry.name, row) for row, entry in enumerate(folds[0].entries)]
    number = [case_key(case) for case in folds[0].cases].index(key)
    shown = case_of(data, key)
    truth = np.concatenate([fold.targets for fold in folds])
    for name in ("image alone", "product", "gate"):
        accuracies, losses = [], []
        for row in [row for entry, row in entries if entry == name]:
            p = np.concatenate([fold.probabilities[row, number] for fold in folds]).astype(float)
            accuracies.append((p.argmax(1) == truth).mean())
            p = np.clip(p, 1e-7, 1)
            losses.append(log_loss(truth, p / p.sum(1, keepdims=True), labels=range(4)))
        assert shown["accuracy"][name]["value"] == pytest.approx(np.mean(accuracies), abs=1e-6)
        assert shown["spread"][name] == pytest.approx(accuracies, abs=1e-6)
        assert shown["log_loss"][name] == pytest.approx(np.mean(losses), abs=2e-3)
        low, high = shown["accuracy"][name]["interval"]
        assert low <= shown["accuracy"][name]["value"] <= high
    assert shown["accuracy"]["gate"]["n"] == len(truth) == data["pairs"]


def test_a_missing_modality_alone_has_no_figure_and_weights_add_up(judged):
    _, data = judged
    case = case_of(data, "clean/missing")
    assert case["accuracy"]["image alone"] == {"value": None, "interval": None, "n": 0}
    assert case["ece"]["image alone"] is None and case["spread"]["image alone"] == []
    assert case["weight"]["gate"]["image"]["value"] == 0
    assert set(case["weight"]) == {"gate"}
    for case in data["cases"]:
        weights = [measure["value"] for measure in case["weight"]["gate"].values()]
        assert sum(weights) == pytest.approx(1, abs=2e-3)
    weak = case_of(data, "clean/noise")["weight"]["gate"]["image"]["value"]
    assert weak < case_of(data, "clean/clean")["weight"]["gate"]["image"]["value"]


def test_named_cases_are_found_in_any_task():
    damages = {"audio": ["noise_20", "noise_minus_5"], "image": ["energy_50", "energy_25", "fog"]}
    options = toy_options(modalities={
        "audio": {"kind": "sound", "task": "t", "learner": "l", "damages": damages["audio"]},
        "image": {"kind": "image", "images": "i", "damages": {
            "energy_50": {"energy": 0.5}, "energy_25": {"energy": 0.25}, "fog": {"noise": 1}}},
    })  # fmt: skip
    found = named_cases(list(damages), all_cases(damages), pure_noise(options))
    assert found == {
        "both clean": "clean/clean",
        "audio damaged": "noise_minus_5/clean",
        "audio missing": "missing/clean",
        "audio lying": "lying/clean",
        "image damaged": "clean/energy_25",
        "image pure noise": "clean/fog",
        "image missing": "clean/missing",
        "image lying": "clean/lying",
        "both damaged": "noise_minus_5/energy_25",
    }
    three = {"a": ["x"], "b": [], "c": ["y"]}
    found = named_cases(list(three), all_cases(three), {})
    assert found["all clean"] == "clean/clean/clean" and found["b lying"] == "clean/lying/clean"
    assert "b damaged" not in found and "all damaged" not in found


def test_comparisons_are_paired_and_corrected(judged):
    _, data = judged
    rows = [row for row in data["comparisons"] if row["name"] == "both damaged"]
    assert {row["b"] for row in rows} == {"audio alone", "image alone", "mean", "product"}
    accuracy = case_of(data, data["named"]["both damaged"])["accuracy"]
    for row in rows:
        wanted = accuracy["gate"]["value"] - accuracy[row["b"]]["value"]
        assert row["difference"]["value"] == pytest.approx(wanted, abs=2e-6)
        assert row["p_holm"] >= row["p"]
    apart = next(row for row in rows if row["b"] == "audio alone")
    assert apart["mcnemar"]["only_a"] > apart["mcnemar"]["only_b"]
    assert apart["mcnemar"]["p"] < 0.01


def test_answers_and_checks_follow_the_figures(judged):
    _, data = judged
    answers = data["answers"]
    assert answers["random_split"]["gap"] == pytest.approx(0.27)
    order = {row["key"]: row for row in answers["reliable"]["order"]}
    assert not any("missing" in key or "lying" in key for key in order)
    assert order["noise_0/clean"]["first"] == "image"
    assert order["clean/energy_25"]["first"] == "audio"
    assert answers["reliable"]["flips"] is True
    assert order["noise_0/clean"]["better"] == "image"
    gains = {row["name"]: row for row in answers["gain"]}
    assert gains["audio lying"]["alone"]["entry"] == "image alone"
    assert gains["both clean"]["late"]["entry"] == "product"
    checks = {(row["name"], row["rule"]): row for row in data["checks"]}
    assert checks["both clean", "at least 0.9"]["holds"]
    assert not checks["image damaged", "at least 1.01"]["holds"]
    lying = checks["audio lying", "not below image alone minus 0.01"]
    alone = case_of(data, "lying/clean")["accuracy"]["image alone"]["value"]
    assert lying["wanted"] == pytest.approx(alone - 0.01, abs=1e-6)
    # nothing in two sure modalities tells which one lies: the more reliable one is believed
    assert not any(name == "image lying" for name, _ in checks)


def test_lies_are_told_by_disagreement(judged):
    _, data = judged
    rows = {(row["liar"], row["condition"]): row for row in data["conflict"]}
    witnesses = {
        "audio": ["clean", "energy_25", "noise"],
        "image": ["clean", "noise_10", "noise_0"],
    }
    assert set(rows) == {(liar, seen) for liar, names in witnesses.items() for seen in names}
    assert rows["audio", "clean"]["auc"]["value"] > rows["audio", "noise"]["auc"]["value"] > 0.5
    shown = rows["image", "clean"]["disagreement"]
    assert shown["lying"] > shown["true"]


def test_separation_is_the_area_of_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=60), rng.normal(0.7, size=60)
    clusters = Clusters([str(i) for i in range(60)], [f"g{i % 6}" for i in range(60)], 100, 1)
    area, interval = separation(a, b, clusters)
    assert area == pytest.approx(roc_auc_score([0] * 60 + [1] * 60, np.r_[a, b]), abs=1e-6)
    assert interval[0] < area < interval[1]
    assert disagreement(np.eye(2), np.eye(2)[::-1]).tolist() == [1, 1]


def test_whole_groups_are_drawn():
    groups = ["a"] * 10 + ["b"] * 10
    clusters = Clusters([str(i) for i in range(20)], groups, 300, 1)
    right = clusters.sums(np.r_[np.ones(10), np.zeros(10)])
    assert len(clusters) == 2 and set(clusters.draws(right)) == {0.0, 0.5, 1.0}
    # without groups the samples are drawn, and pairs of one sample stay together
    clusters = Clusters(["x", "x", "y", "z"], [""] * 4, 50, 1)
    assert len(clusters) == 3 and clusters.over == "recordings"
    assert clusters.sums(np.array([1, 1, 0, 1])).tolist() == [2, 0, 1]


@pytest.mark.parametrize("what", ["ids", "groups"])
def test_shared_samples_and_speakers_are_refused(tmp_path, what):
    found = write_toy_outputs(tmp_path / "audio")
    counted = count_parts(found, tmp_path / "audio")
    assert counted["test"] == {"samples": 48, "groups": 3}
    values = getattr(found, what)
    values[found.rows("test")[0]] = values[found.rows("train")[0]]
    write_outputs(tmp_path / "bad", found)
    with pytest.raises(InputError, match=r"is in train and in test"):
        count_parts(found, tmp_path / "bad")


def test_pairs_of_samples_that_are_not_tested_are_refused(tmp_path):
    predictions, outputs = write_toy_folds(tmp_path, folds=1, rename=False)
    with pytest.raises(InputError, match=r"pairs\.csv.*not in the test part"):
        evaluate_fusion(predictions, outputs, tmp_path / "e.json", task="t",
                        options=toy_options(), seed=1)  # fmt: skip
    with pytest.raises(InputError, match="'weighted' was not learned"):
        evaluate_fusion(predictions, outputs, tmp_path / "e.json", task="t",
                        options=toy_options(use="weighted", fusions={"weighted": {}}),
                        seed=1)  # fmt: skip
    with pytest.raises(InputError, match="2 folders of outputs for 3 folds"):
        by_fold("audio", ["a", "b"], ["0", "1", "2"])


def test_the_same_inputs_give_the_same_bytes(judged, tmp_path):
    root, _ = judged
    again = write_toy_evaluation(tmp_path, asked={"both clean": 0.9, "image damaged": 1.01})
    assert again.read_bytes() == (root / "evaluation.json").read_bytes()
    json.loads(again.read_text(), parse_constant=pytest.fail)
