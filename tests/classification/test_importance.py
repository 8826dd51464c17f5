import json

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task

from soundmill.classification.classical import train_classical
from soundmill.classification.classical_options import read_options
from soundmill.classification.fitting import fit_learner
from soundmill.classification.importance import explain_classical
from soundmill.classification.importance_options import ImportanceOptions
from soundmill.classification.shap_values import explain_trees, is_tree_learner
from soundmill.classification.task import write_task
from soundmill.errors import InputError

QUICK = ImportanceOptions(repeats=3, resamples=100, shown=5, shap_rows=30, candidates=6)
LEARNERS = {
    "random_forest": {"kind": "random_forest", "trees": 20},
    "boosting": {"kind": "boosting", "rounds": 15, "features": 1},
    "linear": {"kind": "linear"},
}


def explained(folder, kind, learner, options=QUICK, group_size=0):
    """The class is in both chroma columns together and in one mfcc column; the rest is noise."""
    task = make_task(kind, items=80, classes=2, group_size=group_size)
    rng = np.random.default_rng(0)
    if kind != "single":
        task.targets[:, 1] = task.targets[:, 0]
    target = task.targets if kind == "single" else task.targets[:, 0]
    names = [
        "chroma_stft_c_mean",
        "chroma_stft_cs_mean",
        "mfcc01_mean",
        *[f"x{i}" for i in range(5)],
    ]
    x = rng.normal(size=(80, 8))
    x[:, 0] += 3 * target
    x[:, 1] = x[:, 0] + 0.1 * rng.normal(size=80)
    x[:, 2] += target
    write_task(folder / "task", task)
    pd.DataFrame(x.astype(np.float32), columns=names).assign(id=task.ids).to_parquet(folder / "t")
    files = (folder / "p.parquet", folder / "training.json", folder / "model")
    raw = read_options(LEARNERS[learner])
    train_classical(folder / "task", [folder / "t"], *files, raw, seed=1)
    out = folder / "explanation.json"
    explain_classical(folder / "task", [folder / "t"], folder / "model", out, options, seed=1)
    return json.loads(out.read_text()), out.read_bytes()


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_what_decides_is_named_first(tmp_path, kind, learner):
    found, _ = explained(tmp_path, kind, learner)
    first, *others = found["families"]
    assert first["name"] == "chroma" and first["columns"] == 2 and found["recordings"] == 80
    assert first["rise"]["low"] > 0 and first["drop"]["value"] > 0
    noise = next(row for row in others if row["name"] == "x")
    assert abs(noise["rise"]["value"]) < first["rise"]["value"] / 2
    assert len(found["features"]) == 5 and found["candidates"] == 6
    assert found["features"][0]["family"] == "chroma"
    # the two chroma columns stand in for each other, so the family matters more than either
    assert first["rise"]["value"] > found["features"][0]["rise"]["value"]
    if learner == "linear":
        assert found["shap"] is None
    else:
        assert found["shap"]["families"][0]["name"] == "chroma"
        assert set(found["shap"]["features"][0]["classes"]) == {"c0", "c1"}


def test_groups_are_resampled_and_runs_agree(tmp_path):
    found, one = explained(tmp_path, "single", "linear", group_size=2)
    assert found["interval"]["over"] == "groups" and found["interval"]["clusters"] == 40
    assert explained(tmp_path, "single", "linear", group_size=2)[1] == one


def test_a_permuted_column_that_is_not_used_costs_nothing(tmp_path):
    options = QUICK.model_copy(update={"candidates": 100})
    found, _ = explained(tmp_path, "single", "random_forest", options)
    assert found["base"]["accuracy"] > 0.85
    assert all(row["drop"]["low"] <= row["drop"]["high"] for row in found["features"])


@pytest.mark.parametrize("learner", ["random_forest", "boosting"])
@pytest.mark.parametrize(("kind", "classes"), [("single", 2), ("single", 3), ("regression", 2)])
def test_shap_values_add_up_to_the_answer(learner, kind, classes):
    task = make_task(kind, items=60, classes=classes)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 6)).astype(np.float32)
    x[:, 2] += task.targets if kind == "single" else task.targets[:, 0]
    options = read_options({**LEARNERS[learner], "select": {"count": 4}})
    ids = np.array(task.ids)
    fitted = fit_learner(options, kind, classes, x, task.targets, ids, seed=1)
    assert is_tree_learner(fitted)
    total = explain_trees(fitted, x).sum(axis=1)
    answers = fitted.predict(x)
    if learner == "boosting" and kind == "single":
        answers = np.log(answers)
        if classes == 2:
            answers = answers - answers[:, ::-1]
        else:  # a softmax's log odds are known up to what all classes share
            answers = answers - answers.mean(axis=1, keepdims=True)
            total = total - total.mean(axis=1, keepdims=True)
    rest = answers - total
    np.testing.assert_allclose(rest, np.tile(rest[:1], (60, 1)), atol=1e-4)


def test_model_of_another_task_is_refused(tmp_path):
    explained(tmp_path, "single", "linear")
    write_task(tmp_path / "other", make_task("single", items=12, classes=3))
    with pytest.raises(InputError, match="no model of the task"):
        explain_classical(
            tmp_path / "other", [tmp_path / "t"], tmp_path / "model", tmp_path / "e", QUICK, seed=1
        )
