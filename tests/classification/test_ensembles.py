"""Ensembles: better than their members, fitted without the part they are tested on."""

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task, predict

from soundmill.classification.ensemble_options import EnsembleOptions
from soundmill.classification.ensembles import Combination, build_ensemble
from soundmill.classification.held_out import collect, fitting_rows
from soundmill.classification.predictions import make_predictions, values_of
from soundmill.errors import InputError
from soundmill.options import validate

STACKING = EnsembleOptions(members=("a", "b"), method="stacking")
MEAN = EnsembleOptions(members=("a", "b"))


def accuracy(task, table):
    test = collect(task, table, task.honest_folds)
    return (test.values.argmax(axis=1) == test.truth).mean()


def error(task, table):
    test = collect(task, table, task.honest_folds)
    return ((test.values - test.truth) ** 2).mean()


def experts(task):
    """Two learners: each knows half of the classes and spreads the rest evenly."""
    tables = {}
    half = len(task.classes) // 2
    for name, own in (("a", range(half)), ("b", range(half, 2 * half))):
        parts = []
        for fold in task.honest_folds:
            rows = task.rows(fold, "test")
            values = np.full((len(rows), len(task.classes)), 1.0)
            for i, row in enumerate(rows):
                if task.targets[row] in own:
                    values[i, task.targets[row]] = 9
            values /= values.sum(axis=1, keepdims=True)
            ids = [task.ids[row] for row in rows]
            parts.append(make_predictions(ids, values, fold=fold, part="test"))
        tables[name] = pd.concat(parts, ignore_index=True)
    return tables


@pytest.mark.parametrize("options", [MEAN, STACKING])
def test_complementary_members_beat_each(options):
    task = make_task()
    tables = experts(task)
    found = accuracy(task, build_ensemble("e", task, tables, options).table)
    assert found == 1
    assert max(accuracy(task, table) for table in tables.values()) < 0.7


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
def test_stacking_trusts_the_better_member_and_the_form_is_kept(kind):
    task = make_task(kind, items=160)
    tables = {"a": predict(task, 4, 1), "b": predict(task, 0.2, 2, seeds=(1, 2))}
    found = build_ensemble("e", task, tables, STACKING)
    for fold in found.folds.values():
        assert fold["weights"][0] > 3 * fold["weights"][1] >= 0
    assert list(found.table.columns) == list(tables["a"].columns)
    assert len(collect(task, found.table, task.honest_folds)) == 160
    if kind == "single":
        np.testing.assert_allclose(values_of(found.table).sum(axis=1), 1, atol=1e-5)
    if kind == "regression":
        assert error(task, found.table) < error(task, tables["a"]) * 1.02


