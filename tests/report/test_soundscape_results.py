"""What is read from the result files of a soundscape model, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.soundscape_run import evaluation, measured

from soundmill.report.soundscape_results import (
    DISTANCES,
    comparison_rows,
    controls,
    copied,
    distances,
    figures,
    lasting,
    long_rows,
    meanings,
    recognised,
    standing,
    told,
    why_not,
)


def with_distances(**values):
    entry = {kind: measured(1.0) for kind in DISTANCES}
    entry |= {kind: measured(value) for kind, value in values.items()}
    return distances({"distribution": {"texture": {"fad": entry}, "judge": None}})


def spaced(text):
    return text.replace("\u202f", " ")


@given(st.floats(0, 100), st.floats(0.1, 100), st.floats(0, 1))
def test_a_place_is_the_share_of_the_way_from_real_to_noise(floor, span, share):
    [found] = with_distances(floor=floor, noise=floor + span, sample=floor + share * span)
    assert found.place("sample") == pytest.approx(share, abs=1e-9)
    assert found.place("floor") == 0 and found.place("noise") == pytest.approx(1)


def test_the_sentence_says_where_samples_and_baseline_lie():
    words = spaced(standing(with_distances(floor=2, noise=12, sample=4.5, granular=2)))
    assert "FAD on texture statistics" in words
    assert "new samples lie 25 % of the way" in words
    assert "granular baseline lies at 0 %" in words


@pytest.mark.parametrize("values", [{"sample": None}, {"noise": None}, {"floor": 3, "noise": 2}])
def test_where_it_cannot_be_told_nothing_is_said(values):
    found = with_distances(**{"floor": 1, "noise": 2, "sample": 1.5} | values)
    assert found[0].place("sample") is None
    assert standing(found) == ""


def test_the_next_distance_is_told_where_the_first_cannot_be():
    first = with_distances(floor=1, noise=1)
    assert "25" in standing([*first, *with_distances(floor=0, noise=4, sample=1)])


def test_recognition_is_set_against_real_clips():
    part = {"real": measured(0.8), "sample": measured(0.6), "granular": measured(None)}
    words = spaced(recognised({"fidelity": part}))
    assert "recognises 60 % of them" in words and ": 75 % of its accuracy" in words
    assert "clips, 80 %." in words and "granular" not in words
    assert recognised({"fidelity": None}) == recognised({"fidelity": {"reason": "x"}}) == ""
    assert "60 %" in spaced(recognised({"fidelity": part | {"real": measured(0.0)}}))


def test_a_reason_is_found_where_it_stands():
    assert why_not({"long": {"reason": "a"}}, "long") == "a"
    assert why_not({"long": None, "reasons": {"long": "b"}}, "long") == "b"
    assert why_not({"long": None, "long_reason": "c"}, "long") == "c"
    assert why_not({"long": None}, "long") == ""
    assert told({"value": None, "interval": None, "n": 0, "reason": "d"}).reason == "d"


def test_copies_by_chance_are_named():
    words = spaced(copied({"copying": {"share_nearer_than_real": {"sample": measured(0.12)}}}))
    assert words.startswith("12 %") and "By chance it is 5 %" in words


def test_whatever_is_compared_is_a_row_and_nothing_is_dropped():
    three = {"real": measured(1.0), "sample": measured(0.8), "granular": measured(0.9)}
    part = three | {
        "share_nearer_than_real": {"sample": measured(0.1)},
        "within_label": {"rain": three},
        "patches": three | {"searched_seconds": 90.0, "limit": measured(0.5)},
    }
    rows, rest = comparison_rows(part, "all")
    assert [name for name, _ in rows] == [
        "all", "share nearer than 95 % of the real ones", "within a label, rain", "patches",
    ]  # fmt: skip
    assert [measure.text for measure in rows[1][1]] == ["–", "0.100", "–"]
    assert [(name, spaced(text)) for name, text, _ in rest] == [
        ("patches, searched", "1 min 30 s"), ("patches, limit", "0.500 [0.450, 0.550]"),
    ]  # fmt: skip


def test_all_figures_of_the_long_piece_are_told_with_units():
    long = evaluation("m", ["a"], "recordings", True, True, False, {}, 1.0)["long"]
    long["real"] = [0.5, 0.25]
    long["curve"] = list(range(100))
    rows = {name: spaced(text) for name, text, _ in long_rows(long)}
    assert rows["piece, seconds"] == "1 h 0 min"
    assert rows["real-time factor"] == "11.3 ×" and rows["memory"] == "612 MB"
    assert rows["loop, level"] == "0.700 dB" and rows["loop, loop seam, detected"] == "yes"
    assert rows["piece, drift, loudness (LU), per hour"] == "-0.310"
    assert rows["piece, clipped samples"] == "0" and rows["piece, seams, boundaries"] == "450"
    assert rows["piece, repetition, at"] == "7.25, 1,204"
    assert rows["piece, peak"] == "-1.20 dBFS"
    assert rows["real"] == "0.500, 0.250" and rows["curve"] == "100 values"
    assert ("loop, spread", "–", "too few <i>clips</i>") in long_rows(long)
    words = spaced(" ".join(lasting(long)))
    assert "its loudness changes by −0.31 LU, within what real recordings vary" in words
    assert "similarity of 0.620, those of real recordings up to 0.710" in words
    assert "no more than those" in words and "brightness" not in words
    assert words.startswith("It is made at 11.3 × real time, in 612 MB of memory.")
    assert "No seam stands out where parts" in words and "A seam stands out where the" in words
    long["piece"]["drift"]["loudness"]["beyond"] = True
    assert "more than real recordings vary" in lasting(long)[1]
    assert lasting({}) == []


def test_latents_are_ranked_by_what_they_mean():
    entries = [
        {"name": "latent 0", "loudness": 0.1, "brightness": None, "roughness": 0.2, "events": 0.0},
        {"name": "latent 1", "loudness": -0.9, "brightness": 0.4, "roughness": 0.0, "events": 0.1},
    ]
    rows = controls({"controls": entries}, {})
    assert [row.name for row in rows] == ["latent 1", "latent 0"]
    assert meanings(rows) == ["loudness: latent 1 (r = −0.90)", "brightness: latent 1 (r = +0.40)"]
    assert controls({}, {"controls": entries}) == rows
    assert controls({}, {}) == [] and meanings([]) == []


def test_figures_are_short_at_every_size():
    assert [figures(v) for v in (1234.5, 99.94, 9.994, 0.5, 0.00123, -0.5, 0, None)] == [
        "1,234", "99.9", "9.99", "0.500", "0.0012", "-0.500", "0", "–",
    ]  # fmt: skip
