"""A little classification through the real DAG: what comes out, and what a change reruns."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import soundfile
from harness import Workflow, edited, job_counts
from heard_task import ARTISTS, CLASSES, RATE, sound
from paths import ROOT

from soundmill.files import read_json
from soundmill.status import read_table

LEARNERS = ("majority", "knn_mfcc", "forest", "net", "both")
OPTIONS = {
    "corpora": {
        "train": {"source": "train", "labels": {"csv": "labels.csv"}, "buckets": 2,
                  "decode": {"sample_rate": RATE}},
        "test": {"source": "test", "buckets": 1, "decode": {"sample_rate": RATE}},
    },
    "descriptors": {"small": {"sample_rate": RATE, "families": ["mfcc"]}},
    "spectra": {"small": {"sample_rate": RATE, "bands": 24}},
    "augmentations": {"hiss": {"kind": "noise"}},
    "classification": {"who": {
        "corpus": "train", "target": "instrument", "group": "artist",
        "split": {"compare_random": True},
        "descriptors": "small", "spectra": "small",
        "learners": {
            "forest": {"kind": "random_forest", "trees": 10},
            "net": {"kind": "cnn1d", "width": 8, "depth": 2, "epochs": 2, "seeds": 1,
                    "chunk_seconds": 1, "batch": 8},
        },
        "ensembles": {"both": {"members": ["forest", "net"]}},
        "evaluation": {"resamples": 200},
        "studies": {
            "importance": {"learners": ["forest"], "repeats": 1, "candidates": 5, "shown": 5,
                           "resamples": 20, "shap_rows": 4},
            "occlusion": {"learner": "net", "recordings": 2},
            "robustness": {"learners": ["forest", "net"], "recordings": 3, "noise": [0.0],
                           "pitch": [], "tempo": [], "mp3": [16]},
        },
        "prediction": {"corpus": "test", "learner": "both",
                       "submission": {"columns": {"title": "{title}", "answer": "{number}"}}},
    }},
}  # fmt: skip
TASK = "results/classification/who"
NOTHING: dict[str, int] = {}


def write_corpora(folder):
    """``train``, two recordings of each class by each artist, with labels.csv; ``test`` without."""
    for name in ("train", "test"):
        (folder / name).mkdir()
    lines = ["file,artist,instrument"]
    for artist in ARTISTS:
        for kind in CLASSES:
            for take in range(2):
                name = f"{artist} {kind} {take}.wav"
                soundfile.write(folder / "train" / name, sound(kind, len(lines)), RATE)
                lines.append(f"{name},{artist},{kind}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    for number in range(3):
        path = folder / f"test/what {number}.wav"
        soundfile.write(path, sound(CLASSES[number], 1000 + number), RATE)
    (folder / "test/broken.wav").write_bytes(b"RIFF")  # is answered for all the same


@pytest.fixture(scope="module")
def finished(copy_checkout):
    """The target ``classification``, built once; every test leaves it as it found it."""
    workflow = copy_checkout()
    write_corpora(workflow.folder)
    workflow.configure(OPTIONS)
    workflow.run("classification")
    return workflow


@pytest.fixture
def another(finished, tmp_path):
    """A copy of the finished run that a test may change."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Workflow(tmp_path)


def planned(workflow):
    """Return how many jobs of each rule would run."""
    jobs = dict(workflow.planned("classification"))
    if jobs:
        assert jobs.pop("classification") == 1
    return jobs


# what came out


def test_every_file_that_the_manual_promises_is_there(finished):
    text = (ROOT / "docs/classification.md").read_text()
    table = text[text.index("| file in") : text.index("## How it is kept honest")]
    promised = {
        name
        for row in table.splitlines()[2:]
        for name in re.findall(r"`([^`]+)`", row.split("|")[1] if "|" in row else "")
    }
    assert len(promised) > 10
    # studies that this task does not ask for
    missing = {name for name in promised if not list(finished.folder.glob(f"{TASK}/{here(name)}"))}
    assert missing == {"transfer.json", "ablation.json"}


def here(name):
    return re.sub(r"<\w+>", "*", name).rstrip("/")


def test_a_submission_has_one_row_a_recording(finished):
    rows = read_table(finished.folder / TASK / "submission.csv")
    assert [row["title"] for row in rows] == ["broken", "what 0", "what 1", "what 2"]
    assert {row["answer"] for row in rows} <= {"0", "1", "2"}
    answers = read_table(finished.folder / TASK / "predictions.csv")
    answered = {row["title"]: row["answered"] for row in answers}
    assert answered == {"broken": "prior", **{f"what {n}": "predicted" for n in range(3)}}


