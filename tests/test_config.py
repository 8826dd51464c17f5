"""The configuration: defaults, cross references, and errors a person can act on."""

import pytest

from soundmill.config import load_config
from soundmill.errors import InputError
from soundmill.options import nearest


def minimal(**more):
    return {"corpora": {"songs": {"source": "x"}}, "music": {"m": {"corpus": "songs"}}, **more}


def test_five_lines_are_enough():
    config = load_config(minimal())
    assert config.corpora["songs"].buckets == 16
    assert config.music["m"].transcriber == "basic_pitch"
    assert set(config.transcribers) == {"basic_pitch", "transkun"}
    assert config.transcribers["transkun"].method == "transkun"


def test_a_transcriber_of_ones_own_is_found_by_name():
    raw = minimal(transcribers={"keen": {"onset_threshold": 0.3}})
    raw["music"]["m"]["transcriber"] = "keen"
    assert load_config(raw).transcribers["keen"].onset_threshold == 0.3


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (minimal(musik={}), "musik: unknown option; did you mean 'music'"),
        ({"corpora": {"a": {"source": "x", "decode": {"sample_rat": 1}}}},
         "corpora.a.decode.sample_rat: unknown option; did you mean 'sample_rate'"),
        ({"corpora": {"a": {"source": "x", "decode": {"channels": "mon"}}}},
         "corpora.a.decode.channels: got \"mon\""),
        ({"corpora": {"a": {}}}, "corpora.a.source"),
        ({"corpora": {"music": {"source": "x"}}}, "rename it"),
        ({"music": {"m": {"corpus": "songs"}}}, "music.m.corpus: 'songs' is not in corpora (none"),
        ({"corpora": {"a": {"source": "x", "max_rejected": 2}}}, "corpora.a.max_rejected: got 2"),
    ],
)  # fmt: skip
def test_an_error_names_place_value_and_remedy(raw, said):
    with pytest.raises(InputError) as caught:
        load_config(raw)
    assert said in str(caught.value)


def test_every_wrong_option_is_listed_at_once():
    with pytest.raises(InputError) as caught:
        load_config({"corpora": {"a": {"sorce": "x", "buckets": "many"}}})
    assert len(str(caught.value).splitlines()) == 4


def test_options_do_not_change():
    config = load_config(minimal())
    with pytest.raises(ValueError, match="frozen"):
        config.corpora["songs"].buckets = 3


def test_the_nearest_spelling_is_offered_only_when_near():
    assert "'reverb'" in nearest("revreb", ["reverb", "delay"])
    assert nearest("xyzzy", ["reverb", "delay"]) == ""
