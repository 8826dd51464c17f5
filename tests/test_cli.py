"""The command line, as a user types it."""

import subprocess
import sys

import pytest
import soundfile
import torch
from harness import melody
from heard_task import CLASSES, build, sound

from soundmill.cache import Cache
from soundmill.music.model import MusicTransformer, save_model
from soundmill.music.network_options import NetworkOptions
from soundmill.notes import make_notes, read_midi, read_notes_csv, to_sequence, write_midi
from soundmill.records import write_records
from soundmill.status import read_table


def soundmill(folder, *arguments):
    command = [sys.executable, "-m", "soundmill.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def ok(folder, *arguments):
    done = soundmill(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    soundfile.write(folder / "Mélodie 1.wav", *melody(4.0, 1))
    notes = make_notes([0, 0.5, 1], [0.5, 1, 2], [60, 64, 67], [80, 80, 80])
    write_midi(folder / "chord.mid", notes)
    write_records(folder / "notes.tfrecord", [to_sequence(notes, "a").SerializeToString()])
    torch.manual_seed(1)
    options = NetworkOptions(width=16, layers=1, heads=2, context=32)
    save_model(folder / "model", options, MusicTransformer(options).state_dict())
    return folder


def test_transcribe_writes_midi_and_csv(folder):
    said = ok(folder, "transcribe", "Mélodie 1.wav", "-o", "out", "--set", "lowest_pitch=40")
    notes = read_midi(folder / "out/Mélodie 1.mid")
    assert len(notes) >= 5 and f"{len(notes)} notes" in said
    assert len(read_notes_csv(folder / "out/Mélodie 1.csv")) == len(notes)


@pytest.mark.parametrize("primer", ["chord.mid", "Mélodie 1.wav"])
def test_generate_continues_a_midi_file_or_a_recording(folder, primer):
    ok(folder, "generate", "model", "--primer", primer, "--primer-seconds", 2, "--seconds", 2,
       "--variations", 2, "-o", primer.split(".")[1])  # fmt: skip
    made = sorted((folder / primer.split(".")[1]).glob("*.mid"))
    assert len(made) == 2
    assert made[0].read_bytes() != made[1].read_bytes()


def test_the_same_seed_plays_the_same(folder):
    for name in ("first", "second"):
        ok(folder, "generate", "model", "--seconds", 2, "--seed", 5, "-o", name)
    (first,), (second,) = ((folder / name).glob("*.mid") for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_render_writes_the_format_asked_for(folder):
    ok(folder, "render", "chord.mid", "--instrument", "harp", "--format", "mp3", "-o", "sound")
    assert soundfile.info(folder / "sound/chord.mp3").duration > 2


def test_inspect_knows_what_the_pipeline_writes(folder):
    assert "a: 3 notes, 2.0 s" in ok(folder, "inspect", "notes.tfrecord")
    assert "parameters" in ok(folder, "inspect", "model")
    Cache(folder / "cache", "decode", {}, "").fetch("0", folder / "x", lambda path: {})
    assert "decode: 1 entries" in ok(folder, "inspect", "cache")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("render", "chord.mid", "--preset", "medow"), "meadow"),
        (("render", "chord.mid", "--set", "loudnes=-20"), "did you mean 'loudness'"),
        (("render", "nowhere.mid"), "nowhere.mid"),
        (("transcribe", "chord.mid"), "chord.mid"),
        (("generate", "nowhere"), "nowhere"),
        (("inspect", "chord.mid"), "is no shard"),
        (("transcribe", "x.wav", "--set", "onset"), "OPTION=VALUE"),
    ],
)
def test_an_error_is_one_clear_message(folder, arguments, said):
    done = soundmill(folder, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Trained classifiers, and recordings they have not heard."""
    folder = tmp_path_factory.mktemp("heard")
    build(folder, classical=("forest",))
    for number, kind in enumerate(CLASSES):
        soundfile.write(folder / f"{kind}.flac", sound(kind, 500 + number), 16_000)
    (folder / "words.mp3").write_text("no music at all\n" * 90)
    return folder


@pytest.mark.parametrize("model", ["learners/forest/model", "learners/net/folds/all/model"])
def test_classify_names_the_likeliest_class_of_each_file(heard, model):
    said = ok(heard, "classify", model, *(f"{kind}.flac" for kind in CLASSES), "--top", 1)
    lines = said.splitlines()
    assert [line.split()[:2] for line in lines] == [[f"{kind}.flac", kind] for kind in CLASSES]
    assert all(line.endswith(" %") and line.count("%") == 1 for line in lines)


def test_a_bad_recording_does_not_lose_the_others(heard):
    files = ("bass.flac", "words.mp3", "nowhere.wav", "noise.flac")
    model = "learners/forest/model"
    done = soundmill(heard, "classify", model, *files, "--table", "out/table.csv")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["bass.flac", "noise.flac"]
    assert "words.mp3" in done.stderr and "nowhere.wav" in done.stderr
    assert "2 of 4 recordings could not be decided on" in done.stderr
    rows = read_table(heard / "out/table.csv")
    assert [row["file"] for row in rows] == ["bass.flac", "noise.flac"]
    for row in rows:
        assert sum(float(row[name]) for name in CLASSES) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("folder", "said"), [("learners/forest", "holds no model"),
                                             ("songs", "folds/all/model")])  # fmt: skip
def test_classify_says_which_folder_is_wanted(heard, folder, said):
    done = soundmill(heard, "classify", folder, "bass.flac")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and said in done.stderr


def test_a_damaged_shard_is_found(folder):
    data = bytearray((folder / "notes.tfrecord").read_bytes())
    data[20] ^= 1
    (folder / "damaged.tfrecord").write_bytes(bytes(data))
    done = soundmill(folder, "inspect", "damaged.tfrecord")
    assert done.returncode == 1 and "damaged.tfrecord" in done.stderr
