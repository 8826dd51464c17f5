"""A little fusion through the real DAG: what comes out, what a change reruns, what cannot be."""

import copy
import json
import os
import re
import shutil
from contextlib import ExitStack

import numpy as np
import pytest
import soundfile
from harness import Workflow, edited
from heard_task import RATE, sound
from PIL import Image, ImageDraw

from soundmill.files import read_json
from soundmill.fusion.model import load_fusion
from soundmill.status import read_table

KINDS = {"0": "bass", "1": "flute", "2": "noise"}
SPEAKERS = ("ann", "bob", "cem", "dan", "eve", "fay")
FUSIONS = ("product", "gate", "concatenation")
OPTIONS = {
    "corpora": {"spoken": {
        "source": "spoken", "labels": {"pattern": "{digit}_{speaker}_{take}"}, "buckets": 1,
        "decode": {"sample_rate": 8000},
    }},
    "images": {"written": {"source": "written", "labels": {"folders": ["digit"]}, "size": 16}},
    "spectra": {"voice": {"sample_rate": 8000, "n_fft": 256, "hop": 80, "bands": 24}},
    "augmentations": {"hiss": {"kind": "noise", "low": 0, "high": 0}},
    "classification": {"said": {
        "corpus": "spoken", "target": "digit", "group": "speaker", "spectra": "voice",
        "split": {"method": "folds", "folds": 2, "valid": 0.34},
        "learners": {"net": {"kind": "cnn1d", "width": 8, "depth": 2, "epochs": 8, "seeds": 1,
                             "chunk_seconds": 0.4, "batch": 4, "learning_rate": 0.01}},
    }},
    "fusion": {"both": {
        "modalities": {
            "audio": {"kind": "sound", "task": "said", "learner": "net", "damages": ["hiss"]},
            "image": {"kind": "image", "images": "written", "target": "digit",
                      "encoder": {"width": 4, "embedding": 8, "epochs": 4, "batch": 8,
                                  "learning_rate": 0.02},
                      "damages": {"half": {"energy": 0.5}, "noise": {"noise": 1}}},
        },
        "fusions": {name: {"epochs": 2, "width": 8} for name in FUSIONS},
        "seeds": 1, "pairs": {"learning": 2, "test": 2},
        "practical_cnn": {"epochs": 2, "seconds": 0.4},
        "evaluation": {"resamples": 50, "examples": 2, "asked": {"both clean": 0.5}},
    }},
}  # fmt: skip
TASK = "results/fusion/both"


