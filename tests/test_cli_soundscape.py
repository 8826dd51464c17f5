"""`soundmill soundscape`, as a user types it."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from datetime import date

import numpy as np
import pytest
import soundfile
from soundscape.tiny_model import RATE, build, hiss

from soundmill.cli.main import main

Said = namedtuple("Said", "code out err")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder named weather with a trained model, and recordings beside it."""
    folder = tmp_path_factory.mktemp("cli") / "weather"
    build(folder)
    soundfile.write(folder / "Mein Wald.wav", hiss(1.5, 77), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    return folder


@pytest.fixture
def soundscape(folder, monkeypatch, capsys):
    """Run the command in the folder, on its model."""

    def run(*arguments, model="model"):
        command = ["soundmill", "soundscape", model, *arguments]
        monkeypatch.setattr(sys, "argv", list(map(str, command)))
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit) as left:
            main()
        return Said(left.value.code or 0, *capsys.readouterr())

    return run


def test_a_label_makes_a_tagged_file_that_says_what_it_is(folder, tmp_path):
    command = [sys.executable, "-m", "soundmill.cli.main", "soundscape", "model"]
    command += ["--label", "hiss", "--seconds", "2.5", "--seed", "7", "-o", str(tmp_path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "hiss-7-01.flac"
    assert done.stdout.startswith(f"{path}  (hiss: 2.5 s, ")
    assert done.stdout.endswith("real time)\n") and done.stderr == ""
    with soundfile.SoundFile(path) as file:
        assert (file.frames, file.samplerate, file.channels) == (2.5 * RATE, RATE, 1)
        assert file.date == date.today().isoformat()
        facts = json.loads(file.comment)
    assert (facts["model"], facts["seed"], facts["condition"]) == ("weather", 7, "hiss")


def test_each_piece_can_be_made_again_by_the_seed_of_its_tags(soundscape, tmp_path):
    said = soundscape("--seconds", 1, "--count", 3, "--format", "wav", "-o", tmp_path)
    assert said.code == 0 and len(said.out.splitlines()) == 3
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"anything-1-0{n}.wav" for n in (1, 2, 3)]
    sounds = [soundfile.read(path)[0] for path in files]
    assert not np.array_equal(sounds[0], sounds[1])
    assert not np.array_equal(sounds[1], sounds[2])
    with soundfile.SoundFile(files[2]) as file:
        seed = json.loads(file.comment)["seed"]
    soundscape("--seconds", 1, "--seed", seed, "--format", "wav", "-o", tmp_path / "again")
    (again,) = (tmp_path / "again").iterdir()
    assert np.array_equal(soundfile.read(again)[0], sounds[2])


def test_mixes_circles_and_controls_reach_the_piece(soundscape, tmp_path):
    asked = ("--label", "hiss=0.7", "--label", "rumble=0.3", "--condition", "hour=6:30")
    turned = ("--control", "brightness=1", "--control", "global 3=-2")
    said = soundscape(*asked, *turned, "--seconds", 1, "-o", tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.stem == "hiss-0-7-rumble-0-3-hour-6-5-brightness-plus-1-global-3-minus-2-1-01"
    assert "hiss 0.7 + rumble 0.3, hour 6.5: 1 s" in said.out
    with soundfile.SoundFile(path) as file:
        facts = json.loads(file.comment)
    assert facts["controls"] == {"brightness": 1, "global 3": -2}
    soundscape("--condition", "kind=hiss:0.7+rumble:0.3", "--condition", "hour=6.5", *turned,
               "--seconds", 1, "-o", tmp_path / "same")  # fmt: skip
    (same,) = (tmp_path / "same").iterdir()
    assert same.read_bytes() == path.read_bytes()


def colour(samples):
    """Spectral centroid as a share of the band."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float((power * np.linspace(0, 1, len(power))).sum() / power.sum())


@pytest.mark.parametrize("suffix", ["csv", "yaml"])
def test_a_script_moves_from_one_to_the_other(soundscape, tmp_path, suffix):
    script = tmp_path / f"Dawn to night.{suffix}"
    script.write_text({
        "csv": "at;kind;hour\n0;hiss;6:30\n5;rumble;\n0:40;rumble:1;18\n",
        "yaml": "- {at: 0, kind: hiss, hour: 6:30}\n- {at: 5, kind: {rumble: 1}}\n"
                "- {at: 0:40, kind: rumble, hour: 18}\n",
    }[suffix])  # fmt: skip
    said = soundscape("--script", script, "-o", tmp_path)
    assert "hiss, hour 6.5 → rumble → rumble, hour 18: 40 s" in said.out
    sound, _ = soundfile.read(tmp_path / "dawn-to-night-1-01.flac")
    assert len(sound) == 40 * RATE
    assert colour(sound[: 2 * RATE]) > colour(sound[-10 * RATE :]) + 0.2
    shorter = soundscape("--script", script, "--seconds", 3, "-o", tmp_path)
    assert shorter.code == 0 and ": 3 s" in shorter.out


def test_a_script_that_is_cut_is_not_cut_silently(soundscape, tmp_path, caplog):
    script = tmp_path / "x.yaml"
    script.write_text("- {at: 0, kind: hiss}\n- {at: 5, kind: rumble}\n")
    soundscape("--script", script, "--seconds", 1, "-o", tmp_path)
    assert "goes on to 5 s" in caplog.text


def test_a_variation_of_a_file_or_of_a_recording_it_learned(soundscape, tmp_path):
    for name, stem in (("Mein Wald.wav", "mein-wald"), ("hiss1", "hiss1")):
        said = soundscape("--variation-of", name, "--strength", 0.3, "--seconds", 2, "-o", tmp_path)
        assert "strength 0.3" in said.out and said.err == ""
        assert soundfile.info(tmp_path / f"{stem}-varied-1-01.flac").frames == 2 * RATE
    said = soundscape("--variation-of", "Mein Wald.wav", "--to", "rumble1", "--seconds", 6,
                      "-o", tmp_path)  # fmt: skip
    sound, _ = soundfile.read(tmp_path / "mein-wald-to-rumble1-1-01.flac")
    assert colour(sound[:RATE]) > colour(sound[-RATE:]) + 0.2


def test_a_loop_and_an_mp3(soundscape, tmp_path):
    soundscape("--label", "hiss", "--loop", "--seconds", 3, "--format", "mp3", "-o", tmp_path)
    assert soundfile.info(tmp_path / "hiss-loop-1-01.mp3").duration == pytest.approx(3, abs=0.15)


def test_list_tells_what_can_be_asked_for_and_what_controls_mean(folder, soundscape):
    said = soundscape("--list")
    assert "kind: hiss, pulses, rumble" in said.out and "hour: a number from 0 to 24" in said.out
    table = json.loads((folder / "metrics.json").read_text())
    share = 100 * table["meanings"]["brightness"]
    assert f"brightness: the global vector tells {share:.0f} % of its variance" in said.out
    first = table["controls"][0]
    assert f"{first['name']}: loudness {first['loudness']:+.2f}" in said.out


def test_a_model_folder_alone_lists_without_figures(folder, soundscape, tmp_path):
    shutil.copytree(folder / "model", tmp_path / "pond")
    said = soundscape("--list", model=tmp_path / "pond")
    assert said.code == 0 and said.out.startswith("pond: 8,000 Hz, mono")
    assert "missing" in said.out


ERRORS = [
    (["--label", "hisss"], "did you mean 'hiss'?"),
    (["--label", "hiss=much"], "'much' is no weight"),
    (["--label", "hiss", "--label", "hiss"], "asked for twice"),
    (["--label", "hiss=0"], "all weights are 0"),
    (["--condition", "houre=3"], "did you mean 'hour'?"),
    (["--condition", "hour=noon"], "'noon'"),
    (["--condition", "hour"], "COLUMN=VALUE"),
    (["--condition", "kind=hiss:x"], "'x' is no number"),
    (["--label", "hiss", "--condition", "kind=rumble"], "kind is asked for twice"),
    (["--seconds", "0"], "--seconds 0: that is no length"),
    (["--seconds", "nan"], "--seconds nan: that is no length"),
    (["--seconds", "1e13"], "ask for less"),
    (["--script", "none.csv"], "none.csv cannot be read"),
    (["--script", "none.csv", "--label", "hiss"], "leave --label and --condition out"),
    (["--script", "none.csv", "--variation-of", "hiss1"], "--script and --variation-of"),
    (["--to", "hiss1"], "give also --variation-of"),
    (["--strength", "0.4"], "give also --variation-of"),
    (["--variation-of", "hiss1", "--strength", "2"], "it goes from 0 to 1"),
    (["--variation-of", "hiss1", "--to", "hiss2", "--strength", "1"], "has no meaning"),
    (["--variation-of", "hiss9"], "did you mean 'hiss"),
    (["--variation-of", "silent.wav"], "is silent"),
    (["--variation-of", "metrics.json"], "metrics.json"),
    (["--control", "britness=1"], "did you mean 'brightness'?"),
    (["--control", "brightness"], "NAME=NUMBER"),
    (["--control", "loudness=40"], "beyond -4 to 4"),
    (["--format", "ogg"], "'wav', 'flac' or 'mp3'"),
    (["--set", "temprature=1"], "did you mean 'temperature'?"),
]


@pytest.mark.parametrize(("arguments", "said"), ERRORS, ids=[" ".join(e[0]) for e in ERRORS])
def test_an_error_is_one_clear_message_and_leaves_no_file(soundscape, tmp_path, arguments, said):
    done = soundscape(*arguments, "-o", tmp_path / "out")
    assert done.code == 1
    assert done.err.startswith("error: ") and said in done.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "at,kind\n0,hiss\n5,hisss\n", "a.csv, line 3: kind: the model has never heard"),
        ("a.csv", "kind\nhiss\n", "a.csv, line 2 has no time"),
        ("a.yaml", "- {at: later, kind: hiss}\n", "entry 1: at: 'later' is no number"),
        ("a.yaml", "- {at: -1, kind: hiss}\n", "before the beginning"),
        ("a.yaml", "at: 3\n", "a script is a list"),
        ("a.yaml", "[", "is no YAML"),
        ("a.yaml", "[]", "is empty"),
    ],
)
def test_a_wrong_script_names_its_line(soundscape, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    done = soundscape("--script", tmp_path / name, "-o", tmp_path / "out")
    assert done.code == 1 and said in done.err


def test_a_folder_that_is_no_model_or_of_another_version(folder, soundscape, tmp_path):
    assert "is no model folder" in soundscape(model=tmp_path).err
    old = tmp_path / "old"
    shutil.copytree(folder / "model", old)
    config = json.loads((old / "config.json").read_text())
    (old / "config.json").write_text(json.dumps(config | {"format": 0}))
    said = soundscape(model=old)
    assert said.code == 1 and "another version" in said.err and "train the model again" in said.err
    (old / "model.safetensors").write_bytes(b"x" * 40)
    assert "damaged" in soundscape(model=old).err
