import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mir_eval import multipitch
from mir_eval.util import midi_to_hz

from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.notes import make_notes, write_midi, write_notes_csv
from soundmill.status import write_table
from soundmill.transcription.evaluation import evaluate_transcription, mean_interval, read_truth
from soundmill.transcription.scores import METRICS, frame_f1, onset_lag, score_piece, shift


def piece(seed, count=40):
    rng = np.random.default_rng(seed)
    onset = np.round(np.cumsum(rng.uniform(0.2, 0.5, count)), 4)
    return make_notes(onset, onset + 0.3, rng.integers(40, 90, count), rng.integers(20, 120, count))


def test_the_truth_itself_scores_one_and_nothing_scores_nought():
    truth = piece(0)
    assert set(score_piece(truth, truth).values()) == {1.0}
    assert set(score_piece(truth, truth[:0]).values()) == {0.0}


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_frame_score_is_that_of_mir_eval(first, second):
    truth, notes = piece(first, 8), piece(second, 12)
    notes["pitch"] = truth["pitch"][np.arange(12) % 8]  # so that something agrees
    # between the grid's points, where both agree on what sounds
    for each in (truth, notes):
        each["onset"] = np.floor(each["onset"] * 100) / 100 + 0.005
        each["offset"] = np.floor(each["offset"] * 100) / 100 + 0.005
    times = np.arange(0, max(truth["offset"].max(), notes["offset"].max()) + 0.02, 0.01)

    def sounding(part):
        return [
            midi_to_hz(np.unique(part["pitch"][(part["onset"] <= t) & (t < part["offset"])] * 1.0))
            for t in times
        ]

    precision, recall = multipitch.metrics(times, sounding(truth), times, sounding(notes))[:2]
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert frame_f1(truth, notes) == pytest.approx(expected)


def test_late_notes_are_found_again_when_the_lag_is_removed():
    truth = piece(1)
    late = shift(truth, 0.08)
    assert onset_lag(truth, late) == pytest.approx(0.08, abs=1e-6)
    assert score_piece(truth, late)["note"] < 0.2
    assert score_piece(truth, shift(late, -0.08))["note"] == 1.0


def test_no_match_has_no_lag():
    assert onset_lag(piece(0)[:3], shift(piece(0)[:3], 50)) is None


@pytest.fixture
def corpus(tmp_path):
    """Two buckets: a perfect piece, a late one, one without notes, one without truth."""
    (tmp_path / "truth").mkdir()
    rows = {"00": [], "01": []}
    for number, (name, bucket) in enumerate([("a", "00"), ("b", "00"), ("c", "01"), ("d", "01")]):
        (tmp_path / bucket).mkdir(exist_ok=True)
        truth = piece(number)
        source = f"deep/My pièce {name}.MP3"
        rows[bucket].append({"id": name, "source": source, "status": "ok"})
        if name == "a":
            write_midi(tmp_path / "truth" / f"My pièce {name}.mid", truth)
        elif name != "d":
            lines = ["# onset,offset,note,velocity"]
            lines += ["\t".join(f"{value:.6f}" for value in note) for note in truth.tolist()]
            (tmp_path / "truth" / f"My pièce {name}.tsv").write_text("\n".join(lines))
        if name != "c":
            write_notes_csv(
                tmp_path / bucket / f"{name}.csv", shift(truth, 0.07 if name == "b" else 0)
            )
    rows["01"].append({"id": "e", "source": "e.mp3", "status": "rejected"})
    for bucket, table in rows.items():
        write_table(tmp_path / f"{bucket}.csv", table, ("id", "source", "status"))
    (tmp_path / "truth" / "unused.mid").write_bytes(b"")
    return tmp_path


def evaluate(folder, **options):
    tables, midi = zip(*[(folder / f"{b}.csv", folder / b) for b in ("00", "01")], strict=True)
    evaluate_transcription(tables, midi, folder / "truth", folder / "out.json", **options)
    return read_json(folder / "out.json")


def test_scores_are_means_over_pieces_with_truth(corpus):
    data = evaluate(corpus)
    pieces = {row["id"]: row for row in data["pieces"]}
    assert list(pieces) == ["a", "b", "c"]
    assert pieces["a"]["scores"]["note"] == 1.0
    assert pieces["b"]["scores"]["note"] < 0.3
    assert pieces["b"]["lag_removed"]["note_offset_velocity"] == 1.0
    assert pieces["b"]["onset_lag_ms"] == pytest.approx(70, abs=0.2)
    assert pieces["c"]["scores"]["note"] == 0.0 and pieces["c"]["onset_lag_ms"] is None
    assert set(METRICS) <= set(data["scores"])
    score = data["lag_removed"]["note"]
    assert score["value"] == pytest.approx(2 / 3, abs=1e-3) and score["items"] == 3
    assert score["interval"][0] <= score["value"] <= score["interval"][1]
    assert data["floor"]["note"]["value"] < 0.2
    assert data["without_truth"] == ["deep/My pièce d.MP3"]
    assert data["without_recording"] == ["unused"]
    assert evaluate(corpus) == data


def test_no_truth_at_all_is_one_clear_error(corpus):
    for path in (corpus / "truth").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"name the \.mid or \.tsv files .* My pièce a\.mid"):
        evaluate(corpus)
    (corpus / "truth").rmdir()
    with pytest.raises(InputError, match="is not there; check 'truth'"):
        evaluate(corpus)


@pytest.mark.parametrize("text", ["a\tb\tc\td", "1\t2\t60", "", "1\t2\t60\t1\n1\t2"])
def test_a_damaged_table_is_named(tmp_path, text):
    (tmp_path / "x.tsv").write_text(text)
    with pytest.raises(InputError, match=r"x\.tsv is no table of true notes"):
        read_truth(tmp_path / "x.tsv")


def test_interval_of_one_piece_is_unknown():
    rng = np.random.default_rng(0)
    assert mean_interval([0.5], rng) == {"value": 0.5, "interval": None, "items": 1}
    assert mean_interval([None], rng) == {"value": None, "interval": None, "items": 0}
