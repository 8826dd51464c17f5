"""Fusions learn whom to trust, from the right parts, the same way each time, and for use."""

import shutil

import numpy as np
import pytest
import torch
from fusion.toy_outputs import write_toy_outputs
from safetensors.numpy import load_file

from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.fusion import fusion_fitting, learning
from soundmill.fusion.encoded import Encoded
from soundmill.fusion.fused import load_fused
from soundmill.fusion.learning import learn_final, learn_fusions
from soundmill.fusion.options import LATE, FusionTaskOptions
from soundmill.fusion.outputs import Outputs, read_outputs, write_outputs
from soundmill.fusion.predictions import read_predictions
from soundmill.status import read_table

MODALITIES = {
    "audio": {"kind": "sound", "task": "t", "learner": "l"},
    "image": {"kind": "image", "images": "i"},
}


def make_options(kinds, **more):
    sizes = {"width": 16, "epochs": 4, "learning_rate": 0.01, "batch": 32}
    use = next((kind for kind in kinds if kind in LATE), "product")
    fusions = {kind: {"kind": kind, **sizes} for kind in {**dict.fromkeys(kinds), use: None}}
    return FusionTaskOptions(
        modalities=MODALITIES, fusions=fusions, **{"use": use, "seeds": 1, **more}
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Folders of two modalities; read only."""
    folder = tmp_path_factory.mktemp("outputs")
    write_toy_outputs(folder / "audio", "audio", ("clean", "noise"), spread=0.7, valid=32)
    write_toy_outputs(folder / "image", "image", ("clean", "blur"), valid=32)
    return {name: folder / name for name in MODALITIES}


def learn(toy, folder, options, seed=1):
    learn_fusions(
        toy, folder / "predictions", folder / "training.json", folder / "curves.csv",
        folder / "state", options, seed, threads=1,
    )  # fmt: skip
    return read_predictions(folder / "predictions")


def accuracy(found, name, case):
    entries = [e for e, entry in enumerate(found.entries) if entry.name == name]
    values = found.probabilities[entries, found.cases.index(case)]
    return float((values.argmax(axis=2) == found.targets).mean())


@pytest.fixture(scope="module")
def learned(toy, tmp_path_factory):
    """What all kinds decide; read only."""
    kinds = ["gate", *(kind for kind in learning.FUSIONS if kind != "gate")]
    folder = tmp_path_factory.mktemp("learned")
    return learn(toy, folder, make_options(kinds, seeds=1)), folder


def test_all_kinds_learn_and_beat_the_weaker_modality(learned):
    found, folder = learned
    names = [entry.name for entry in found.entries]
    assert names[:3] == ["audio alone", "image alone", "gate"]
    weaker = accuracy(found, "audio alone", ("clean", "clean"))
    for name in names[2:]:
        assert accuracy(found, name, ("clean", "clean")) > weaker, name
    figures = read_json(folder / "training.json")
    assert [row["name"] for row in figures["fusions"]] == names[2:]
    assert all(entry.milliseconds > 0 for entry in found.entries)
    assert not (folder / "state").exists()
    curves = read_table(folder / "curves.csv")
    learning_kinds = {"gate", "concatenation", "cross_attention", "gated_units", "early"}
    assert {row["fusion"] for row in curves} == learning_kinds and len(curves) == 4 * 5
    losses = [float(row["train_loss"]) for row in curves if row["fusion"] == "concatenation"]
    assert losses[-1] < 0.8 * losses[0]


def test_what_is_missing_is_not_decided_alone_and_pairs_are_of_the_test_part(learned, toy):
    found, _ = learned
    missing = found.cases.index(("missing", "clean"))
    assert np.isnan(found.probabilities[0, missing]).all()
    assert not np.isnan(found.probabilities[1:, missing]).any()
    gate = [entry.name for entry in found.entries].index("gate")
    np.testing.assert_array_equal(found.weights[gate, missing], [[0, 1]] * len(found.targets))
    for name, folder in toy.items():
        outputs = read_outputs(folder)
        part = dict(zip(outputs.ids, outputs.parts, strict=True))
        target = dict(zip(outputs.ids, outputs.targets, strict=True))
        assert {part[i] for i in [*found.ids[name], *found.lying[name]]} == {"test"}
        assert [target[i] for i in found.ids[name]] == list(found.targets)
        assert all(target[i] != t for i, t in zip(found.lying[name], found.targets, strict=True))


def test_the_gate_trusts_the_one_that_errs_less_where_they_contradict(learned):
    found, folder = learned
    lie = ("lying", "clean")
    assert accuracy(found, "gate", lie) > accuracy(found, "product", lie) + 0.05
    blame = read_json(folder / "training.json")["blame"]
    assert blame["audio"] > blame["image"]
    weights = found.weights[2, :, :, 0].astype(float)
    clean, lying = (weights[found.cases.index(case)].mean() for case in [("clean",) * 2, lie])
    assert lying < clean - 0.05


def test_the_same_again_and_other_seeds_differ(toy, tmp_path):
    options = make_options(["gate", "weighted"], pairs={"learning": 2, "test": 1})
    one, two, other = (
        learn(toy, tmp_path / n, options, seed) for n, seed in [("a", 1), ("b", 1), ("c", 2)]
    )
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert list(one.ids["image"]) == list(two.ids["image"]) != list(other.ids["image"])


def test_interrupted_it_goes_on_and_ends_the_same(toy, tmp_path, monkeypatch):
    options = make_options(["gate", "concatenation"], pairs={"learning": 2, "test": 1})
    whole = learn(toy, tmp_path / "whole", options)
    step = fusion_fitting.FusionLearner.training_step
    seen = []

    def stumble(self, batch, index):
        seen.append(type(self.fusion).__name__)
        if seen.count("Concatenation") == 15:
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(fusion_fitting.FusionLearner, "training_step", stumble)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        learn(toy, tmp_path / "broken", options)
    before = len(seen)
    again = learn(toy, tmp_path / "broken", options)
    assert "Gate" not in seen[before:] and 0 < len(seen) - before < before
    np.testing.assert_array_equal(again.probabilities, whole.probabilities)
    assert (
        read_table(tmp_path / "broken" / "curves.csv")[-1]["train_loss"]
        == (read_table(tmp_path / "whole" / "curves.csv")[-1]["train_loss"])
    )


@pytest.mark.parametrize(("kind", "unseen"), [("gate", ["train", "test"]), ("early", ["test"])])
def test_nothing_is_learned_from_parts_that_are_not_to_be_seen(toy, tmp_path, kind, unseen):
    options = make_options([kind], pairs={"learning": 1, "test": 1})
    whole = learn(toy, tmp_path / "whole", options)
    spoiled = {}
    for name, folder in toy.items():
        read = read_outputs(folder)
        arrays = {n: np.array(getattr(read, n)) for n in ("logits", "embeddings", "pictures")}
        rows = read.rows("train") if unseen == ["train", "test"] else []
        for values in arrays.values():
            values[:, rows] = 0
        write_outputs(tmp_path / name, Outputs(**{**vars(read), **arrays}))
        spoiled[name] = tmp_path / name
    if kind == "gate":
        found = learn(spoiled, tmp_path / "spoiled", options)
        np.testing.assert_array_equal(found.probabilities, whole.probabilities)
    else:  # the test part decides nothing that is learned
        curves = []
        for name in toy:
            outputs = read_outputs(toy[name])
            logits, pictures = np.array(outputs.logits), np.array(outputs.pictures)
            logits[:, outputs.rows("test")] = 0
            pictures[:, outputs.rows("test")] = 0
            changed = {**vars(outputs), "logits": logits, "pictures": pictures}
            write_outputs(tmp_path / name, Outputs(**changed))
        learn(spoiled, tmp_path / "spoiled", options)
        for run in ("whole", "spoiled"):
            rows = read_table(tmp_path / run / "curves.csv")
            curves.append([(row["train_loss"], row["valid_loss"]) for row in rows])
        assert curves[0] == curves[1]


def say(outputs, row, condition=0):
    return Encoded(
        outputs.logits[condition, row], outputs.embeddings[condition, row],
        outputs.tokens[condition, row], outputs.pictures[condition, row],
    )  # fmt: skip


def final(toy, folder, options):
    learn_final(
        [toy, toy], folder / "fusion", folder / "training.json", folder / "state", options, 1
    )
    return folder / "fusion"


@pytest.mark.parametrize("kind", ["gate", "mean", "product", "weighted", "stacked"])
def test_the_fusion_for_use_decides_as_its_graph(toy, tmp_path, kind):
    options = make_options([kind], pairs={"learning": 1, "test": 1})
    model = load_fused(final(toy, tmp_path, options))
    outputs = {name: read_outputs(folder) for name, folder in toy.items()}
    rows = {name: int(one.rows("test")[0]) for name, one in outputs.items()}
    given = {name: say(one, rows[name]) for name, one in outputs.items()}
    target = model.classes[outputs["audio"].targets[rows["audio"]]]
    found = model.decide(given)
    assert model.classes[int(found.probabilities.argmax())] == target
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5) and set(found.own) == set(toy)
    logits = torch.tensor(np.stack([one.logits for one in given.values()]))[None]
    probabilities, weights, _ = model.graph(logits, torch.ones(1, 2, dtype=torch.bool))
    np.testing.assert_allclose(probabilities[0].detach(), found.probabilities, atol=1e-6)
    assert list(found.weights.values()) == pytest.approx(weights[0].tolist(), nan_ok=True)
    alone = model.decide({"image": given["image"], "audio": None})
    assert set(alone.own) == {"image"}
    if kind == "gate":
        assert alone.weights == {"audio": 0, "image": 1}


def test_the_folder_for_use_tells_what_is_wrong(toy, tmp_path):
    options = make_options(["product"])
    folder = final(toy, tmp_path, options)
    model = load_fused(folder)
    with pytest.raises(InputError, match="audio and image are missing"):
        model.decide({"audio": None})
    with pytest.raises(InputError, match="no modality 'lyrics'"):
        model.decide({"lyrics": None})
    short = Encoded(np.zeros(3, np.float32), np.zeros(12), np.zeros((5, 8)), np.zeros((28, 28)))
    with pytest.raises(InputError, match="gave 3 logits for 4 classes"):
        model.decide({"audio": short})
    with pytest.raises(InputError, match="not all finite"):
        model.decide({"audio": short._replace(logits=np.full(4, np.nan))})
    weights = (folder / "fusion.safetensors").read_bytes()
    (folder / "fusion.safetensors").write_bytes(weights[:-1] + b"x")
    with pytest.raises(InputError, match=r"is not what config\.json says"):
        load_fused(folder)
    (folder / "fusion.safetensors").unlink()
    with pytest.raises(InputError, match="is missing"):
        load_fused(folder)


def test_the_fusion_for_use_pools_folds(toy, tmp_path):
    options = make_options(["weighted"], pairs={"learning": 1, "test": 1})
    folder = final(toy, tmp_path, options)
    first = load_file(folder / "fusion.safetensors")
    other = {"audio": tmp_path / "audio", "image": toy["image"]}
    write_toy_outputs(other["audio"], "audio", ("clean", "noise"), seed=5, spread=1.5)
    shutil.rmtree(folder)
    learn_final([toy, other], folder, tmp_path / "training.json", tmp_path / "state", options, 1)
    second = load_file(folder / "fusion.safetensors")
    assert second["calibration.temperatures"][0] > 1.2 * first["calibration.temperatures"][0]
    samples = read_json(tmp_path / "training.json")["samples"]
    assert samples["audio"]["valid"] == 4 * (32 + 16)
