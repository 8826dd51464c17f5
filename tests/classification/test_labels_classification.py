import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmill.classification.labels import read_labels
from soundmill.classification.spelling import merge_spellings, near_misses, spelling_key
from soundmill.classification.task_options import TaskOptions
from soundmill.errors import InputError


def labels(cells, **options):
    """Label one recording a cell; the column is ``style``."""
    rows = [{"source": f"{i}.wav", "style": cell} for i, cell in enumerate(cells)]
    return read_labels(rows, TaskOptions(target="style", **options), "manifest.csv")


@pytest.mark.parametrize(
    "variants",
    [
        ("Rock", "rock ", "ROCK", " rock"),
        ("Hip-Hop", "hiphop", "hip hop", "Hip_Hop", "HIP–HOP"),
        ("R&B", "r & b", "R and B"),
        ("Rock'n'Roll", "rock n roll", "Rock’n’Roll"),
        ("E\u0301tude", "étude"),
    ],
)
def test_typing_variants_are_one_class(variants):
    assert len({spelling_key(name) for name in variants}) == 1


@pytest.mark.parametrize(
    "different",
    [("C", "c"), ("C", "C#"), ("-1", "1"), ("1.5", "15"), ("take 1 2", "take 12"), ("A-", "A")],
)
def test_what_may_be_another_class_is_not_merged(different):
    assert len({spelling_key(name) for name in different}) == len(different)


def test_the_commonest_spelling_names_the_class():
    found = labels(["Hip-Hop", "hiphop", "hiphop ", "Jazz"])
    assert found.classes == ["Jazz", "hiphop"]
    assert found.indicators.tolist() == [[0, 1], [0, 1], [0, 1], [1, 0]]
    assert found.remarks == ["'Hip-Hop' (1) counted as 'hiphop'"]
    assert found.merged == {"hiphop": {"Hip-Hop": 1}}
    apart = labels(["Hip-Hop", "hiphop"], merge_spellings=False)
    assert apart.classes == ["Hip-Hop", "hiphop"] and not apart.remarks


def test_aliases():
    found = labels(["rap", "RAP", "hiphop", "hiphop"], aliases={"Rap": "Hip-Hop", "pop": "Pop"})
    assert found.classes == ["Hip-Hop"]
    assert "aliases: no recording is labelled 'pop'" in found.remarks


def test_near_misses_are_only_a_warning():
    found = labels(["jazz"] * 4 + ["jaz", "rock", "rock", "folk"])
    assert "jaz" in found.classes
    assert [remark for remark in found.remarks if "nearly alike" in remark] == [
        "'jaz' (1) and 'jazz' (4) are nearly alike and stay two classes; if one is a typing "
        "error, add it to aliases"
    ]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"regae": 1, "reggae": 9}, [("regae", "reggae")]),
        ({"reggea": 1, "reggae": 9}, [("reggea", "reggae")]),
        ({"blurs": 1, "blues": 9}, [("blurs", "blues")]),
        ({"blues": 9, "bluess": 2}, [("bluess", "blues")]),
        ({"wind": 9, "wing": 8}, []),
        ({"site 1": 1, "site 2": 9}, []),
        ({"cat": 1, "bat": 9}, []),
        ({"rock": 9, "folk": 1}, []),
    ],
)
def test_which_pairs_are_near(counts, found):
    assert near_misses(counts) == found


@given(st.dictionaries(st.text(min_size=1).map(str.strip), st.integers(1, 9)))
def test_merging_is_idempotent_and_keeps_every_label(counts):
    mapping = merge_spellings(counts, {}, True)
    assert set(mapping) == set(counts) and set(mapping.values()) <= set(counts)
    classes = dict.fromkeys(mapping.values(), 1)
    assert merge_spellings(classes, {}, True) == {name: name for name in classes}


def test_missing_labels_are_named_or_stop():
    found = labels(["rock", " ", "jazz", ""])
    assert found.reasons == ["", "no label in column 'style'"] * 2
    with pytest.raises(InputError, match=r"2 of 4 recordings have no usable label.*'1.wav'"):
        labels(["rock", " ", "jazz", ""], missing="error")
    with pytest.raises(InputError, match="no recording has a usable label in 'style'"):
        labels(["", " "])


def test_a_missing_column_is_named_with_its_neighbour():
    with pytest.raises(InputError, match=r"no column 'stile' in \(source, style\); did you mean"):
        read_labels([{"source": "a", "style": "x"}], TaskOptions(target="stile"), "manifest.csv")


def test_tags_in_one_column():
    found = labels(["pad; horn", "horn;Horn;", ""], kind="multi")
    assert found.classes == ["horn", "pad"]
    assert found.indicators.tolist() == [[1, 1], [1, 0], [0, 0]] and found.reasons[2]
    assert not any(labels(["a", ""], kind="multi", missing="negative").reasons)
    assert labels(["a|b"], kind="multi", separator="|").classes == ["a", "b"]
    with pytest.raises(InputError, match="holds ';'"):
        labels(["a;b|c"], kind="multi", separator="|")


def test_tags_in_columns():
    cells = [("1", "0"), ("yes", "TRUE"), ("", "1"), ("2", "1")]
    rows = [{"source": "x", "piano": a, "drums": b} for a, b in cells]
    options = TaskOptions(target=["piano", "drums"], kind="multi")
    found = read_labels(rows, options, "manifest.csv")
    assert found.classes == ["drums", "piano"]
    assert found.indicators.tolist() == [[0, 1], [1, 1], [0, 0], [0, 0]]
    assert found.reasons[2:] == [
        "no label in column 'piano'",
        "neither 0 nor 1: '2' in column 'piano'",
    ]


def test_regressed_values():
    cells = [("0.5", "-1"), ("1e1", "2"), ("3,5", "1"), ("nan", "1"), ("", "1")]
    rows = [{"source": "x", "valence": a, "arousal": b} for a, b in cells]
    options = TaskOptions(target=["valence", "arousal"], kind="regression")
    found = read_labels(rows, options, "manifest.csv")
    assert found.classes == ["valence", "arousal"]
    np.testing.assert_array_equal(found.indicators[:2], [[0.5, -1], [10, 2]])
    assert [reason.partition(":")[0] for reason in found.reasons[2:]] == [
        "not a number", "not a number", "no label in column 'valence'",
    ]  # fmt: skip
    constant = read_labels(rows[:1], options, "manifest.csv")
    assert "all recordings have the same valence: nothing to learn" in constant.remarks
