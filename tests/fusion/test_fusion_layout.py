"""Which files the rules of a fusion task require, of more than two modalities too."""

import pytest

from soundmill.classification.layout import Layout
from soundmill.config import load_config
from soundmill.fusion.layout import FusionLayout

RAW = {
    "corpora": {"spoken": {"source": "x", "buckets": 2}, "rooms": {"source": "y", "buckets": 1}},
    "images": {"written": {"source": "demo:digits"}},
    "augmentations": {"hiss": {"kind": "noise"}},
    "spectra": {"voice": {"bands": 24}},
    "classification": {
        name: {
            "corpus": corpus, "target": "digit", "spectra": "voice",
            "split": {"method": "folds", "folds": 2}, "learners": {"net": {"kind": "cnn1d"}},
        }
        for name, corpus in (("said", "spoken"), ("echo", "rooms"))
    },
    "fusion": {
        "three": {
            "modalities": {
                "audio": {"kind": "sound", "task": "said", "learner": "net", "damages": ["hiss"]},
                "image": {"kind": "image", "images": "written", "target": "digit",
                          "split": {"method": "files",
                                    "files": {"train": "a.txt", "test": "b.txt"}}},
                "room": {"kind": "sound", "task": "echo", "learner": "net"},
            },
            "fusions": {"gate": {}, "product": {}},
            "practical_cnn": {"epochs": 2},
        }
    },
}  # fmt: skip
TASK = "results/fusion/three"


@pytest.fixture
def layout():
    config = load_config(RAW)
    buckets = {"spoken": ["0", "1"], "rooms": ["0"]}
    tasks = {n: Layout(n, options, buckets) for n, options in config.classification.items()}
    return FusionLayout("three", config.fusion["three"], tasks)


def test_outputs_come_fold_by_fold_in_the_order_of_the_modalities(layout):
    assert layout.folds == ["0", "1"]
    assert layout.all_outputs() == [
        f"{TASK}/modalities/audio/folds/0/outputs",
        f"{TASK}/modalities/image/outputs",
        f"{TASK}/modalities/room/folds/0/outputs",
        f"{TASK}/modalities/audio/folds/1/outputs",
        f"{TASK}/modalities/image/outputs",
        f"{TASK}/modalities/room/folds/1/outputs",
    ]
    # scripts take those of the second modality as every third
    assert set(layout.all_outputs()[1::3]) == {layout.outputs("image", "0")}


def test_encoders_are_those_of_the_fold_and_for_use_those_of_all(layout):
    learners = "results/classification/{}/learners/net/folds/{}/model"
    assert layout.encoder("audio", "1") == learners.format("said", "1")
    assert layout.encoder("room") == learners.format("echo", "all")
    assert (
        layout.encoder("image", "1")
        == layout.encoder("image")
        == (f"{TASK}/modalities/image/model")
    )


def test_each_modality_has_its_own_task_manifest_and_damaged_copies(layout):
    assert layout.sounds == ["audio", "room"] and layout.images == ["image"]
    assert layout.manifests() == [
        f"results/{corpus}/manifest.csv" for corpus in ("spoken", "written", "rooms")
    ]
    assert layout.task_of("room") == "results/classification/echo/task"
    assert layout.task_of("image") == f"{TASK}/modalities/image/task"
    assert layout.augmented("audio") == [
        f"results/spoken/augmented/voice/hiss/{bucket}.{suffix}"
        for suffix in ("npy", "csv")
        for bucket in ("0", "1")
    ]
    assert layout.augmented("room") == []
    assert layout.spectra("room", "npy") == ["results/rooms/spectra/voice/0.npy"]
    assert len(layout.wav()) == 3
    assert layout.split_files("image") == ["a.txt", "b.txt"]


def test_what_a_stage_is_given_holds_no_option_of_another(layout):
    assert layout.image_task("image").keys() == {"target", "group", "aliases", "split"}
    assert "most" not in layout.seen("image") and "encoder" in layout.seen("image")
    learned = layout.learned()
    assert "evaluation" not in learned and "practical_cnn" not in learned
    assert "encoder" not in learned["modalities"]["image"]
    assert list(learned["modalities"]) == ["audio", "image", "room"]
    assert type(layout.options)(**learned).cases == layout.options.cases  # still whole
    used = layout.used()
    assert list(used["fusions"]) == [used["use"]] == [layout.options.use]
    assert "seeds" not in used and "test" not in used["pairs"]
    assert type(layout.options)(**used).pairs.learning == layout.options.pairs.learning


def test_the_practical_is_made_only_where_asked_for(layout):
    assert layout.practical("_curves.csv") == [f"{TASK}/practical_curves.csv"]
    options = layout.options.model_copy(update={"practical_cnn": None})
    assert FusionLayout("three", options, layout.tasks).practical() == []
