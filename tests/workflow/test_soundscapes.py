"""The line of soundscapes as a workflow: what comes out, and exactly what changes build again."""

import copy
import json
import shutil

import numpy as np
import pytest
import soundfile
from harness import Workflow, edited

from soundmill.status import read_table

MODEL = "results/soundscapes/tiny"
RATE = 8000
AFTER = {"generate_soundscapes", "make_clips", "measure_long_piece", "evaluate_soundscape",
         "report_soundscape"}  # fmt: skip
JUDGED = {"make_clips", "evaluate_soundscape", "report_soundscape"}
LEARN = {"train_autoencoder", "train_prior", *AFTER}
BUCKETED = {"normalise_names", "decode_recordings"}
CORPUS = {*BUCKETED, "write_manifest", "accept_corpus", "hold_out_recordings", *LEARN}
OPTIONS = {
    "corpora": {
        "field": {
            "source": "field", "labels": {"pattern": "{kind}_{take}"}, "buckets": 2,
            "decode": {"sample_rate": RATE},
        }
    },
    "soundscapes": {
        "tiny": {
            "corpus": "field",
            "conditions": {"kind": {}},
            "autoencoder": {"n_fft": 256, "width": 16, "blocks": 1, "latents": 6,
                            "global_latents": 3, "crop_seconds": 1, "batch": 4, "steps": 6,
                            "epoch_steps": 3},
            "prior": {"width": 16, "mixtures": 8, "steps": 6, "epoch_steps": 3, "batch": 4,
                      "sequence_seconds": 1},
            "generation": {
                "format": "wav",
                "pieces": {
                    "low": {"labels": {"kind": "low"}, "seconds": 3},
                    "both": {"labels": {"kind": {"low": 1, "high": 3}}, "seconds": 2, "loop": True},
                    "again": {"variation": "high-0", "seconds": 2},
                },
            },
            "evaluation": {"clip_seconds": 1, "real_clips": 8, "samples": 8, "reconstructions": 3,
                           "long_seconds": 12, "loop_seconds": 3, "resamples": 50},
        }
    },
}  # fmt: skip


def write_sounds(folder):
    """Write hiss at two brightnesses, five recordings of each."""
    folder.mkdir()
    for kind, number in ((kind, number) for kind in ("low", "high") for number in range(5)):
        noise = np.random.default_rng([number, kind == "low"]).standard_normal(4 * RATE)
        smooth = np.convolve(noise, np.ones(8) / 8, "same")
        sound = smooth if kind == "low" else noise - smooth
        soundfile.write(folder / f"{kind}_{number}.wav", 0.1 * sound, RATE)


@pytest.fixture(scope="module")
def finished(copy_checkout):
    """The target ``soundscapes``, built once; every test leaves it as it found it."""
    workflow = copy_checkout()
    write_sounds(workflow.folder / "field")
    workflow.configure(OPTIONS)
    workflow.run("soundscapes")
    return workflow


def planned(workflow):
    """Return the rules that would run."""
    jobs = dict(workflow.planned("soundscapes"))
    if jobs:
        assert jobs.pop("soundscapes") == 1
    return jobs


def test_pieces_are_as_long_and_as_bright_as_asked(finished):
    folder = finished.folder / MODEL / "generated"
    rows = {row["name"]: row for row in read_table(folder / "pieces.csv")}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "low": "new", "both": "loop", "again": "variation",
    }  # fmt: skip
    brightness = {}
    for name, row in rows.items():
        samples, rate = soundfile.read(folder / row["file"])
        assert rate == RATE and len(samples) == round(float(row["seconds"]) * RATE)
        power = np.abs(np.fft.rfft(samples)) ** 2
        brightness[name] = (power * np.arange(len(power))).sum() / power.sum() / len(power)
    assert brightness["low"] < brightness["both"] < brightness["again"]


def test_the_evaluation_and_the_page_are_whole(finished):
    data = json.loads((finished.folder / MODEL / "evaluation.json").read_text())
    assert data["held_out"] == "recordings" and data["recordings"]["test"] == 2
    assert data["fidelity"]["real"]["value"] == 1
    for kind in ("reconstruction", "phase", "noise"):
        assert data["reconstruction"]["log_spectral_distance"][kind]["value"] > 0
    assert data["long"]["loop"]["loop_seam"] is not None
    page = (finished.folder / MODEL / "report/index.html").read_text()
    assert "low" in page and "<audio" in page
    assert not list(finished.folder.glob("results/.state/soundscapes/tiny/*/*"))


def test_a_second_run_does_nothing(finished):
    assert planned(finished) == {}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("soundscape/recordings", {"hold_out_recordings", *LEARN}),
        ("soundscape/components", {"train_autoencoder", *LEARN}),
        ("soundscape/prior_training", {"train_prior", *AFTER}),
        ("soundscape/prior", {"train_prior", *AFTER}),
        ("soundscape/synthesis", AFTER),
        ("soundscape/granular", JUDGED),
        ("soundscape/loops", {"generate_soundscapes", "measure_long_piece", "evaluate_soundscape",
                              "report_soundscape"}),
        ("soundscape/distances", {"evaluate_soundscape", "report_soundscape"}),
        ("report/soundscape_figures", {"report_soundscape"}),
    ],
)  # fmt: skip
def test_a_changed_function_reruns_what_can_reach_it(finished, module, rules):
    path = finished.folder / f"src/soundmill/{module}.py"
    with edited(path, lambda text: text + b"\n\ndef added():\n    return 1\n"):
        assert set(planned(finished)) == rules


@pytest.mark.parametrize(
    ("section", "option", "rules"),
    [
        ("autoencoder", {"steps": 7}, LEARN),
        ("prior", {"steps": 7}, {"train_prior", *AFTER}),
        ("granular", {"nearest": 3}, JUDGED),
        ("generation", {"loudness": -20}, {"generate_soundscapes", "report_soundscape"}),
        ("evaluation", {"samples": 9}, AFTER - {"generate_soundscapes"}),
        ("held_out", {"test": 0.4}, {"hold_out_recordings", *LEARN}),
    ],
)
def test_an_option_reruns_the_rules_that_read_it(finished, section, option, rules):
    options = copy.deepcopy(OPTIONS)
    options["soundscapes"]["tiny"].setdefault(section, {}).update(option)
    finished.configure(options)
    try:
        assert set(planned(finished)) == rules
    finally:
        finished.configure(OPTIONS)


def test_a_comment_reruns_nothing(finished):
    path = finished.folder / "src/soundmill/soundscape/autoencoder.py"
    with edited(path, lambda text: text + b"\n# a remark\n"):
        assert planned(finished) == {}


def test_one_changed_byte_reruns_one_bucket_and_what_follows(finished):
    def flip(data):
        return data[:-1] + bytes([data[-1] ^ 1])

    with edited(finished.folder / "field/low_1.wav", flip):
        jobs = planned(finished)
    assert set(jobs) == CORPUS
    assert {name: jobs[name] for name in BUCKETED} == dict.fromkeys(BUCKETED, 1)


def test_what_cannot_be_learned_is_said(finished, tmp_path):
    another = Workflow(tmp_path / "another")
    shutil.copytree(finished.folder, another.folder, symlinks=True)
    options = copy.deepcopy(OPTIONS)
    options["soundscapes"]["tiny"]["conditions"] = {"kinds": {}}
    another.configure(options)
    done = another.run("soundscapes", check=False)
    assert done.returncode
    assert "no label 'kinds'; did you mean 'kind'?" in done.stdout + done.stderr