def test_weights_of_the_mean_and_seeds_as_one_member():
    task = make_task(items=32)
    tables = {"a": predict(task, seed=1, seeds=(1, 2, 3)), "b": predict(task, seed=2)}
    options = EnsembleOptions(members=("a", "b"), weights=(3, 1))
    table = build_ensemble("e", task, tables, options).table
    row = collect(task, table, ["0"]).rows[0]
    own = [collect(task, tables[name], ["0"]) for name in "ab"]
    expected = 0.75 * own[0].values[own[0].rows == row].mean(axis=0) + 0.25 * own[1].values[0]
    np.testing.assert_allclose(collect(task, table, ["0"]).values[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["single", "multi", "regression"])
@pytest.mark.parametrize("valid", [0, 40])
def test_stacking_never_reads_the_test_part_of_the_tested_fold(kind, valid):
    task = make_task(kind, items=160, valid=valid)
    tables = {"a": predict(task, 1, 1), "b": predict(task, 1, 2)}
    before = build_ensemble("e", task, tables, STACKING)
    source = "validation" if valid else "other folds"
    assert {fold["source"] for fold in before.folds.values()} == {source}
    changed = {}
    for name, table in tables.items():
        changed[name] = table.copy()
        mine = (table["fold"] == "1") & (table["part"] == "test")
        columns = [c for c in table if c.startswith("p_")]
        changed[name].loc[mine, columns] = table.loc[mine, columns].to_numpy()[:, ::-1]
    after = build_ensemble("e", task, changed, STACKING)
    assert after.folds["1"] == before.folds["1"]
    if not valid:  # and the other folds do learn from it
        assert after.folds["0"] != before.folds["0"]
    truth = task.targets.copy()
    rows = task.rows("1", "test")
    truth[rows] = truth[rows][::-1]
    object.__setattr__(task, "targets", truth)
    assert build_ensemble("e", task, tables, STACKING).folds["1"] == before.folds["1"]


def test_fitting_rows_hold_no_example_or_group_of_the_tested_part():
    task = make_task(group_size=1, valid=4)
    table = predict(task)
    parts = [collect(task, table, task.honest_folds, part) for part in ("valid", "test")]
    rows, source = fitting_rows(task, *parts, "2", 30)
    assert source == "other folds"
    tested = task.rows("2", "test")
    assert not set(task.groups[rows.rows]) & set(task.groups[tested])
    rows, source = fitting_rows(task, *parts, "2", 4)
    assert source == "validation"
    assert set(rows.folds) == {"2"}


def test_a_single_fold_without_validation_falls_back_to_the_mean_and_says_so():
    task = make_task(folds=2)
    task.folds.pop("1")
    tables = {name: predict(task, seed=i) for i, name in enumerate("ab")}
    found = build_ensemble("e", task, tables, STACKING)
    assert "plain mean" in found.notes[0]
    np.testing.assert_allclose(
        values_of(found.table), values_of(build_ensemble("e", task, tables, MEAN).table)
    )


def test_recordings_a_member_lacks_are_counted():
    task = make_task(items=32)
    tables = {"a": predict(task, seed=1), "b": predict(task, seed=2)}
    tables["b"] = tables["b"][tables["b"]["id"] != "r0003"]
    found = build_ensemble("e", task, tables, MEAN)
    assert found.missing == 1
    assert "1 tested recordings" in found.notes[0]
    assert "r0003" not in set(found.table["id"])


def test_leaky_folds_that_a_member_does_not_run_are_not_missed():
    task = make_task(items=32, leaky=1)
    tables = {"a": predict(task, seed=1), "b": predict(task, seed=2)}
    assert "random-0" in set(build_ensemble("e", task, tables, MEAN).table["fold"])
    tables["b"] = tables["b"][tables["b"]["fold"] != "random-0"]
    found = build_ensemble("e", task, tables, MEAN)
    assert found.missing == 0 and found.notes == []
    assert set(found.table["fold"]) == set(task.honest_folds)


@pytest.mark.parametrize("kind", ["single", "regression"])
def test_the_combination_for_use_survives_json(kind):
    task = make_task(kind, items=64)
    tables = {"a": predict(task, 3, 1), "b": predict(task, 1, 2)}
    use = build_ensemble("e", task, tables, STACKING).use
    back = Combination.from_json(use.to_json())
    assert back == use
    values = {name: values_of(table) for name, table in tables.items()}
    np.testing.assert_array_equal(back.combine(values), use.combine(values))


def test_unknown_members_and_wrong_weights_are_named():
    task = make_task(items=32)
    with pytest.raises(InputError, match="'b' is not a learner"):
        build_ensemble("e", task, {"a": predict(task)}, MEAN)
    for raw, words in (
        ({"members": ["a", "a"]}, "named twice"),
        ({"members": ["a", "b"], "weights": [1]}, "1 given for 2"),
        ({"members": ["a"], "weights": [1], "method": "stacking"}, "learns its own"),
        ({"members": ["a"], "weights": [0]}, "above 0"),
    ):
        with pytest.raises(InputError, match=words):
            validate(EnsembleOptions, raw, "the ensemble")