def draw(digit, seed):
    """A ring, a stroke or a cross in dark ink on white paper; of each seed another."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (40, 40), 255)
    pen = ImageDraw.Draw(image)
    left, top = random.uniform(6, 12, 2)
    right, bottom = random.uniform(28, 34, 2)
    width = int(random.integers(3, 6))
    if digit == "0":
        pen.ellipse((left, top, right, bottom), outline=0, width=width)
    elif digit == "1":
        pen.line((20, top, 20 + random.uniform(-2, 2), bottom), fill=0, width=width)
    else:
        pen.line((left, top, right, bottom), fill=0, width=width)
        pen.line((right, top, left, bottom), fill=0, width=width)
    return image


def write_corpora(folder):
    """``spoken``: two takes of each class by each speaker; ``written``: 30 images a class, an
    empty one and a broken one."""
    (folder / "spoken").mkdir()
    for number, speaker in enumerate(SPEAKERS):
        for digit, kind in KINDS.items():
            for take in range(2):
                samples = sound(kind, 100 * number + 10 * int(digit) + take, 0.4)
                soundfile.write(folder / f"spoken/{digit}_{speaker}_{take}.wav", samples, RATE)
    for digit in KINDS:
        (folder / "written" / digit).mkdir(parents=True)
        for number in range(30):
            draw(digit, 100 * int(digit) + number).save(
                folder / f"written/{digit}/{number:02d}.png"
            )
    Image.new("L", (40, 40), 255).save(folder / "written/0/blank.png")
    (folder / "written/1/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")


@pytest.fixture(scope="module")
def finished(copy_checkout):
    """The target ``fusion``, built once; every test leaves it as it found it."""
    workflow = copy_checkout()
    write_corpora(workflow.folder)
    workflow.configure(OPTIONS)
    workflow.run("fusion")
    return workflow


def planned(workflow):
    """Return how many jobs of each rule would run."""
    jobs = dict(workflow.planned("fusion"))
    if jobs:
        assert jobs.pop("fusion") == 1
    return jobs


def changed(place, option):
    """Return the options with some changed in the section at a place."""
    options = copy.deepcopy(OPTIONS)
    section = options
    for name in place.split("."):
        section = section.setdefault(name, {})
    section.update(option)
    return options


# what came out


def test_the_evaluation_names_the_cases_and_holds_no_strange_number(finished):
    def refuse(word):
        raise AssertionError(word)

    paths = list((finished.folder / TASK).rglob("*.json"))
    assert len(paths) > 12
    for path in paths:
        json.loads(path.read_text(), parse_constant=refuse)
    data = read_json(finished.folder / TASK / "evaluation.json")
    keys = {case["key"]: case for case in data["cases"]}
    assert len(keys) == 4 * 5 - 1 - 3  # never both missing, both lying, or a liar alone
    assert data["named"]["both clean"] == "clean/clean"
    assert data["named"]["image pure noise"] == "clean/noise"
    assert data["named"]["image damaged"] == "clean/half"
    assert data["named"]["both damaged"] == "hiss/half"
    assert {"audio lying", "image lying", "audio missing", "image missing"} < set(data["named"])
    assert set(data["named"].values()) < set(keys)
    entries = [entry["name"] for entry in data["entries"]]
    assert entries == ["audio alone", "image alone", *FUSIONS]
    clean = keys["clean/clean"]["accuracy"]
    assert set(clean) == set(entries)
    assert clean["image alone"]["value"] > 0.8 and clean["product"]["value"] > 0.8
    assert keys["missing/clean"]["accuracy"]["audio alone"]["n"] == 0
    assert keys["lying/clean"]["accuracy"]["audio alone"]["value"] == 0
    assert data["pairs"] == 72 and set(data["folds"]) == {"0", "1"}
    assert data["practical"] is not None


def test_no_speaker_and_no_image_is_learned_and_tested(finished):
    folder = finished.folder / TASK / "modalities"
    images = read_table(folder / "image/outputs/samples.csv")
    tested = {row["id"] for row in images if row["part"] == "test"}
    learned = {row["id"] for row in images if row["part"] != "test"}
    assert len(tested) + len(learned) == 90 and tested and not tested & learned
    for fold in ("0", "1"):
        sounds = read_table(folder / f"audio/folds/{fold}/outputs/samples.csv")
        parts = {p: {r["group"] for r in sounds if r["part"] == p} for p in ("train", "valid")}
        pairs = read_table(finished.folder / TASK / f"folds/{fold}/predictions/pairs.csv")
        assert not {row["group"] for row in pairs} & (parts["train"] | parts["valid"])
        assert not parts["train"] & parts["valid"] and parts["train"] and parts["valid"]
        assert {row["image"] for row in pairs} | {row["image_lying"] for row in pairs} <= tested


def test_the_page_has_all_its_files(finished):
    folder = finished.folder / TASK / "report"
    page = (folder / "index.html").read_text()
    links = set(re.findall(r'(?:src|href)="([^"#:]+)"', page))
    assert {name for name in links if not (folder / name).exists()} == set()
    files = {path.name for path in folder.iterdir()} - {"index.html", ".snakemake_timestamp"}
    assert links == files and sum(name.endswith(".mp3") for name in links) >= 2
    for anchor in re.findall(r'href="#([\w-]+)"', page):
        assert f'id="{anchor}"' in page
    for name in FUSIONS:
        assert name.replace("_", " ") in page


def test_export_and_practical_are_there_and_no_state_is_left(finished):
    folder = finished.folder / TASK
    export = read_json(folder / "export.json")
    assert 0 <= export["difference"] <= 1e-4 and export["classes"] == list(KINDS)
    assert (folder / "model.onnx").stat().st_size > 1000
    assert len(read_table(folder / "practical_curves.csv")) >= 2
    assert read_json(folder / "practical.json")
    state = finished.folder / "results/.state/fusion"
    assert [path for path in state.rglob("*") if path.is_file()] == []


def test_the_model_decides_on_files_of_a_user(finished):
    model = load_fusion(finished.folder / TASK / "model")
    assert model.kinds == {"audio": "sound", "image": "image"} and model.classes == list(KINDS)
    files = {
        digit: {
            "audio": finished.folder / f"spoken/{digit}_ann_0.wav",
            "image": finished.folder / f"written/{digit}/03.png",
        }
        for digit in KINDS
    }
    decisions = {digit: model.decide(given) for digit, given in files.items()}
    assert {digit: one.answer for digit, one in decisions.items()} == {d: d for d in KINDS}
    assert set(decisions["0"].weights) == {"audio", "image"}
    alone = model.decide({"image": files["2"]["image"]})
    assert alone.answer == "2" and set(alone.missing) == {"audio"}


def test_what_is_no_image_is_rejected_with_a_reason_and_the_run_goes_on(finished):
    rows = read_table(finished.folder / "results/written/manifest.csv")
    rejected = {row["source"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert set(rejected) == {"written/0/blank.png", "written/1/broken.png"}
    assert all(rejected.values())
    assert len(np.load(finished.folder / "results/written/images.npy")) == 90
    assert read_json(finished.folder / "results/written/accepted.json")["rejected"] == 2


# what a change reruns: exact sets of rules

SHOWN = {"report_fusion"}
JUDGED = {"evaluate_fusion", *SHOWN}
USED = {"assemble_fusion", "export_fusion"}
FOLDS = {"learn_fusions", *JUDGED}
FUSED = {"learn_final_fusion", *USED, *FOLDS}
PRACTICAL = {"train_practical", *JUDGED}
HEARD = {"encode_sounds", *FUSED}
SEEN = {"train_image_encoder", "encode_images", *FUSED}
SEEN_TASK = {"prepare_image_task", *SEEN}
SEEN_ALL = {"read_images", "accept_images", *SEEN_TASK}
LISTENED = {"train_network", *HEARD, "train_practical"}
SPECTRA = {"compute_spectra", "augment_spectra", *LISTENED}


def test_a_second_run_a_touch_and_a_comment_rerun_nothing(finished):
    module = finished.folder / "src/soundmill/fusion/gate.py"
    spoken = finished.folder / "spoken/0_ann_0.wav"
    state = spoken.stat()
    os.utime(spoken)
    try:
        with edited(module, lambda text: text + b"\n# a remark\n"):
            assert planned(finished) == {}
    finally:
        os.utime(spoken, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    ("modules", "rules"),
    [
        (["fusion/image_damages"], SEEN),
        (["fusion/image_encoding"], {"encode_images", *FUSED}),
        (["fusion/sound_encoding"], HEARD),
        (["fusion/gate"], FUSED),
        (["fusion/evaluation"], JUDGED),
        # two at once where neither's rules are among the other's
        (["fusion/user_image", "fusion/practical_network"], USED | PRACTICAL),
        (["fusion/export_graph", "report/fusion_page"], {"export_fusion", *SHOWN}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_changed_function_reruns_what_can_reach_it(finished, modules, rules):
    with ExitStack() as stack:
        for name in modules:
            path = finished.folder / f"src/soundmill/{name}.py"
            stack.enter_context(
                edited(path, lambda text: text + b"\n\ndef added():\n    return 1\n")
            )
        assert set(planned(finished)) == rules


@pytest.mark.parametrize(
    ("place", "option", "rules"),
    [
        ("fusions.gate", {"epochs": 3}, FUSED),
        ("cases", {"lying": 0.1}, FUSED),
        ("pairs", {"test": 3}, FOLDS),
        ("modalities.image.encoder", {"epochs": 5}, SEEN),
        ("modalities.image", {"damages": {"half": {"energy": 0.4}, "noise": {"noise": 1}}}, SEEN),
        ("evaluation", {"resamples": 60}, JUDGED),
        ("practical_cnn", {"epochs": 3}, PRACTICAL),
    ],
)
def test_an_option_reruns_the_rules_that_read_it(finished, place, option, rules):
    finished.configure(changed(f"fusion.both.{place}", option))
    try:
        assert set(planned(finished)) == rules
    finally:
        finished.configure(OPTIONS)


def test_an_added_image_leaves_the_networks_that_hear(finished):
    path = finished.folder / "written/0/more.png"
    draw("0", 999).save(path)
    try:
        assert set(planned(finished)) == SEEN_ALL
    finally:
        path.unlink()


def test_one_changed_byte_of_a_recording_leaves_the_network_that_sees(finished):
    def flip(data):
        return data[:-1] + bytes([data[-1] ^ 1])

    with edited(finished.folder / "spoken/1_bob_1.wav", flip):
        assert set(planned(finished)) == {
            "normalise_names", "decode_recordings", "write_manifest", "accept_corpus",
            "prepare_task", *SPECTRA,
        }  # fmt: skip


# what cannot be


def test_labels_that_disagree_stop_the_run_until_aliases_join_them(finished, tmp_path):
    another = Workflow(tmp_path / "another")
    shutil.copytree(finished.folder, another.folder, symlinks=True)
    for digit, letter in zip(KINDS, "abc", strict=True):
        (another.folder / "written" / digit).rename(another.folder / "written" / letter)
    target = f"{TASK}/folds/0/predictions"
    done = another.run(target, check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    # before anything that sees has been trained
    assert f"different classes. audio: {', '.join(KINDS)}; image: a, b, c. Bring" in said
    assert "train_image_encoder" in said and "'aliases'" in said

    aliases = dict(zip("abc", KINDS, strict=True))
    another.configure(changed("fusion.both.modalities.image", {"aliases": aliases}))
    another.run(f"{TASK}/modalities/image/task")
    task = read_json(another.folder / TASK / "modalities/image/task/task.json")
    assert task["classes"] == list(KINDS)


def test_a_wrong_option_stops_before_anything_runs(finished):
    finished.configure(changed("fusion.both.modalities.image", {"images": "writen"}))
    try:
        done = finished.run("fusion", "--dry-run", check=False)
    finally:
        finished.configure(OPTIONS)
    said = done.stdout + done.stderr
    assert done.returncode and "Traceback" not in said
    assert "'writen' is not in images (written); did you mean 'written'" in said
