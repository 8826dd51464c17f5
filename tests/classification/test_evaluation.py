"""The evaluation as a whole: kinds of tasks, floors, seeds, segments, leaks, what is missing."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task, predict

from soundmill.classification.bootstrap import resample
from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.evaluation import Learner, evaluate_task, sort_files
from soundmill.classification.evaluation_options import ClassificationEvaluationOptions
from soundmill.classification.held_out import collect
from soundmill.classification.judging import judge
from soundmill.classification.model_card import write_model_card
from soundmill.classification.model_card_options import ModelCardOptions
from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.task import write_task
from soundmill.errors import InputError

OPTIONS = ClassificationEvaluationOptions(resamples=200)
ENSEMBLES = {"both": EnsembleOptions(members=("forest", "cnn"), method="stacking")}


def write_learner(folder, table, **cost):
    write_predictions(folder / "predictions.parquet", [table])
    (folder / "training.json").write_text(json.dumps(cost))
    return [folder / "predictions.parquet"], [folder / "training.json"]


def floor(task):
    tables = []
    for fold in task.honest_folds:
        rows = task.rows(fold, "test")
        shape = (len(rows), len(task.classes))
        value = np.full(shape, 0.0 if task.kind == "regression" else 1 / shape[1])
        ids = [task.ids[row] for row in rows]
        tables.append(make_predictions(ids, value, fold=fold, part="test"))
    return pd.concat(tables)


def evaluate(root, task, tables=None, ensembles=ENSEMBLES, options=OPTIONS, seed=1):
    write_task(root / "task", task)
    tables = tables or {
        "majority": floor(task),
        "forest": predict(task, 2, 1),
        "cnn": predict(task, 1.5, 2, seeds=(1, 2, 3), segments=3),
    }
    families = {"majority": "floor", "cnn": "network"}
    learners = {
        name: Learner(
            f"a {name}",
            families.get(name, "classical"),
            *write_learner(root / "learners" / name, table, parameters=10, train_seconds=1.5),
        )
        for name, table in tables.items()
    }
    evaluate_task(
        root / "task", learners, root, name="toy", ensembles=ensembles, options=options, seed=seed
    )
    return json.loads((root / "evaluation.json").read_text())


@pytest.fixture(scope="module", params=["single", "multi", "regression"])
def run(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    task = make_task(request.param, items=64, classes=4, group_size=1, leaky=2)
    return root, task, evaluate(root, task)


def test_every_learner_has_every_metric_with_an_interval(run):
    _, task, found = run
    assert found["items"] == 64
    assert found["groups"] == 64
    assert found["interval"] == "95 % percentile bootstrap over groups"
    assert found["floors"] == ["majority"]
    assert found["best"]["learner"] in ("forest", "cnn")
    assert list(found["learners"]) == ["majority", "forest", "cnn", "both"]
    assert [e["family"] for e in found["learners"].values()] == [
        "floor", "classical", "network", "ensemble",
    ]  # fmt: skip
    for name, entry in found["learners"].items():
        assert list(entry["recording"]) == found["metrics"]
        for metric, cell in entry["recording"].items():
            if (name, metric) == ("majority", "pearson"):
                assert cell == {"value": None, "interval": None, "items": 64}
            else:
                low, high = cell["interval"]
                assert low <= cell["value"] <= high or metric in ("log_loss", "map")
                assert cell["items"] == 64
    main = found["main_metric"]
    floor_value = found["learners"]["majority"]["recording"][main]["value"]
    assert found["learners"]["both"]["recording"][main]["value"] > floor_value
    assert task.kind != "single" or floor_value == 0.25


def test_seeds_segments_and_aggregations(run):
    _, task, found = run
    main = found["main_metric"]
    cnn, forest = found["learners"]["cnn"], found["learners"]["forest"]
    assert len(cnn["seeds"][main]) == 3
    assert cnn["recording"][main]["value"] == pytest.approx(np.mean(cnn["seeds"][main]), abs=1e-5)
    assert cnn["seeds_std"][main] == pytest.approx(np.std(cnn["seeds"][main], ddof=1), abs=1e-5)
    assert forest["seeds_std"][main] is None
    assert forest["segment"] is forest["aggregations"] is None
    assert cnn["segment"][main]["value"] < cnn["recording"][main]["value"]
    assert cnn["segment"][main]["items"] == 64
    methods = {"own", "mean", "log_mean", "vote", "max"}
    assert set(cnn["aggregations"]) == methods - (
        {"log_mean"} if task.kind == "regression" else set()
    )
    assert cnn["aggregations"]["mean"] == cnn["aggregations"]["own"] == cnn["recording"][main]


def test_comparisons_find_the_floor_and_correct_for_their_number(run):
    _, task, found = run
    rows = [row for row in found["comparisons"] if row["test"] == "paired bootstrap"]
    assert len(rows) == 6
    assert len(found["comparisons"]) == (12 if task.kind == "single" else 6)
    for row in rows:
        values = [found["learners"][row[k]]["recording"][row["metric"]]["value"] for k in "ab"]
        assert row["difference"] == pytest.approx(values[0] - values[1], abs=1e-5)
        assert row["p_holm"] >= row["p"]
        if row["a"] == "majority":
            assert row["p_holm"] < 0.01
            assert row["interval"][1] < 0
    for row in found["comparisons"][6:]:
        assert row["difference"] == pytest.approx((row["only_a"] - row["only_b"]) / 64, abs=1e-5)


def test_the_leaky_split_shows_its_gap(run):
    _, _, found = run
    leaky, main = found["leaky"], found["main_metric"]
    assert leaky["folds"] == ["random-0", "random-1"]
    assert leaky["paired"]
    assert list(leaky["learners"]) == ["forest", "cnn", "both"]
    for entry in leaky["learners"].values():
        cells = entry[main]
        gap = cells["leaky"]["value"] - cells["honest"]["value"]
        assert cells["gap"]["value"] == pytest.approx(gap, abs=1e-5)
        assert gap > 0 or cells["honest"]["value"] == 1
        assert cells["gap"]["interval"][0] <= gap <= cells["gap"]["interval"][1]


def test_figures_of_a_learner_agree_with_each_other(run):
    _, task, found = run
    cnn = found["learners"]["cnn"]
    assert cnn["cost"] == {"parameters": 10, "train_seconds": 1.5, "seconds_a_recording": None}
    assert found["learners"]["both"]["cost"]["parameters"] == 20
    if task.kind == "regression":
        assert cnn["calibration"] is cnn["per_class"] is cnn["roc"] is None
        assert len(cnn["scatter"]["c0"]["true"]) == 64
        assert set(cnn["per_target"]["c1"]) == {"r2", "mae", "rmse", "pearson", "ccc"}
        return
    auc = np.mean([row["auc"] for row in cnn["per_class"].values()])
    assert cnn["recording"]["macro_auc"]["value"] == pytest.approx(auc, abs=1e-5)
    assert cnn["calibration"]["ece_after"] <= cnn["calibration"]["ece_before"] + 0.02
    assert set(cnn["calibration"]["temperature"]) == set(task.honest_folds)
    assert cnn["abstention"]["coverage"][-1] == 1
    assert found["learners"]["forest"]["roc"]["c0"]["auc"] == pytest.approx(
        found["learners"]["forest"]["per_class"]["c0"]["auc"], abs=1e-5
    )
    if task.kind == "single":
        confusion = np.array(cnn["confusion"])
        assert (confusion.sum(axis=1) == 3 * 16).all()
        assert np.trace(confusion) / 192 == pytest.approx(cnn["recording"]["accuracy"]["value"])
        assert cnn["abstention"]["accuracy"][-1] == pytest.approx(
            cnn["recording"]["accuracy"]["value"], abs=1e-4
        )


def test_held_out_has_a_row_a_recording(run):
    root, task, _ = run
    rows = list(csv.DictReader((root / "held_out.csv").open()))
    assert [row["id"] for row in rows] == task.ids
    word = {"single": "probability", "multi": "agreement", "regression": "error"}[task.kind]
    assert {"forest", f"forest_{word}", "both", f"both_{word}"} <= set(rows[0])
    if task.kind == "single":
        test = collect(task, predict(task, 2, 1), task.honest_folds)
        row = rows[test.rows[5]]
        assert row["true"] == task.classes[test.truth[5]]
        assert row["forest"] == task.classes[test.values[5].argmax()]
        own = float(row["forest_probability"])
        assert own == pytest.approx(test.values[5, test.truth[5]], abs=1e-5)


def test_same_seed_same_bytes(run):
    root, task, _ = run
    names = ("evaluation.json", "held_out.csv", "mistakes.json", "ensembles.json")
    before = [(root / name).read_bytes() for name in names]
    evaluate(root, task)
    assert [(root / name).read_bytes() for name in names] == before


def test_the_card_says_what_was_measured(run):
    root, task, found = run
    options = ModelCardOptions(licence="CC0 [as *they* say]")
    write_model_card(
        root / "evaluation.json", root / "task", root / "card.md", root / "card.json", options
    )
    text, card = (root / "card.md").read_text(), json.loads((root / "card.json").read_text())
    best = found["best"]["overall"]
    assert card["model"] == best
    value = found["learners"][best]["recording"][found["main_metric"]]["value"]
    assert f"{value:.3f} " in text
    assert r"CC0 \[as \*they\* say\]" in text
    assert "Floor majority" in text
    assert "card.intended\\_use" in text  # what nobody stated is said to be missing
    assert "would have claimed" in text
    assert ("calibration error" in text) == (task.kind != "regression")


def test_what_is_missing_is_said(tmp_path):
    """A class no fold tests, and a recording one learner could not read."""
    task = make_task(items=40, classes=4)
    for name in task.honest_folds:
        unseen = (task.targets == 3) & (task.folds[name] == "test")
        task.folds[name][unseen] = "train"
    tables = {"forest": predict(task, seed=1), "cnn": predict(task, seed=2)}
    tables["cnn"] = tables["cnn"][tables["cnn"]["id"] != "r0004"]
    found = evaluate(tmp_path, task, tables)
    forest = found["learners"]["forest"]
    row = forest["per_class"]["c3"]
    assert (row["f1"], row["auc"], row["ap"], row["support"]) == (None, None, None, 0)
    assert "c3" not in forest["roc"]
    notes = "\n".join(found["notes"])
    assert "no tested recording has c3" in notes
    assert "cnn: 1 of 30" in notes
    assert found["learners"]["cnn"]["recording"]["accuracy"]["items"] == 29
    assert {row["items"] for row in found["comparisons"]} == {29}


def test_one_fold_without_validation_has_no_temperature(tmp_path):
    task = make_task(items=40, classes=4, folds=2)
    task.folds.pop("1")
    found = evaluate(tmp_path, task, {"forest": predict(task, seed=1)}, ensembles={})
    calibration = found["learners"]["forest"]["calibration"]
    assert calibration["temperature"] == {"0": None}
    assert calibration["ece_after"] is calibration["bins_after"] is None
    assert any("temperature" in note for note in found["notes"])
    assert found["leaky"] is None
    assert found["comparisons"] == []


def test_a_perfect_learner_and_one_class(tmp_path):
    task = make_task(items=40, classes=4)
    found = evaluate(tmp_path, task, {"forest": predict(task, 1000)}, ensembles={})
    entry = found["learners"]["forest"]
    assert entry["recording"]["accuracy"] == {"value": 1.0, "interval": [1.0, 1.0], "items": 40}
    assert json.loads((tmp_path / "mistakes.json").read_text())["rows"] == []
    one = make_task(items=12, classes=1, folds=2)
    found = evaluate(tmp_path, one, {"forest": predict(one)}, ensembles={})
    cells = found["learners"]["forest"]["recording"]
    assert cells["accuracy"]["value"] == 1
    assert cells["macro_auc"]["value"] is None


def test_fitted_thresholds_use_the_other_folds_only():
    task = make_task("multi", items=80, classes=3)
    table = predict(task, 1)
    columns = [c for c in table if c.startswith("p_")]
    table[columns] *= 0.4  # nothing reaches one half
    resamples = resample(task.ids, task.groups, np.arange(80), 200, 0)
    cells = judge(task, "a", table, resamples, "map", OPTIONS).entry["recording"]
    assert cells["macro_f1"]["value"] == 0
    assert cells["macro_f1_fitted"]["value"] > 0.6


def test_predictions_that_do_not_fit_the_task_are_refused():
    task = make_task(items=32)
    table = predict(task)
    wrong = table.copy()
    wrong.loc[0, "part"] = "test"
    wrong.loc[0, "fold"] = "3"
    with pytest.raises(ValueError, match="not in part test of fold 3"):
        collect(task, wrong, task.honest_folds)
    with pytest.raises(ValueError, match="twice"):
        collect(task, pd.concat([table, table]), task.honest_folds)
    with pytest.raises(ValueError, match="not in the task"):
        collect(task, table.replace({"id": {"r0001": "other"}}), task.honest_folds)
    with pytest.raises(ValueError, match="not a number"):
        collect(task, table.assign(p_0=np.nan), task.honest_folds)
    with pytest.raises(ValueError, match="7 columns for 8 classes"):
        collect(task, table.drop(columns="p_7"), task.honest_folds)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "acuracy"}, "did you mean 'accuracy'"),
        ({"mistakes_of": "forrest"}, "did you mean 'forest'"),
    ],
)
def test_wrong_names_are_explained(tmp_path, options, words):
    task = make_task(items=16, classes=4)
    chosen = ClassificationEvaluationOptions(**options)
    with pytest.raises(InputError, match=words):
        evaluate(tmp_path, task, {"forest": predict(task)}, {}, chosen)


def test_a_learner_that_predicted_nothing_is_named(tmp_path):
    task = make_task(items=16, classes=4)
    with pytest.raises(InputError, match="'forest' predicts no recording"):
        evaluate(tmp_path, task, {"forest": predict(task).query("fold == 'all'")}, {})


def test_files_are_sorted_by_learner():
    known = {"a": {"kind": "svm", "family": "classical"}, "b": {"kind": "cnn", "family": "network"}}
    folder = "results/classification/learners/learners"
    paths = [
        f"{folder}/a/p.parquet",
        f"{folder}/b/folds/0/p.parquet",
        f"{folder}/b/folds/1/p.parquet",
    ]
    found = sort_files(known, paths, paths[:1])
    assert [str(path) for path in found["b"].predictions] == paths[1:]
    assert (len(found["a"].predictions), len(found["b"].training)) == (1, 0)


def test_cost_counts_the_trainings_behind_the_figures(tmp_path):
    task = make_task(items=16, classes=4, folds=2, leaky=1)
    write_task(tmp_path / "task", task)
    paths = []
    for fold in ("0", "1", "random-0", "all"):
        folder = tmp_path / "learners" / "cnn" / "folds" / fold
        table = predict(task, folds=[fold]) if fold != "all" else predict(task, folds=["0"])[:0]
        paths.append(write_learner(folder, table, train_seconds=10, seconds_a_recording=0.5))
    forest = {"0": {"seconds": 1}, "1": {"seconds": 2}, "random-0": {"seconds": 4}}
    learners = {
        "cnn": Learner("cnn", "network", *([pair[i][0] for pair in paths] for i in range(2))),
        "forest": Learner(
            "random_forest",
            "classical",
            *write_learner(tmp_path / "f", predict(task), train_seconds=7, folds=forest),
        ),
    }
    evaluate_task(tmp_path / "task", learners, tmp_path, name="toy", options=OPTIONS)
    found = json.loads((tmp_path / "evaluation.json").read_text())["learners"]
    assert found["cnn"]["cost"]["train_seconds"] == 20
    assert found["cnn"]["cost"]["seconds_a_recording"] == 0.5
    assert found["forest"]["cost"]["train_seconds"] == 3
