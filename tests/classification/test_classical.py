import json
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task

from soundmill.classification.classical import train_classical
from soundmill.classification.classical_files import load_learner, save_learner
from soundmill.classification.classical_model import load_classical, run_onnx
from soundmill.classification.classical_options import read_options
from soundmill.classification.feature_table import choose_columns, family_of, read_features
from soundmill.classification.fitting import fit_learner
from soundmill.classification.predictions import read_predictions, segments_of, values_of
from soundmill.classification.task import write_task
from soundmill.errors import InputError

SMALL = {"random_forest": {"trees": 20}, "boosting": {"rounds": 10, "features": 1}}
KINDS = ("majority", "knn", "linear", "svm", "random_forest", "gmm", "boosting")
VARIANTS = [
    *[("single", {"kind": kind}) for kind in KINDS],
    *[("multi", {"kind": kind}) for kind in KINDS],
    *[("regression", {"kind": kind}) for kind in KINDS if kind != "gmm"],
    ("single", {"kind": "linear", "method": "discriminant", "scale": "quantile"}),
    ("single", {"kind": "svm", "kernel": "linear", "scale": "robust", "select": {"count": 5}}),
    ("single", {"kind": "random_forest", "extra": True, "balance": "class_weight"}),
    ("multi", {"kind": "random_forest", "balance": "class_weight"}),
    ("single", {"kind": "gmm", "covariance": "full", "components": 2, "dimensions": 4}),
    ("single", {"kind": "gmm", "dimensions": None, "balance": "oversample"}),
    ("single", {"kind": "knn", "weights": "uniform", "neighbours": 500}),
]


def options(raw):
    return read_options({**SMALL.get(raw["kind"], {}), **raw})


def descriptors(task, columns=12, skill=1.0, seed=0):
    """Columns of very different sizes with the targets in them, gaps, and two that say nothing."""
    rng = np.random.default_rng(seed)
    targets = np.eye(len(task.classes))[task.targets] if task.kind == "single" else task.targets
    x = rng.normal(size=(len(task), columns))
    x[:, : targets.shape[1]] += 3 * skill * targets
    x *= 10.0 ** rng.integers(-4, 6, columns)
    x[rng.random(x.shape) < 0.03] = np.nan
    x[:, -1], x[:, -2] = 7.3, np.nan
    return x.astype(np.float32)


def put(folder, task, x, names=None, **more):
    write_task(folder / "task", task)
    names = names or [f"mfcc{i:02d}_mean" for i in range(x.shape[1])]
    pd.DataFrame(x, columns=names).assign(id=task.ids, **more).to_parquet(folder / "t.parquet")


def train(folder, raw, out="out", tables=("t.parquet",), **more):
    out = folder / out
    paths = [folder / name for name in tables]
    files = (out / "p.parquet", out / "training.json", out / "model")
    train_classical(folder / "task", paths, *files, options(raw), seed=1, **more)
    return out


@pytest.mark.parametrize(("kind", "raw"), VARIANTS)
def test_exported_and_stored_learners_answer_as_the_fitted_one(tmp_path, kind, raw):
    from soundmill.classification.classical_export import save_onnx

    task = make_task(kind, items=60, classes=4)
    x = descriptors(task)
    groups = np.array(task.ids)
    learner = fit_learner(options(raw), kind, 4, x[:44], task.targets[:44], groups[:44], seed=1)
    wanted = learner.predict(x)
    assert wanted.shape == (60, 4) and np.isfinite(wanted).all()
    if kind == "single":
        np.testing.assert_allclose(wanted.sum(axis=1), 1, atol=1e-9)
    if kind == "multi":
        assert wanted.min() >= 0 and wanted.max() <= 1
    save_onnx(tmp_path / "m.onnx", learner, x.shape[1])
    scale = max(1, np.abs(wanted).max())
    np.testing.assert_allclose(run_onnx(tmp_path / "m.onnx", x) / scale, wanted / scale, atol=1e-5)
    save_learner(tmp_path / "m.skops", learner)
    np.testing.assert_array_equal(load_learner(tmp_path / "m.skops").predict(x), wanted)


