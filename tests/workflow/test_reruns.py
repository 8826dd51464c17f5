"""Exactly what changed is built again: changes x rules, on a finished run of the whole line."""

import os

import pytest
from harness import TINY_MUSIC, edited, write_recordings

NOTHING: dict[str, int] = {}
PLAY = {"generate_music", "render_music", "evaluate_music"}
LEARN = {"build_shards", "train_transformer", *PLAY}
BUCKETED = {"normalise_names", "decode_recordings", "transcribe_recordings"}


@pytest.fixture(scope="module")
def finished(copy_checkout):
    """The tiny line, built once; every test leaves it as it found it."""
    workflow = copy_checkout()
    write_recordings(workflow.folder / "songs", 6)
    workflow.configure(OPTIONS)
    workflow.run()
    return workflow


OPTIONS = {
    "corpora": {"songs": {"source": "songs", "buckets": 2}},
    "music": {"tiny": TINY_MUSIC},
}


def rules_of(planned):
    """Return the rules of the line that would run, without targets and pages."""
    return {name for name in planned if name in BUCKETED | LEARN | {"write_manifest"}}


def test_a_second_run_does_nothing(finished):
    assert finished.planned() == NOTHING


@pytest.mark.parametrize(
    "path",
    ["src/soundmill/corpus/decode.py", "src/soundmill/cache.py", "scripts/music/build_shards.py",
     "rules/corpus.smk", "songs/Pièce 0000.wav"],
)  # fmt: skip
def test_a_touch_reruns_nothing(finished, path):
    state = (finished.folder / path).stat()
    os.utime(finished.folder / path)
    assert finished.planned() == NOTHING
    os.utime(finished.folder / path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    "path",
    ["src/soundmill/corpus/decode.py", "src/soundmill/files.py", "scripts/music/build_shards.py"],
)
def test_a_comment_reruns_nothing(finished, path):
    with edited(finished.folder / path, lambda text: text + b"\n# a remark\n"):
        assert finished.planned() == NOTHING


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("src/soundmill/corpus/decode.py",
         {"decode_recordings", "transcribe_recordings", "write_manifest", *LEARN}),
        ("src/soundmill/transcription/decoding.py", {"transcribe_recordings", *LEARN}),
        ("src/soundmill/music/model.py", {"train_transformer", *PLAY}),
        ("src/soundmill/music/sampling.py", PLAY),
        ("src/soundmill/music/generation_options.py", PLAY),
        ("src/soundmill/music/evaluation_options.py", {"evaluate_music"}),
        ("src/soundmill/synthesis/effects.py", {"render_music"}),
    ],
)  # fmt: skip
def test_a_changed_function_reruns_what_can_reach_it(finished, path, rules):
    with edited(finished.folder / path, lambda text: text + b"\n\ndef added():\n    return 1\n"):
        assert rules_of(finished.planned()) == rules


@pytest.mark.parametrize(
    ("section", "option", "rules"),
    [
        ("render", {"preset": "cathedral"}, {"render_music"}),
        ("generation", {"temperature": 0.5}, PLAY),
        ("training", {"max_steps": 5}, {"train_transformer", *PLAY}),
        ("shards", {"minimum_notes": 5}, LEARN),
    ],
)
def test_an_option_reruns_the_rules_that_read_it(finished, section, option, rules):
    model = {**TINY_MUSIC, section: {**TINY_MUSIC.get(section, {}), **option}}
    finished.configure({**OPTIONS, "music": {"tiny": model}})
    planned = finished.planned()
    finished.configure(OPTIONS)
    assert rules_of(planned) == rules


def one_bucket_of_each(planned):
    assert {name: planned[name] for name in BUCKETED} == dict.fromkeys(BUCKETED, 1)
    assert rules_of(planned) == {*BUCKETED, "write_manifest", *LEARN}


def test_one_changed_byte_reruns_one_bucket(finished):
    def flip(data):
        return data[:-1] + bytes([data[-1] ^ 1])

    with edited(finished.folder / "songs/Pièce 0003.wav", flip):
        one_bucket_of_each(finished.planned())


def test_an_added_file_reruns_one_bucket(finished):
    added = finished.folder / "songs/added.wav"
    added.write_bytes((finished.folder / "songs/Pièce 0001.wav").read_bytes())
    one_bucket_of_each(finished.planned())
    added.unlink()


def test_a_removed_file_reruns_one_bucket(finished):
    path = finished.folder / "songs/Pièce 0002.wav"
    away = path.rename(finished.folder / "away.wav")
    one_bucket_of_each(finished.planned())
    away.rename(path)
    assert finished.planned() == NOTHING
