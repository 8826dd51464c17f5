"""`soundmill digits`, as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fusion.toy_fusion import write_inputs, write_toy_model
from typer.testing import CliRunner

from soundmill.cli.fusion import by_modality, digits, find_model
from soundmill.errors import InputError

app = typer.Typer()
app.command()(digits)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the workflow ran, and someone's files."""
    folder = tmp_path_factory.mktemp("digits")
    write_toy_model(folder / "results/fusion/toy/model")
    write_inputs(folder)
    return folder


@pytest.fixture
def run(place, monkeypatch):
    monkeypatch.chdir(place)

    def run(*arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception:
            raise result.exception
        return result.stdout

    return run


def test_the_digit_comes_first_then_a_table_then_why(run):
    said = run("--audio", "7.wav", "--image", "7.png").splitlines()
    assert said[0].startswith("7  (") and said[0].endswith(" %)")
    assert said[2].split() == ["together", "audio", "image"]
    assert said[3].split()[0] == "7" and said[3].count("%") == 3
    assert said[6].split()[0] == "weight" and len(said[6].split()) == 3
    assert "agree" in said[-1] and said[-1].startswith("The ") and said[-1].endswith(".")


def test_a_contradiction_names_whom_it_follows(run):
    said = run("--audio", "0.wav", "--image", "1.png", "--top", 1)
    assert "sure of 0" in said and "sure of 1" in said
    # both answers stand in the table, though only one class was asked for
    assert {line.split()[0] for line in said.splitlines()[3:5]} == {"0", "1"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--image", "7.png"), "the recording was not given"),
        (("--audio", "7.wav"), "the image was not given"),
        (("--audio", "silence.wav", "--image", "7.png"), "nothing was heard in silence.wav"),
        (("--audio", "7.wav", "--image", "empty.png"), "nothing was seen in empty.png"),
    ],
)
def test_either_may_be_missing(run, arguments, why):
    said = run(*arguments)
    assert said.startswith("7  (") and "together" not in said
    assert "alone" in said and f"since {why}" in said


def test_json_holds_all_figures(run):
    found = json.loads(run("--audio", "0.wav", "--image", "7.png", "--json"))
    assert set(found["probabilities"]) == {"0", "1", "7"}
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert set(found["weights"]) == {"audio", "image"} and found["disagree"] is True
    assert found["own"]["audio"]["answer"] == "0" and found["own"]["image"]["answer"] == "7"
    assert found["answer"] in ("0", "7") and "sure of" in found["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --audio, --image or both"),
        (("--audio", "silence.wav"), "nothing was heard in silence.wav"),
        (("--audio", "silence.wav", "--image", "empty.png"), "nothing to decide on"),
        (("--audio", "nowhere.wav"), "--audio nowhere.wav: nowhere.wav does not exist"),
        (("--image", "results"), "is a folder; name a file"),
        (("--image", "7.wav"), "7.wav is no image"),
        (("--audio", "7.png"), "7.png is not audio"),
        (("--audio", "7.wav", "--model", "nowhere"), "nowhere is no folder of a fusion"),
    ],
)
def test_an_error_says_what_is_wrong_with_what(run, arguments, said):
    with pytest.raises(InputError) as error:
        run(*arguments)
    assert said in str(error.value)


def test_one_model_is_found_and_several_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no model at results/fusion/\*/model; run `snakemake"):
        find_model(tmp_path)
    (tmp_path / "results/fusion/digits/model").mkdir(parents=True)
    assert find_model(tmp_path) == tmp_path / "results/fusion/digits/model"
    (tmp_path / "results/fusion/mood/model").mkdir(parents=True)
    with pytest.raises(
        InputError, match="choose with --model one of results/fusion/digits/model, results/fusion/m"
    ):
        find_model(tmp_path)


def test_a_flag_feeds_the_modality_of_its_name_or_the_only_one_of_its_kind():
    path = Path("a")
    given = {"audio": path, "image": None}
    assert by_modality({"voice": "sound", "page": "image"}, given) == {"voice": path, "page": None}
    kinds = {"audio": "sound", "street": "sound", "page": "image"}
    assert by_modality(kinds, given)["audio"] == path
    with pytest.raises(InputError, match=r"--audio: this model has no use .* page \(image\)"):
        by_modality({"page": "image", "lyrics": "text"}, given)
    with pytest.raises(InputError, match="--image"):
        by_modality({"front": "image", "back": "image"}, {"image": path})


def test_the_command_is_registered_and_starts_fast(place):
    # the figures of a thread differ from those of two in the last digit
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "soundmill.cli.main", "digits", *arguments],
            cwd=place, capture_output=True, text=True, env=environment,
        )  # fmt: skip

    done = call("--audio", "nowhere.wav")
    assert done.returncode == 1 and "error: --audio nowhere.wav" in done.stderr
    assert "Traceback" not in done.stderr and " torch\n" not in done.stderr
    assert call("--image", "7.png").stdout.startswith("7  (")
