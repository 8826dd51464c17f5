"""predictions.csv, prior.json and the submission, with what can be wrong with them."""

import json
import logging

import numpy as np
import pytest

from soundmill.classification.answers import wilson
from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.submission import answer_corpus, check_submission
from soundmill.classification.submission_options import SubmissionOptions
from soundmill.corpus.decode_options import MANIFEST_COLUMNS
from soundmill.errors import InputError
from soundmill.status import read_table, write_table

CLASSES = ["jazz", "polka", "rock"]
VALUES = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]]
GENRES = {"title": "{title}", "genre_id": "{number}"}


@pytest.fixture
def answer(tmp_path):
    """Answer for a corpus of three heard recordings, and one that was rejected if asked."""

    def run(sources=("in/b.mp3", "in/a.mp3", "in/c.mp3"), values=VALUES, broken=(), **options):
        kind, facts = options.pop("kind", "single"), options.pop("facts", None)
        classes = options.pop("classes", CLASSES)
        names = [*sources, *broken]
        rows = [
            {
                "id": f"r{i}", "source": source, "bucket": "00", "sha256": f"{i:064x}",
                "status": "rejected" if source in broken else "ok",
                "reason": "silent" if source in broken else "", "seconds": "1",
            }
            for i, source in enumerate(names)
        ]  # fmt: skip
        for i, changes in options.pop("rows", {}).items():
            rows[i] |= changes
        write_table(tmp_path / "manifest.csv", rows, MANIFEST_COLUMNS)
        ids = [f"r{i}" for i in range(len(values))]
        tables = [
            make_predictions(ids, np.array(values) + shift, fold="all", part="test", seed=seed)
            for seed, shift in ((1, 0.01), (2, -0.01))
        ]
        segment = make_predictions(
            ids, np.full(np.shape(values), 0.9), fold="all", part="test", segments=[0] * len(ids)
        )
        write_predictions(tmp_path / "p.parquet", [segment, *tables])
        facts = facts or {"counts": {"jazz": 50, "polka": 10, "rock": 40}, "examples": 100}
        (tmp_path / "task").mkdir(exist_ok=True)
        text = json.dumps({"kind": kind, "classes": classes, **facts})
        (tmp_path / "task/task.json").write_text(text)
        asked = SubmissionOptions(**options) if options else None
        answer_corpus(
            tmp_path / "manifest.csv", [tmp_path / "p.parquet"], tmp_path / "task",
            tmp_path / "predictions.csv", tmp_path / "prior.json",
            tmp_path / "submission.csv" if asked else None, asked,
        )  # fmt: skip
        run.prior = json.loads((tmp_path / "prior.json").read_text())
        return read_table(tmp_path / "predictions.csv")

    run.submission = tmp_path / "submission.csv"
    run.template = tmp_path / "template.csv"
    return run


def lines(answer):
    return answer.submission.read_text().splitlines()


def test_every_recording_has_a_row(answer):
    table = answer(broken=["in/silent.mp3"], rows={3: {"id": "r3"}})
    assert [row["title"] for row in table] == ["b", "a", "c", "silent"]
    assert [row["class"] for row in table] == ["jazz", "rock", "polka", "jazz"]
    assert table[0]["confidence"] == table[0]["p_jazz"] == "0.700000"
    last = table[3]
    assert last["answered"] == "prior" and last["reason"] == "silent"
    assert [last[f"p_{name}"] for name in CLASSES] == ["0.500000", "0.100000", "0.400000"]


def test_recordings_without_features_and_copies(answer):
    copy = {"sha256": f"{1:064x}"}
    table = answer(("x", "y", "z", "bare"), broken=["copy"], rows={4: copy})
    assert [row["answered"] for row in table] == [*["predicted"] * 3, "prior", "copied"]
    assert table[3]["reason"] == "it has no features"
    assert table[4]["class"] == "rock" and table[4]["p_rock"] == "0.800000"


