"""The mistakes to listen to: the surest first, with neighbours from the training part only."""

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task, predict

from soundmill.classification.held_out import collect
from soundmill.classification.mistakes import confident_mistakes, nearest_training


def describe(task, seed=0):
    rng = np.random.default_rng(seed)
    columns = {f"d{i}": rng.normal(size=len(task)).astype(np.float32) for i in range(4)}
    return pd.DataFrame({"id": task.ids, **columns})


def test_single_mistakes_are_wrong_and_in_order():
    task = make_task()
    test = collect(task, predict(task, 1.0, seeds=(1, 2)), task.honest_folds).averaged()
    rows = confident_mistakes(task, test, 20, describe(task))
    assert len(rows) == 20
    assert [row["confidence"] for row in rows] == sorted(
        (r["confidence"] for r in rows), reverse=True
    )
    values = dict(zip(test.rows, test.values, strict=True))
    surest = max(v.max() for r, v in values.items() if v.argmax() != task.targets[r])
    assert rows[0]["confidence"] == pytest.approx(surest, abs=1e-6)
    for row in rows:
        number = task.ids.index(row["id"])
        assert row["true"] == task.classes[task.targets[number]] != row["decided"]
        assert row["top"][0] == {"class": row["decided"], "probability": row["confidence"]}
        assert len(row["top"]) == len(row["neighbours"]) == 3
        train = {task.ids[i] for i in task.rows(row["fold"], "train")}
        assert {n["id"] for n in row["neighbours"]} <= train
        assert row["id"] not in {n["id"] for n in row["neighbours"]}


def test_multi_mistakes_name_the_tag_and_regression_the_error():
    task = make_task("multi", classes=4)
    rows = confident_mistakes(task, collect(task, predict(task, 0.5), task.honest_folds), 5)
    for row in rows:
        assert (row["tag"] in row["true"].split(";")) != (row["tag"] in row["decided"].split(";"))
        assert row["confidence"] >= 0.5
        assert row["neighbours"] == []
    task = make_task("regression", classes=2)
    test = collect(task, predict(task, 2), task.honest_folds)
    rows = confident_mistakes(task, test, 5)
    error = (np.abs(test.values - test.truth) / test.truth.std(axis=0)).mean(axis=1)
    assert [row["error"] for row in rows] == pytest.approx(sorted(error)[::-1][:5], abs=1e-5)


def test_neighbours_by_hand_with_missing_values_and_constant_columns():
    task = make_task(items=8, classes=2, folds=4)  # fold 0 tests r0000 and r0001
    table = pd.DataFrame(
        {
            "id": task.ids,
            "a": np.array([0.1, 9, 0, 1, 2, 3, 4, np.nan], np.float32),
            "constant": np.ones(8, np.float32),
            "empty": np.full(8, np.nan, np.float32),
            "infinite": np.array([np.inf, 0, 0, 0, 0, 0, 0, 0], np.float32),
        }
    )
    found = nearest_training(task, "0", ["r0000", "r0001", "unknown"], table, 2)
    assert [n["id"] for n in found["r0000"]] == ["r0002", "r0003"]
    spread = np.std([0, 1, 2, 3, 4, 2])
    assert found["r0000"][0]["distance"] == pytest.approx(0.1 / spread, abs=1e-3)
    assert [n["id"] for n in found["r0001"]] == ["r0006", "r0005"]
    assert found["r0001"][0]["true"] == "c0"
    assert set(found) == {"r0000", "r0001"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("soundmill.classification.mistakes.COLUMNS_AT_ONCE", 1)
        assert nearest_training(task, "0", ["r0000", "r0001"], table, 2) == found
    # What is tested does not move the scale.
    table.loc[1, "a"] = 1e6
    assert nearest_training(task, "0", ["r0000"], table, 2) == {"r0000": found["r0000"]}
