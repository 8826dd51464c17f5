"""A task from a ready table of features."""

import numpy as np
import pandas as pd
import pytest

from soundmill.classification.tables import prepare_table
from soundmill.classification.task_options import TableOptions, TaskOptions
from soundmill.errors import InputError

from paths import real_data  # isort: skip


@pytest.fixture
def prepare(tmp_path):
    def run(text, table=None, **options):
        path = tmp_path / "features.csv"
        path.write_text(text)
        options.setdefault("target", "label")
        run.task, run.table = tmp_path / "task", tmp_path / "table.parquet"
        options.setdefault("split", {"method": "folds", "folds": 2})
        table = TableOptions(path=str(path), **(table or {}))
        return prepare_table(run.task, run.table, table, TaskOptions(**options), 1)

    return run


def lines(*extra, count=8):
    rows = [f"s{i}.wav,{i}.5,{i * i},{'rock' if i % 2 else 'jazz'},note" for i in range(count)]
    return "\n".join(["file,loudness,tempo,label,remark", *rows, *extra]) + "\n"


def test_columns_become_features(prepare):
    task = prepare(lines())
    frame = pd.read_parquet(prepare.table)
    assert list(frame) == ["id", "loudness", "tempo"] and list(frame["id"]) == task.ids
    assert frame["tempo"].tolist() == [i * i for i in range(8)]
    assert {frame[name].dtype for name in ("loudness", "tempo")} == {np.dtype("float32")}
    assert task.examples[0] == {
        "id": "s0", "source": "s0.wav", "bucket": "table", "seconds": "", "group": "",
    }  # fmt: skip
    assert "columns without any number are no features: 'remark'" in task.facts["remarks"]
    assert list(pd.read_parquet((prepare(lines(), {"drop": ["tempo"]}), prepare.table)[1])) == [
        "id", "loudness",
    ]  # fmt: skip


def test_missing_numbers_are_nan_and_empty_rows_left_out(prepare):
    task = prepare(lines("x.wav,inf,3,rock,", "a.wav,?,7,jazz,", "z.wav,,nan,jazz,"))
    frame = pd.read_parquet(prepare.table)
    assert list(frame["id"]) == task.ids
    frame = frame.set_index("id")
    assert np.isnan(frame.loc["x", "loudness"]) and np.isnan(frame.loc["a", "loudness"])
    assert frame.loc["x", "tempo"] == 3 and frame.loc["a", "tempo"] == 7 and "z" not in frame.index
    assert task.facts["left_out"]["reasons"] == {"no feature is a number": 1}
    assert any("4 cells are no finite numbers" in remark for remark in task.facts["remarks"])


def test_equal_features_are_one_recording(prepare):
    text = lines("copy.wav,1.5,1,rock,")
    task = prepare(text)
    twins = [task.ids.index("s1"), task.ids.index("copy")]
    for name in task.honest_folds:
        assert len({task.folds[name][i] for i in twins}) == 1
    left = prepare(text, duplicates="leave_out")
    assert "s1" not in left.ids and len(left) == 8


@pytest.mark.parametrize(
    ("text", "table", "message"),
    [
        (lines("s1.wav,1,1,rock,"), {}, "lines 3 and 10: 's1.wav' is there twice"),
        (lines(), {"key": "filename"}, "table.key: .* has no column 'filename'"),
        (lines(), {"drop": ["temp"]}, "no column 'temp'; did you mean 'tempo'"),
        (lines(), {"drop": ["tempo", "loudness"]}, "none of its columns holds features"),
        (lines(",1,1,rock,"), {}, "line 10: column 'file' is empty"),
    ],
)
def test_tables_that_make_no_task(prepare, text, table, message):
    with pytest.raises(InputError, match=message):
        prepare(text, table)


def test_the_fault_filtered_split_of_gtzan(tmp_path):
    folder = real_data("gtzan")
    files = {part: str(folder / f"{part}_filtered.txt") for part in ("train", "valid", "test")}
    split = {"method": "files", "files": files, "compare_random": True, "random_folds": 10}
    table = TableOptions(path=str(folder / "features_30_sec.csv"), key="filename", drop=["length"])
    options = TaskOptions(target="label", split=split)
    task = prepare_table(tmp_path / "task", tmp_path / "table.parquet", table, options, 1)
    assert task.facts["folds"]["0"] == {"train": 443, "valid": 197, "test": 290, "unused": 70}
    assert len(task.leaky_folds) == 10 and len(task.classes) == 10
    assert pd.read_parquet(tmp_path / "table.parquet").shape == (1000, 58)