def test_the_page_names_every_learner_and_has_all_its_files(finished):
    folder = finished.folder / TASK / "report"
    page = (folder / "index.html").read_text()
    for name in LEARNERS:
        assert f'<th scope="row">{name}</th>' in page
    files = set(re.findall(r'<(?:img|audio)[^>]* src="([^"]+)"', page))
    assert files == {path.name for path in folder.iterdir() if path.suffix != ".html"} - {
        ".snakemake_timestamp"
    }
    for anchor in re.findall(r'href="#(\w+)"', page):
        assert f'id="{anchor}"' in page


def test_no_figure_in_a_json_file_is_not_a_number(finished):
    paths = list((finished.folder / TASK).rglob("*.json"))
    assert len(paths) > 8

    def refuse(word):
        raise AssertionError(word)

    for path in paths:
        json.loads(path.read_text(), parse_constant=refuse)


def test_the_evaluation_believes_only_what_was_held_out(finished):
    data = read_json(finished.folder / TASK / "evaluation.json")
    assert set(data["learners"]) == set(LEARNERS)
    assert data["learners"]["forest"]["recording"]["accuracy"]["value"] == 1  # tones are easy
    assert set(data["leaky"]["learners"]) == {"majority", "knn_mfcc", "forest"}  # net: not asked
    examples = {r["id"]: r for r in read_table(finished.folder / TASK / "task/examples.csv")}
    folds = read_table(finished.folder / TASK / "task/folds.csv")
    parts = {part: {examples[r["id"]]["group"] for r in folds if r["0"] == part}
             for part in ("train", "valid", "test")}  # fmt: skip
    assert parts["test"] and parts["train"]
    assert not parts["test"] & (parts["train"] | parts["valid"])
    assert not any("lack the prediction of a member" in note for note in data["notes"])


def test_the_exported_network_and_forest_decide_alike(finished):
    learners = finished.folder / TASK / "learners"
    report = read_json(learners / "net/export.json")
    assert report["difference"] < 1e-4 and report["chunks"] >= 24
    assert read_json(learners / "forest/model/config.json")["export"]["agrees"] is True


def test_robustness_and_occlusion_are_of_held_out_recordings(finished):
    rows = read_json(finished.folder / TASK / "robustness.json")["rows"]
    assert [(row["learner"], row["kind"], row["value"]) for row in rows] == [
        (name, kind, value)
        for name in ("forest", "net")
        for kind, value in ((None, 0), ("noise", 0), ("mp3", 16))
    ]
    folds = read_table(finished.folder / TASK / "task/folds.csv")
    tested = {row["id"] for row in folds if row["0"] == "test"}
    shown = np.load(finished.folder / TASK / "occlusion.npz")["ids"]
    assert len(shown) and set(shown) <= tested


# what a change reruns: exact sets of rules

JUDGE = {"evaluate_task", "write_model_card", "report_task"}
ANSWER = {"predict_recordings", "answer_corpus"}
CLASSICAL = {"train_classical", "explain_classical", "measure_robustness", *JUDGE, *ANSWER}
NETWORK = {"train_network", "export_network", "explain_network", "measure_robustness",
           *JUDGE, *ANSWER}  # fmt: skip
LEARN = CLASSICAL | NETWORK
TASKED = {"prepare_task", *LEARN}
BUCKETED = ("normalise_names", "decode_recordings", "describe_recordings", "compute_spectra")
CORPUS = {*BUCKETED, "write_manifest", "accept_corpus", *TASKED}


def test_a_second_run_a_touch_and_a_comment_rerun_nothing(finished):
    path = finished.folder / "src/soundmill/classification/forest.py"
    sounds = finished.folder / "train/ann bass 0.wav"
    state = sounds.stat()
    with edited(path, lambda text: text + b"\n# a remark\n"):
        os.utime(sounds)
        assert planned(finished) == NOTHING
    os.utime(sounds, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("classification/metrics", CLASSICAL),  # searches and ensembles measure too
        ("classification/forest", CLASSICAL),
        ("classification/networks", NETWORK),
        ("classification/spectral_augmentation", NETWORK),
        ("classification/splitting", TASKED),
        ("features/chroma", {"describe_recordings", *CLASSICAL}),
        ("features/spectra", {"compute_spectra", *NETWORK}),
        ("report/task_figures", {"report_task"}),
    ],
)
def test_a_changed_function_reruns_what_can_reach_it(finished, module, rules):
    path = finished.folder / f"src/soundmill/{module}.py"
    with edited(path, lambda text: text + b"\n\ndef added():\n    return 1\n"):
        assert set(planned(finished)) == rules