@pytest.mark.parametrize("kind", ["linear", "svm", "random_forest", "gmm", "boosting", "knn"])
@pytest.mark.parametrize("task_kind", ["single", "multi", "regression"])
def test_every_kind_learns(kind, task_kind):
    if (kind, task_kind) == ("gmm", "regression"):
        return
    task = make_task(task_kind, items=120, classes=3)
    x = descriptors(task)
    ids = np.array(task.ids[:90])
    learner = fit_learner(
        options({"kind": kind}), task_kind, 3, x[:90], task.targets[:90], ids, seed=1
    )
    values = learner.predict(x[90:])
    if task_kind == "single":
        assert (values.argmax(axis=1) == task.targets[90:]).mean() > 0.7
    else:
        assert np.corrcoef(values.ravel(), task.targets[90:].ravel())[0, 1] > 0.45


def test_held_out_predictions_do_not_depend_on_other_held_out_rows(tmp_path):
    task = make_task(items=48, classes=4, folds=2, valid=8)
    x = descriptors(task)
    raw = {"kind": "svm", "scale": "quantile", "select": {"count": 4}}
    raw |= {"calibration_folds": 2, "search": {"trials": 2, "folds": 2}}
    put(tmp_path, task, x)
    before = read_predictions([train(tmp_path, raw) / "p.parquet"])
    test = task.rows("0", "test")
    changed = x.copy()
    changed[test[1:]] *= 50
    put(tmp_path, task, changed)
    after = read_predictions([train(tmp_path, raw) / "p.parquet"])

    def first(table):
        own = table[(table["fold"] == "0") & (table["id"] == task.ids[test[0]])]
        return values_of(own[own["part"] == "test"])

    def valid(table):
        return values_of(table[(table["fold"] == "0") & (table["part"] == "valid")])

    np.testing.assert_array_equal(first(before), first(after))
    np.testing.assert_array_equal(valid(before), valid(after))
    # in the other folds these rows are learned from, so there something must have changed
    others = [table[table["fold"] == "1"] for table in (before, after)]
    assert np.abs(values_of(others[0]) - values_of(others[1])).max() > 1e-6


def test_valid_part_is_predicted_without_having_been_learned(tmp_path):
    task = make_task(items=48, classes=4, valid=12)
    put(tmp_path, task, descriptors(task, skill=0))
    table = read_predictions([train(tmp_path, {"kind": "knn", "neighbours": 1}) / "p.parquet"])
    place = {name: i for i, name in enumerate(task.ids)}
    for part, most in (("valid", 0.6), ("test", 0.6)):
        own = table[table["part"] == part]
        right = values_of(own).argmax(axis=1) == task.targets[[place[i] for i in own["id"]]]
        assert len(own) == 48 and right.mean() < most  # 1 if it had been learned


def test_shuffled_labels_give_chance(tmp_path):
    task = make_task(items=120, classes=4)
    x = descriptors(task)[np.random.default_rng(5).permutation(120)]
    put(tmp_path, task, x)
    raw = {"kind": "linear", "select": {"count": 6}, "search": {"trials": 4, "folds": 3}}
    table = read_predictions([train(tmp_path, raw) / "p.parquet"])
    right = (
        values_of(table).argmax(axis=1) == task.targets[[task.ids.index(i) for i in table["id"]]]
    )
    assert right.mean() < 0.25 + 4 * np.sqrt(0.25 * 0.75 / 120)


