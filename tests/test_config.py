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


def fusing(**changes):
    """A fusion of a sound and an image; changes by section."""
    raw = {
        "corpora": {"spoken": {"source": "x"}},
        "images": {"written": {"source": "demo:digits"}},
        "augmentations": {"hiss": {"kind": "noise"}},
        "classification": {
            "said": {
                "corpus": "spoken", "target": "digit", "split": {"method": "folds", "folds": 2},
                "learners": {"net": {"kind": "cnn1d"}},
            }
        },
        "fusion": {
            "both": {
                "modalities": {
                    "audio": {"kind": "sound", "task": "said", "learner": "net",
                              "damages": ["hiss"]},
                    "image": {"kind": "image", "images": "written", "target": "digit"},
                },
            }
        },
    }  # fmt: skip
    for place, option in changes.items():
        section = raw
        for name in place.split("__"):
            section = section.setdefault(name, {})
        section.update(option)
    return raw


def test_a_fusion_knows_all_ways_to_decide_and_uses_the_gate():
    task = load_config(fusing()).fusion["both"]
    assert len(task.fusions) == 9 and task.use == "gate" and task.practical_cnn is None
    assert all(fusion.kind == name for name, fusion in task.fusions.items())


def test_a_fusion_named_like_a_kind_needs_no_kind_and_others_do():
    raw = fusing(fusion__both={"fusions": {"gate": None, "wide": {"kind": "gate", "width": 128}}})
    fusions = load_config(raw).fusion["both"].fusions
    assert fusions["gate"].kind == fusions["wide"].kind == "gate" and fusions["wide"].width == 128
    with pytest.raises(InputError, match=r"fusion\.both\.fusions\.wide\.kind"):
        load_config(fusing(fusion__both={"fusions": {"gate": None, "wide": {}}}))


AUDIO, IMAGE = "fusion__both__modalities__audio", "fusion__both__modalities__image"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({AUDIO: {"learner": "nett"}}, "audio.learner: 'nett' is not in the networks of said (net)"
         "; did you mean 'net'"),
        ({AUDIO: {"task": "sad"}}, "audio.task: 'sad' is not in classification (said); did you m"),
        ({AUDIO: {"damages": ["his"]}}, "audio.damages: 'his' is not in augmentations (hiss); did "
         "you mean 'hiss'"),
        ({IMAGE: {"images": "writen"}}, "image.images: 'writen' is not in images (written); did "
         "you mean 'written'"),
        ({IMAGE: {"kind": "picture"}}, "fusion.both.modalities.image"),
        ({IMAGE: {"damages": {"both": {"energy": 0.5, "noise": 1}}}}, "give energy or noise"),
        ({AUDIO: {"damages": ["hiss"], "learner": "major"},
          "classification__said__learners": {"major": {"kind": "majority"}}},
         "audio.learner: 'major' is not in the networks of said (net)"),
        ({"classification__said__split": {"valid": 0}},
         "set classification.said.split.valid above 0"),
        ({"classification__said": {"split": {"method": "leave_one_group_out"}, "group": "who"}},
         "say how many folds leave_one_group_out makes"),
        ({"fusion__both": {"use": "gates"}}, "use: there is no fusion 'gates', only mean, product"),
        ({"fusion__both": {"use": "concatenation"}}, "use: 'concatenation' is of kind"),
        ({"fusion__both": {"cases": {"damaged": 0.8, "missing": 0.3}}},
         "damaged and missing together exceed 1"),
        ({"images": {"spoken": {"source": "x"}}}, "images.spoken: a corpus of recordings has this"),
        ({"images": {"fusion": {"source": "x"}}}, "images.fusion: results/fusion is taken"),
        ({"images__written": {"source": "demo:digit"}}, "there is only 'demo:digits'"),
        ({"images__written": {"prepare": "digits"}}, "images.written.prepare: got \"digits\""),
    ],
)  # fmt: skip
def test_what_a_fusion_cannot_be_is_said_with_its_place(changes, said):
    with pytest.raises(InputError) as caught:
        load_config(fusing(**changes))
    assert said in str(caught.value)


def test_a_fusion_starts_with_a_sound_and_has_two_modalities():
    raw = fusing()
    modalities = raw["fusion"]["both"]["modalities"]
    raw["fusion"]["both"]["modalities"] = {"image": modalities["image"], **modalities}
    with pytest.raises(InputError, match="the first must be of kind sound"):
        load_config(raw)
    raw["fusion"]["both"]["modalities"] = {"audio": modalities["audio"]}
    with pytest.raises(InputError, match=r"fusion\.both\.modalities"):
        load_config(raw)


def test_early_fusion_is_for_two_modalities():
    raw = fusing()
    both = raw["fusion"]["both"]
    both["modalities"]["street"] = both["modalities"]["audio"]
    assert len(load_config(raw).fusion["both"].fusions) == 8  # all others
    both["fusions"] = {"gate": {}, "early": {}}
    with pytest.raises(InputError, match=r"fusions\.early: early fusion is for two modalities"):
        load_config(raw)