@pytest.mark.parametrize(
    ("place", "option", "rules"),
    [
        ("classification.who.learners.forest", {"trees": 11}, CLASSICAL),
        ("classification.who.learners.net", {"augmentations": ["hiss"]},
         {"augment_spectra", *NETWORK}),
        ("classification.who.evaluation", {"resamples": 201}, JUDGE | ANSWER),
        ("descriptors.small", {"overlap": 0.25}, {"describe_recordings", *CLASSICAL}),
    ],
)  # fmt: skip
def test_an_option_reruns_the_rules_that_read_it(finished, place, option, rules):
    options = copy.deepcopy(OPTIONS)
    section = options
    for name in place.split("."):
        section = section[name]
    section.update(option)
    finished.configure(options)
    try:
        jobs = planned(finished)
    finally:
        finished.configure(OPTIONS)
    assert set(jobs) == rules
    if "trees" in option:
        assert jobs["train_classical"] == 1  # the other learners stay


def one_bucket(jobs):
    assert {name: jobs[name] for name in BUCKETED} == dict.fromkeys(BUCKETED, 1)
    assert set(jobs) == CORPUS


def test_one_changed_byte_reruns_one_bucket_and_what_follows(finished):
    def flip(data):
        return data[:-1] + bytes([data[-1] ^ 1])

    with edited(finished.folder / "train/bob flute 1.wav", flip):
        one_bucket(planned(finished))


def test_a_removed_file_reruns_one_bucket_and_what_follows(finished):
    path = finished.folder / "train/cem bass 0.wav"
    away = path.rename(finished.folder / "away.wav")
    try:
        one_bucket(planned(finished))
    finally:
        away.rename(path)


def test_a_changed_label_computes_no_feature_again(finished):
    def relabel(text):
        return text.replace(b"ann bass 0.wav,ann,bass", b"ann bass 0.wav,ann,flute")

    with edited(finished.folder / "labels.csv", relabel):
        assert set(planned(finished)) == {"write_manifest", "accept_corpus", *TASKED}


def test_an_added_file_reruns_one_bucket_and_describes_one_file(another):
    soundfile.write(another.folder / "train/dan bass 9.wav", sound("bass", 99), RATE)
    done = another.run("features")
    jobs = job_counts(done.stdout + done.stderr)
    assert jobs.pop("features") == 1
    assert jobs == dict.fromkeys(BUCKETED, 1)
    for rule, words in (
        ("describe_recordings/small", "descriptors: 1 recordings computed, "),
        ("compute_spectra/small", "1 recordings computed, "),
    ):
        logs = (another.folder / f"logs/train/{rule}").glob("*.log")
        assert words in max(logs, key=lambda path: path.stat().st_mtime).read_text()


@pytest.mark.slow
def test_a_killed_training_of_a_network_goes_on(another):
    target = f"{TASK}/learners/net/folds/all"
    log = another.folder / "logs/classification/who/train_network/net/all.log"
    options = copy.deepcopy(OPTIONS)
    options["classification"]["who"]["learners"]["net"]["epochs"] = 150
    another.configure(options)
    another.run(f"{target}/training.json")
    model = another.folder / target / "model"
    undisturbed = {path.name: path.read_bytes() for path in model.iterdir()}

    shutil.rmtree(another.folder / target)
    log.unlink()
    state = another.folder / "results/.state/classification/who/net/all"
    assert not state.exists()
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", f"{target}/training.json", "--cores", "2",
         "--configfile", "options.yaml"],
        cwd=another.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(state.glob("*.ckpt")):
        assert process.poll() is None
        time.sleep(0.02)
    running = psutil.Process(process.pid)
    for victim in [running, *running.children(recursive=True)]:
        victim.kill()
    process.wait()
    assert not model.exists()

    another.run("--unlock")
    another.run(f"{target}/training.json")
    assert "resuming after epoch" in log.read_text()
    assert {path.name: path.read_bytes() for path in model.iterdir()} == undisturbed
    assert not state.exists()