def test_the_prior_is_compared(answer):
    answer(broken=["s"])
    assert answer.prior["recordings"] == 4 and answer.prior["heard"] == 3
    jazz = answer.prior["classes"]["jazz"]
    assert jazz["training"] == 0.5 and jazz["count"] == 1 and jazz["predicted"] == 0.333333
    assert jazz["low"] < 1 / 3 < jazz["high"]
    assert answer.prior["difference"] == pytest.approx((1 / 6 + 7 / 30 + 1 / 15) / 2, abs=1e-6)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # statsmodels
    assert wilson(0, 10)[0] == 0


def test_a_submission_by_title(answer):
    answer(columns=GENRES, first_number=1, broken=["in/zz.mp3"])
    assert lines(answer) == ["title,genre_id", "a,3", "b,1", "c,2", "zz,1"]
    answer(columns=GENRES, numbers={"jazz": 7, "polka": 5, "rock": 9, "folk": 1})
    assert lines(answer)[1:] == ["a,9", "b,7", "c,5"]
    answer(columns={"file": "{file}", "jazz": "{p[jazz]:.2f}"}, broken=["s"], rejected="leave_out")
    assert lines(answer) == ["file,jazz", "a.mp3,0.10", "b.mp3,0.70", "c.mp3,0.20"]


def test_a_template_decides_rows_and_order(answer, caplog):
    caplog.set_level(logging.WARNING)
    answer.template.write_text("title,genre_id\nc.wav,0\nb,0\n")
    answer(columns=GENRES, template=str(answer.template))
    assert lines(answer) == ["title,genre_id", "c.wav,1", "b,0"]
    assert "does not ask for 1 recordings" in caplog.text


@pytest.mark.parametrize(
    ("template", "options", "message"),
    [
        ("title,genre_id\na,0\nnobody,0\n", {}, "1 of its 2 rows name no recording.*'nobody'"),
        ("title,genre_id\na,0\na,0\n", {}, "'a' is asked for twice"),
        ("title,genre_id\na,0\na.mp3,0\n", {}, "'a' and 'a.mp3' both mean 'in/a.mp3'"),
        ("title,genre\na,0\n", {}, r"\['title', 'genre_id'\] are not the columns of"),
        ("title,genre_id\na,0\n", {"key": "name"}, "submission.key: .* has no column 'name'"),
        ("", {}, "is empty"),
    ],
)
def test_templates_that_cannot_be_answered(answer, template, options, message):
    answer.template.write_text(template)
    with pytest.raises(InputError, match=message):
        answer(columns=GENRES, template=str(answer.template), **options)
    assert not answer.submission.exists()


def test_absent_rows_may_be_answered_by_the_prior(answer):
    answer.template.write_text("title,genre_id\nnobody,0\na,0\n")
    answer(columns=GENRES, template=str(answer.template), absent="prior")
    assert lines(answer) == ["title,genre_id", "nobody,0", "a,2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_count": 2}, "2 classes are allowed, the task has 3: jazz, polka, rock"),
        ({"numbers": {"jazz": 0, "rock": 1}}, "'polka' can be predicted but has no number"),
        ({"columns": {"genre": "{class}"}}, "no column names the recording"),
        ({"columns": {"title": "{title}", "p": "{p[ska]}"}}, "'{p\\[ska\\]}' cannot be filled"),
        ({"rejected": "error", "broken": ["in/s.mp3"]}, "1 recordings have no prediction.*silent"),
    ],
)
def test_what_cannot_be_submitted(answer, options, message):
    with pytest.raises(InputError, match=message):
        answer(**{"columns": GENRES, **options})
    assert not answer.submission.exists()


def test_two_files_with_one_title(answer):
    sources = ("in/x/song.mp3", "in/y/song.wav", "in/z.mp3")
    with pytest.raises(InputError, match=r"'in/x/song.mp3' and 'in/y/song.wav' have one title"):
        answer(sources, columns=GENRES)
    answer(sources, columns={"path": "{source}", "genre": "{class}"})
    assert lines(answer)[1:] == ["in/x/song.mp3,jazz", "in/y/song.wav,rock", "in/z.mp3,polka"]
    copy = {"sha256": f"{0:064x}", "status": "rejected", "reason": "same content as x"}
    answer(("x/song.mp3", "y.mp3", "z.mp3"), broken=["w/song.mp3"], rows={3: copy}, columns=GENRES)
    assert lines(answer)[1:] == ["song,0", "y,2", "z,1"]
    assert len(answer(sources)) == 3  # predictions.csv tells them apart by their source


