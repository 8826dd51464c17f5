"""What is asked of a soundscape, as vectors."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from soundmill.errors import InputError
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.conditions import (
    Column,
    Script,
    Vocabulary,
    circle_value,
    learn_vocabulary,
    read_vocabulary,
)
from soundmill.soundscape.generation_options import PieceOptions
from soundmill.soundscape.options import SoundscapeOptions
from soundmill.soundscape.wishes import read_script, read_wish, say_wish

WORDS = Vocabulary(
    {"kind": Column("category", ("rain", "waves", "wind")), "hour": Column("circle", period=24)}
)
WEIGHTS = st.dictionaries(
    st.sampled_from(("rain", "waves", "wind")), st.floats(0.01, 1e3), min_size=1
)


def test_a_wish_is_shares_of_names_a_place_on_a_circle_and_whether_there_is_one():
    assert WORDS.width == 4 + 3
    vector = WORDS.vector({"kind": {"rain": 0.7, "wind": 0.3}, "hour": 6})
    assert vector.dtype == np.float32
    assert vector == pytest.approx([0.7, 0, 0.3, 1, 0, 1, 1], abs=1e-6)
    assert WORDS.vector({"hour": 12}) == pytest.approx([0, 0, 0, 0, -1, 0, 1], abs=1e-6)
    assert not WORDS.vector({}).any()
    assert Vocabulary({}).vector({}).shape == (0,)


@given(WEIGHTS, st.floats(1e-3, 1e3))
def test_only_the_shares_of_a_mix_count(weights, factor):
    vector = WORDS.vector({"kind": weights})
    assert vector[:3].sum() == pytest.approx(1, abs=1e-5) and vector[3] == 1
    scaled = WORDS.vector({"kind": {name: factor * w for name, w in weights.items()}})
    assert scaled == pytest.approx(vector, abs=1e-5)
    heaviest = max(weights, key=weights.get)
    assert vector[("rain", "waves", "wind").index(heaviest)] == vector[:3].max()


@given(st.floats(-100, 100), st.floats(0, 12), st.floats(0.5, 400))
def test_a_circle_comes_round(place, apart, period):
    def at(value):
        return Vocabulary({"x": Column("circle", period=period)}).vector({"x": value})

    assert at(place) == pytest.approx(at(place + period), abs=1e-4)
    chord = 2 * abs(math.sin(math.pi * apart / period))
    assert np.linalg.norm(at(place) - at(place + apart)) == pytest.approx(chord, abs=1e-4)


def test_half_past_eleven_at_night_is_near_half_past_midnight():
    late, early, noon = (WORDS.vector({"hour": hour}) for hour in (23.5, 0.5, 12))
    assert np.linalg.norm(late - early) < 0.3 < 1.9 < np.linalg.norm(late - noon)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"kinds": {"rain": 1}}, "cannot be asked for 'kinds'.*did you mean 'kind'"),
        ({"kind": {"rian": 1}}, "never heard 'rian'; did you mean 'rain'.*rain, waves, wind"),
        ({"kind": {"rain": -1}}, "rain"),
        ({"kind": {"rain": float("nan")}}, "rain"),
        ({"kind": {"rain": float("inf")}}, "rain"),
        ({"kind": {"rain": 0, "wind": 0}}, "all weights are 0"),
        ({"kind": {}}, "all weights are 0"),
        ({"kind": "rain"}, "must be names with weights"),
        ({"hour": float("nan")}, "hour: nan"),
        ({"hour": "noon"}, "'noon' is no number"),
        ({"hour": {"rain": 1}}, "is no number"),
    ],
)
def test_what_was_never_learned_is_refused_with_what_is_near(wish, said):
    with pytest.raises(InputError, match=said):
        WORDS.vector(wish)


def test_the_vocabulary_is_what_the_recordings_say():
    rows = [
        {"kind": " wind", "hour": "6:30", "source": "a"},
        {"kind": "", "hour": "", "source": "b"},
        {"kind": "rain", "hour": "23", "source": "c"},
    ]
    options = {"kind": ConditionOptions(), "hour": ConditionOptions(kind="circle")}
    words = learn_vocabulary(rows, options)
    assert words.columns["kind"].values == ("rain", "wind")
    assert words.columns["hour"].period == 24
    assert read_vocabulary(json.loads(json.dumps(words.as_json()))) == words
    assert words.wish(rows[0]) == {"kind": {"wind": 1.0}, "hour": 6.5}
    assert words.wish(rows[1]) == {} and not words.vector(words.wish(rows[1])).any()
    assert words.wish({"kind": "snow", "hour": "1"}) == {"hour": 1.0}  # of a held-out recording
    for name, said in (("kinds", "did you mean 'kind'"), ("nothing", "no recording to learn")):
        with pytest.raises(InputError, match=said):
            learn_vocabulary([{**row, "nothing": " "} for row in rows], {name: ConditionOptions()})


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("6:30", 6.5), ("06:30:36", 6.51), ("0630", 6.5), ("063036", 6.51), ("6.5", 6.5),
        ("23", 23), ("-1", -1), ("1e1", 10),
    ],
)  # fmt: skip
def test_times_of_day(text, hours):
    assert circle_value(text, "hour", "a.wav") == pytest.approx(hours)


@pytest.mark.parametrize("text", ["noon", "nan", "inf", "6:75", "6:3", "1:2:3", "0675"])
def test_what_is_no_time_names_the_recording(text):
    with pytest.raises(InputError, match=r"a\.wav: the label hour is"):
        circle_value(text, "hour", "a.wav")


def test_four_digits_are_a_time_only_on_a_circle_of_a_day():
    words = Vocabulary({"day": Column("circle", period=365), "hour": Column("circle", period=24)})
    assert words.wish({"day": "1230", "hour": "1230"}) == {"day": 1230.0, "hour": 12.5}


def test_a_script_moves_in_straight_lines_and_stays_at_its_ends():
    script = Script(WORDS, [(10, {"kind": {"wind": 1}}), (0, {"kind": {"rain": 1}}), (20, {})])
    assert script.end == 20
    rain, wind = (WORDS.vector({"kind": {name: 1}}) for name in ("rain", "wind"))
    for time, expected in (
        (-5, rain), (0, rain), (2.5, 0.75 * rain + 0.25 * wind), (10, wind), (15, wind / 2),
        (20, 0 * rain), (1e9, 0 * rain),
    ):  # fmt: skip
        assert script.at(time) == pytest.approx(expected, abs=1e-6)
        assert script.at(time).dtype == np.float32
    with pytest.raises(InputError, match="at least one line"):
        Script(WORDS, [])
    for time in (float("nan"), float("inf")):
        with pytest.raises(InputError, match="time"):
            Script(WORDS, [(0.0, {}), (time, {})])


@given(st.lists(st.tuples(st.floats(0, 60), WEIGHTS), min_size=1, max_size=5), st.floats(-5, 70))
def test_every_moment_of_a_script_of_mixes_is_a_mix(lines, time):
    vector = Script(WORDS, [(at, {"kind": weights}) for at, weights in lines]).at(time)
    assert vector.min() >= 0 and vector[:3].sum() == pytest.approx(1, abs=1e-4)
    assert vector[3] == pytest.approx(1, abs=1e-5)


def test_two_lines_at_the_same_time_are_a_jump():
    wishes = [(0, {"hour": 0}), (5, {"hour": 0}), (5, {"hour": 6}), (9, {"hour": 6})]
    script = Script(WORDS, wishes)
    assert script.at(4.999) == pytest.approx(WORDS.vector({"hour": 0}), abs=1e-3)
    assert script.at(5) == pytest.approx(WORDS.vector({"hour": 6}), abs=1e-6)


def test_what_people_write():
    assert read_wish(WORDS, {"kind": "rain"}) == {"kind": {"rain": 1.0}}
    mixed = read_wish(WORDS, {"kind": {"rain": "0.7", "wind": 1}, "hour": 6})
    assert mixed == {"kind": {"rain": 0.7, "wind": 1.0}, "hour": 6}
    assert say_wish(mixed) == "rain 0.7 + wind 1, hour 6"
    assert say_wish({"kind": {"rain": 3.0}}) == "rain" and say_wish({}) == ""
    numbers = Vocabulary({"site": Column("category", ("5", "6"))})
    assert read_wish(numbers, {"site": 5}) == {"site": {"5": 1.0}}
    with pytest.raises(InputError, match=r"weight.*much"):
        read_wish(WORDS, {"kind": {"rain": "much"}})
    with pytest.raises(InputError, match="did you mean 'wind'"):
        read_wish(WORDS, {"kind": "wimd"})
    script = read_script(WORDS, [{"at": 4, "kind": "rain"}, {"at": 0, "hour": 6}])
    assert script.end == 4
    assert script.at(4) == pytest.approx(WORDS.vector({"kind": {"rain": 1}}))
    with pytest.raises(InputError, match="no time"):
        read_script(WORDS, [{"kind": "rain"}])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"to": "a"}, "variation"),
        ({"script": [{"at": 0}], "labels": {"kind": "rain"}}, "leave labels"),
        ({"script": [{"at": 0}, {"kind": "rain"}]}, "line 2: at is missing"),
        ({"script": [{"at": float("nan")}]}, "line 1: at"),
        ({"script": [{"at": True}]}, "line 1: at"),
        ({"seconds": 0}, "greater than 0"),
        ({"strength": 1.1}, "less than or equal to 1"),
    ],
)
def test_pieces_that_contradict_themselves_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        PieceOptions.model_validate(wrong)


def test_conditions_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="only a circle"):
        ConditionOptions(period=3)
    assert ConditionOptions(kind="circle", period=360).length == 360
    with pytest.raises(ValidationError, match=r"conditions\.at"):
        SoundscapeOptions(corpus="a", conditions={"at": ConditionOptions()})
