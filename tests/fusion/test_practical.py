import numpy as np
import pytest
import torch

from soundmill.classification.task import Task, read_task, write_task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import read_json
from soundmill.fusion import practical_training
from soundmill.fusion.practical_network import PracticalCNN, fit_length
from soundmill.fusion.practical_options import PracticalOptions
from soundmill.fusion.practical_training import Sounds, make_splits, train_practical
from soundmill.status import read_table, write_table

RATE = 30.0
OPTIONS = PracticalOptions(epochs=6, batch=4, learning_rate=0.005, seconds=0.9)


def write_speakers(folder, speakers=3, takes=8, classes=3):
    """Each speaker says a class in bands and at a time of his own: only shared speakers help.

    Fold k tests speaker k.
    """
    random = np.random.default_rng(0)
    spectra, rows, examples, targets, first = [], [], [], [], 0
    for speaker in range(speakers):
        for number in range(classes):
            for take in range(takes):
                spectrum = random.normal(-60, 2, (24 + take % 9, 24))
                band = 8 * ((number + speaker) % classes)
                spectrum[8 * speaker : 8 * speaker + 8, band : band + 6] += 30
                name = f"{number}_{speaker}_{take}"
                spectra.append(spectrum.astype(np.float16))
                rows.append({"id": name, "status": "ok", "first": first, "frames": len(spectrum)})
                first += len(spectrum)
                examples.append({"id": name, "source": name, "bucket": "0", "seconds": "1",
                                 "group": f"s{speaker}"})  # fmt: skip
                targets.append(number)
    np.save(folder / "0.npy", np.concatenate(spectra))
    write_table(folder / "0.csv", rows, list(rows[0]))
    groups = np.array([row["group"] for row in examples])
    folds = {str(k): np.where(groups == f"s{k}", "test", "train") for k in range(speakers)}
    folds["0"][np.flatnonzero(folds["0"] == "train")[:5]] = "valid"
    folds["all"] = np.full(len(groups), "train")
    task = Task("single", [str(k) for k in range(classes)], examples, np.array(targets), folds)
    write_task(folder / "task", task)
    return task


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speakers")
    write_speakers(folder)
    return folder


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    run(data, out)
    return out


def run(data, out, options=OPTIONS):
    train_practical(
        data / "task", [(data / "0.npy", data / "0.csv")], options, out / "practical.json",
        out / "practical_curves.csv", out / "state", frame_rate=RATE, seed=1, threads=1,
    )  # fmt: skip


def test_the_network_is_the_practicals():
    network = PracticalCNN(64, 101, 10)
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    assert shapes["first.weight"] == (10, 1, 7, 7) and shapes["second.weight"] == (10, 10, 5, 5)
    assert shapes["linear.weight"] == (10, 10 * 8 * 14)
    x = torch.randn(5, 64, 101) * 7 - 40
    network.normalise_by(x)
    inner = (x - network.mean) / network.deviation
    assert abs(float(inner.mean())) < 1e-4 and abs(float(inner.std()) - 1) < 1e-4
    assert network(x).shape == (5, 10)
    assert PracticalCNN(19, 19, 3)(torch.zeros(1, 19, 19)).shape == (1, 3)
    with pytest.raises(InputError, match="18 bands"):
        PracticalCNN(18, 101, 10)


def test_recordings_are_cut_or_padded_with_what_is_quietest():
    spectrum = np.arange(12.0).reshape(4, 3) - 20
    long = fit_length(np.concatenate([spectrum, spectrum - 200]), 8)
    assert (long[:, :4] == spectrum.T).all() and (long[:, 4:] == -9 - 80).all()
    assert (fit_length(spectrum, 2) == spectrum[:2].T).all()
    short = fit_length(spectrum, 6)
    assert (short[:, :4] == spectrum.T).all() and (short[:, 4:] == -89).all()


def test_the_random_split_shares_speakers_and_keeps_shares_of_classes(data):
    task = read_task(data / "task")
    targets = torch.from_numpy(task.targets)
    sounds = Sounds(task, torch.zeros(len(task), 1, 1), targets, np.arange(len(task)))
    splits = make_splits(sounds, 1)
    train, test = splits["random"]
    assert sorted([*train, *test]) == list(range(72))
    assert np.bincount(task.targets[train]).tolist() == [18, 18, 18]
    assert (make_splits(sounds, 2)["random"][0] != train).any()
    assert list(splits) == ["random", "0", "1", "2"]
    for fold in "012":
        rows, held_out = splits[fold]
        assert (len(rows), len(held_out)) == (48, 24)  # validation is trained on
        assert not set(task.groups[rows]) & set(task.groups[held_out])


def test_the_random_split_hides_what_honest_folds_show(whole):
    found = read_json(whole / "practical.json")
    assert found["random"]["accuracy"]["value"] > 0.9
    assert found["random"]["shared_groups"] == {"tested": 3, "also_trained": 3}
    honest = found["honest"]
    assert honest["accuracy"]["value"] < 0.6 and honest["accuracy"]["n"] == 72
    assert list(honest["folds"]) == ["0", "1", "2"] and list(honest["groups"]) == ["s0", "s1", "s2"]
    for k in "012":
        assert honest["folds"][k]["value"] == honest["groups"][f"s{k}"]["value"]
    low, high = honest["accuracy"]["interval"]
    assert low <= honest["accuracy"]["value"] <= high
    curves = read_table(whole / "practical_curves.csv")
    assert [row["split"] for row in curves] == [s for s in ("random", *"012") for _ in range(6)]
    last = [row for row in curves if row["epoch"] == "6"]
    assert float(last[0]["test_accuracy"]) == found["random"]["accuracy"]["value"]
    assert float(curves[0]["train_loss"]) > float(curves[5]["train_loss"])


def test_an_interrupted_practical_ends_with_the_same_bytes(data, whole, tmp_path, monkeypatch):
    measure = practical_training.PracticalKeeper.measure
    rows = []

    def stop(self, trainer, module):
        rows.append(1)
        if len(rows) == 9:  # in the third epoch of the second split
            raise KeyboardInterrupt
        return measure(self, trainer, module)

    monkeypatch.setattr(practical_training.PracticalKeeper, "measure", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(data, tmp_path)
    assert not (tmp_path / "practical.json").exists()
    run(data, tmp_path)
    assert len(rows) == 9 + 4 + 6 + 6
    for name in ("practical.json", "practical_curves.csv"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert not (tmp_path / "state").exists()


def test_one_step_of_sgd_is_torchs(data):
    """A whole epoch is one step of lightning; the batches inside are stepped all the same."""
    task = read_task(data / "task")
    store = SpectraStore([(data / "0.npy", data / "0.csv")])
    sounds = practical_training._read_sounds(task, store, 27)
    splits = make_splits(sounds, 1)
    options = OPTIONS.model_copy(update={"epochs": 1, "batch": 20})
    learner = practical_training.PracticalLearner(sounds, *splits["1"], options, 5)
    by_hand = practical_training.PracticalLearner(sounds, *splits["1"], options, 5)
    practical_training.fit(learner, practical_training.PracticalKeeper(None), max_epochs=1)
    (order,) = list(practical_training.epoch_loader(lambda rows, _: rows, 48, 48, 5, 0))
    sgd = torch.optim.SGD(by_hand.network.parameters(), 0.005, 0.9)
    levels, targets = by_hand.parts[0]
    for rows in np.split(np.asarray(order), 3):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(by_hand.network(levels[rows]), targets[rows]).backward()
        sgd.step()
    for one, other in zip(learner.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(one, other)