def test_tags_and_values(answer):
    tags = {"counts": {"jazz": 50, "polka": 10, "rock": 40}, "examples": 60}
    columns = {"id": "{id}", "tags": "{class}", "numbers": "{number}"}
    values = [[0.9, 0.2, 0.6], [0.1, 0.1, 0.2], [0.5, 0.2, 0.1]]
    table = answer(values=values, kind="multi", facts=tags, columns=columns)
    assert [row["class"] for row in table] == ["jazz;rock", "", "jazz"]
    assert lines(answer)[1:] == ["r0,jazz rock,0 2", "r1,,", "r2,jazz,0"]
    means = {"counts": {"valence": {"mean": 0.5}}}
    columns = {"title": "{title}", "valence": "{value[valence]:.1f}"}
    table = answer(
        values=[[1], [-2], [3]], kind="regression", facts=means, classes=["valence"],
        columns=columns, broken=["s"],
    )  # fmt: skip
    assert [row["value_valence"] for row in table] == [
        "1.000000", "-2.000000", "3.000000", "0.500000",
    ]  # fmt: skip
    assert lines(answer) == ["title,valence", "a,-2.0", "b,1.0", "c,3.0", "s,0.5"]
    assert answer.prior["classes"]["valence"] == {"training": 0.5, "predicted": 0.666667}


def test_columns_anybody_would_expect(answer):
    answer(first_number=0)
    assert lines(answer)[:2] == ["title,class", "a,rock"]
    answer(("x/a.mp3", "y/a.mp3", "z/b.mp3"), first_number=0)
    assert lines(answer)[:2] == ["source,class", "x/a.mp3,jazz"]
    means = {"counts": {"valence": {"mean": 0.5}}}
    answer(values=[[1], [-2], [3]], kind="regression", facts=means, classes=["valence"], key=None)
    assert lines(answer)[:2] == ["title,valence", "a,-2.0"]


def test_predictions_of_another_task(answer):
    with pytest.raises(InputError, match=r"the predictions are of 2 classes, the task .* has 3"):
        answer(values=[[0.5, 0.5]])
    with pytest.raises(InputError, match="none of its recordings was predicted"):
        answer(rows={i: {"id": f"other{i}"} for i in range(3)})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("a,0", "a,7"), "line 2"),
        (("b,1\n", ""), "1 rows"),
        (("title", "name"), "2 were asked"),
    ],
)
def test_a_damaged_submission_is_found(tmp_path, damage, message):
    path = tmp_path / "submission.csv"
    rows = [{"title": "a", "genre_id": "0"}, {"title": "b", "genre_id": "1"}]
    path.write_text("title,genre_id\na,0\nb,1\n".replace(*damage))
    options = SubmissionOptions(columns=GENRES)
    with pytest.raises(InputError, match=message):
        check_submission(path, rows, {"jazz": 0, "rock": 1}, options)


def test_what_was_written_is_read_again(answer, monkeypatch):
    def forgetful(path, rows, columns):
        write_table(path, rows[:-1], columns)

    monkeypatch.setattr("soundmill.classification.submission.write_table", forgetful)
    with pytest.raises(InputError, match=r"2 rows of .*, 3 were asked"):
        answer(columns=GENRES)


def test_numbers_out_of_range_and_empty_cells_are_found(tmp_path):
    path, options = tmp_path / "submission.csv", SubmissionOptions(columns=GENRES)
    for cells, message in ((("a", "5"), "'5' is no number"), (("", "0"), "'title' is empty")):
        path.write_text("title,genre_id\n" + ",".join(cells) + "\n")
        row = dict(zip(GENRES, cells, strict=True))
        with pytest.raises(InputError, match=message):
            check_submission(path, [row], {"jazz": 0}, options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"a": "{genre}"}}, "{genre} is not among"),
        ({"columns": {"a": "{title"}}, "write fields as"),
        ({"columns": {}}, "at least 1"),
        ({"numbers": {"a": 1, "b": 1}}, "two classes have one number"),
        ({"template": "t.csv", "rejected": "leave_out"}, "contradicts template"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        SubmissionOptions(**options)