@pytest.mark.parametrize("kind", ["svm", "random_forest", "boosting"])
def test_same_bytes_again(tmp_path, kind):
    task = make_task(items=32, classes=4, folds=2)
    put(tmp_path, task, descriptors(task))
    raw = {"kind": kind, "search": {"trials": 2, "folds": 2}}
    if kind == "boosting":
        raw = {"kind": kind, "rounds": 2}  # two threads on one core wait for each other long
    one, two = (train(tmp_path, raw, out, threads=n) for out, n in (("a", 1), ("b", 2)))
    for name in ("p.parquet", "model/model.skops", "model/model.onnx", "model/folds/0.skops"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_class_that_was_never_trained_has_probability_zero_in_its_place(tmp_path):
    task = make_task(items=24, classes=3, folds=2)
    parts = np.where(task.targets == 1, "test", task.folds["0"])
    task.folds.clear()
    task.folds.update({"0": parts, "all": np.where(task.targets == 1, "", "train")})
    put(tmp_path, task, descriptors(task))
    out = train(tmp_path, {"kind": "svm"})
    values = values_of(read_predictions([out / "p.parquet"]))
    assert (values[:, 1] == 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-6)
    folds = json.loads((out / "training.json").read_text())["folds"]
    assert folds["0"]["classes_without_examples"] == ["c1"]
    found = load_classical(out / "model").predict(pd.read_parquet(tmp_path / "t.parquet"))
    assert found.shape == (24, 3) and (found[:, 1] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["standard", "robust", "quantile"])
def test_columns_that_say_nothing_do_no_harm(kind, scale):
    task = make_task(items=24, classes=3)
    x = np.tile(np.float32([7.3, np.nan, 1e6]), (24, 1))
    raw = {"kind": kind, "scale": scale, "select": {"count": 2}}
    learner = fit_learner(options(raw), "single", 3, x, task.targets, np.array(task.ids), seed=1)
    odd = np.float32([[np.inf, 3, -1e30], [np.nan] * 3])
    values = learner.predict(np.where(np.isfinite(odd), odd, np.nan))
    assert np.isfinite(values).all() and np.allclose(values.sum(axis=1), 1)


@pytest.mark.parametrize("kind", ["svm", "gmm", "linear", "boosting", "knn"])
def test_class_of_one_recording(kind):
    task = make_task(items=25, classes=3)
    x = descriptors(task)
    keep = np.r_[np.flatnonzero(task.targets != 2), 2]
    learner = fit_learner(
        options({"kind": kind}), "single", 3, x[keep], task.targets[keep],
        np.array(task.ids)[keep], seed=1,
    )  # fmt: skip
    assert np.isfinite(learner.predict(x)).all()


def test_tags_that_all_or_none_have_are_answered_so():
    task = make_task("multi", items=30, classes=3)
    task.targets[:, 0], task.targets[:, 1] = 0, 1
    x = descriptors(task)
    learner = fit_learner(
        options({"kind": "svm"}), "multi", 3, x, task.targets, np.array(task.ids), seed=1
    )
    values = learner.predict(x)
    assert (values[:, 0] == 0).all() and (values[:, 1] == 1).all()


def test_segments_become_recordings(tmp_path):
    task = make_task(items=32, classes=4, folds=2)
    x = np.repeat(descriptors(task), 3, axis=0)
    x += np.random.default_rng(2).normal(size=x.shape).astype(np.float32)
    frame = pd.DataFrame(x, columns=[f"mfcc{i:02d}_mean" for i in range(x.shape[1])])
    frame = frame.assign(
        id=np.repeat(task.ids, 3), segment=np.tile([0, 1, 2], 32), start=np.tile([0, 1.5, 3], 32),
        seconds=1.5,
    )  # fmt: skip
    frame = frame[frame["id"] != task.ids[5]].sample(frac=1, random_state=1)
    write_task(tmp_path / "task", task)
    frame.to_parquet(tmp_path / "t.parquet")
    out = train(tmp_path, {"kind": "linear", "level": "segment", "aggregation": "log_mean"})
    table = read_predictions([out / "p.parquet"])
    segments = segments_of(table)
    assert len(table) - len(segments) == 32 and len(segments) == 31 * 3 + 1
    one = segments[segments["id"] == task.ids[0]]
    assert one["start"].tolist() == [0, 1.5, 3]
    product = np.exp(np.log(values_of(one)).mean(axis=0))
    whole = table[(table["id"] == task.ids[0]) & (table["segment"] == -1)]
    np.testing.assert_allclose(values_of(whole)[0], product / product.sum(), atol=1e-5)
    facts = json.loads((out / "training.json").read_text())
    assert facts["without_descriptors"] == [task.ids[5]]
    model = load_classical(out / "model")
    names, values = model.predict_recordings(frame)
    assert sorted(names) == sorted(set(frame["id"])) and values.shape == (31, 4)
    with pytest.raises(InputError, match="several rows"):
        read_features([tmp_path / "t.parquet"], task.ids)


def test_reading_descriptors_takes_the_memory_of_those_asked_for(tmp_path):
    rng = np.random.default_rng(1)
    names = [f"mfcc{i:03d}_mean" for i in range(200)]
    ids = [f"r{i:04d}" for i in rng.permutation(6000)]
    x = rng.normal(size=(len(ids), len(names))).astype(np.float32)
    x[7, 3] = np.inf
    paths = []
    for rows in np.array_split(np.arange(len(ids)), 5):
        paths.append(tmp_path / f"{rows[0]}.parquet")
        table = pd.DataFrame(x[rows], columns=names).assign(id=[ids[row] for row in rows])
        table.to_parquet(paths[-1])
    wanted = [*sorted(ids)[:-100], "unknown"]
    tracemalloc.start()
    found = read_features(paths, wanted)
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    some = read_features(paths, wanted, columns=names[3:5])
    part = tracemalloc.get_traced_memory()[1] - found.values.nbytes
    tracemalloc.stop()
    place = {name: row for row, name in enumerate(ids)}
    expected = x[[place[name] for name in wanted[:-1]]]
    np.testing.assert_array_equal(found.values[:-1], np.where(np.isinf(expected), np.nan, expected))
    np.testing.assert_array_equal(some.values, found.values[:, 3:5])
    assert list(found.ids) == wanted and np.isnan(found.values[-1]).all()
    assert found.missing == ["unknown"] and found.columns == names
    assert whole < 2 * found.values.nbytes and part < found.values.nbytes


def test_model_folder_is_enough_and_says_what_it_needs(tmp_path):
    task = make_task(items=24, classes=3, folds=2)
    put(tmp_path, task, descriptors(task))
    out = train(tmp_path, {"kind": "linear"}, descriptors={"seconds": 3})
    model = load_classical(out / "model")
    table = pd.read_parquet(tmp_path / "t.parquet").sample(frac=1, axis=1, random_state=0)
    stored = load_learner(out / "model" / "model.skops").predict(table[model.columns].to_numpy())
    np.testing.assert_allclose(model.predict(table), stored, atol=1e-4)
    assert model.config["descriptors"] == {"seconds": 3} and model.config["export"]["agrees"]
    with pytest.raises(InputError, match=r"lacks 1 of the 12 .*mfcc03_mean.*families mfcc"):
        model.predict(table.drop(columns="mfcc03_mean"))
    with pytest.raises(InputError, match="no classical model"):
        load_classical(tmp_path)


def test_file_with_a_foreign_type_is_refused(tmp_path):
    task = make_task(items=24, classes=3)
    x = descriptors(task)
    groups = np.array(task.ids)
    learner = fit_learner(
        options({"kind": "majority"}), "single", 3, x, task.targets, groups, seed=1
    )
    save_learner(tmp_path / "m.skops", learner)
    with zipfile.ZipFile(tmp_path / "m.skops") as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(tmp_path / "bad.skops", "w") as new:
        for name, content in members.items():
            schema = content.replace(b'"Prior"', b'"Popen"')
            schema = schema.replace(b"soundmill.classification.estimators", b"subprocess")
            new.writestr(name, schema if name == "schema.json" else content)
    with pytest.raises(InputError, match="types no model"):
        load_learner(tmp_path / "bad.skops")


def test_columns_by_family_and_pattern():
    known = ["mfcc01_mean", "mfcc01_delta_mean", "chroma_stft_c_mean", "tempo", "h1"]
    assert choose_columns(known, ["mfcc"], ["*_delta_*"]) == ["mfcc01_delta_mean"]
    assert choose_columns(known) == known
    assert [family_of(name) for name in known] == ["mfcc", "mfcc", "chroma", "rhythm", "h"]
    with pytest.raises(InputError, match="did you mean 'mfcc'"):
        choose_columns(known, ["mfc"])
    with pytest.raises(InputError, match="no descriptor fits"):
        choose_columns(known, None, ["loud*"])


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        ("regression", {"kind": "gmm"}, "gmm tells classes apart"),
        ("regression", {"kind": "svm", "balance": "class_weight"}, "a regression task has none"),
        ("multi", {"kind": "knn", "balance": "oversample"}, "for tags use class_weight"),
        ("single", {"kind": "svm", "level": "segment"}, "tables of segments"),
    ],
)
def test_options_that_do_not_fit_the_task(tmp_path, kind, raw, text):
    task = make_task(kind, items=16, classes=2)
    put(tmp_path, task, descriptors(task))
    with pytest.raises(InputError, match=text):
        train(tmp_path, raw)


def test_options_are_checked():
    with pytest.raises(InputError, match="did you mean 'width'"):
        read_options({"kind": "svm", "widht": 2})
    with pytest.raises(InputError, match="did you mean 'svm'"):
        read_options({"kind": "svmm"})
    with pytest.raises(InputError, match="oversample"):
        read_options({"kind": "knn", "balance": "class_weight"})
