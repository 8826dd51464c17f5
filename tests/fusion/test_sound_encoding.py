import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from classification.network_toys import SPECTRA, toy_spectra, write_toy_task
from torch.nn import functional as F

from soundmill.classification.network_data import cut_chunks
from soundmill.classification.network_model import load_network
from soundmill.classification.network_options import ClassifierOptions
from soundmill.classification.network_training import Outputs as Files
from soundmill.classification.network_training import train_network
from soundmill.classification.networks import Classifier
from soundmill.classification.predictions import read_predictions, recordings_of
from soundmill.classification.task import read_task, write_task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.fusion.outputs import read_outputs
from soundmill.fusion.sound_encoding import draw_spectrum, encode_sound, encode_sounds, listen
from soundmill.status import read_table, write_table

OPTIONS = {"width": 8, "depth": 2, "chunk_seconds": 1.0, "epochs": 5, "batch": 6,
           "learning_rate": 0.01}  # fmt: skip


def learn(data, out, **changes):
    files = Files(
        out / "predictions.parquet", out / "training.json", out / "curves.csv", out / "model"
    )
    train_network(
        data / "task", "0", [(data / "b.npy", data / "b.csv")], {}, files, out / "state",
        ClassifierOptions(**{**OPTIONS, **changes}), SPECTRA, 3, threads=1,
    )  # fmt: skip


def write_copies(data, folder, change, copies=(1, 2)):
    """Copies of every recording: ``change`` of its spectrum by its number."""
    store = SpectraStore([(data / "b.npy", data / "b.csv")])
    rows, parts, first = [], [], 0
    for row in read_table(data / "b.csv"):
        for copy in copies:
            parts.append(change(store[row["id"]], copy).astype(np.float16))
            rows.append({**row, "first": first, "copy": copy})
            first += len(parts[-1])
    folder.mkdir()
    np.save(folder / "b.npy", np.concatenate(parts))
    write_table(folder / "b.csv", rows, list(rows[0]))
    return [(folder / "b.npy", folder / "b.csv")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_toy_task(folder)
    learn(folder, folder / "flat", kind="cnn1d", seeds=2)
    return folder


def encode(data, out, augmented=None, fold="0", task="task", model="flat/model"):
    return encode_sounds(
        data / task, fold, data / model, [(data / "b.npy", data / "b.csv")], augmented or {}, out,
        modality="audio", threads=1,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["cnn1d", "cnn", "crnn", "attention", "residual"])
def test_tokens_follow_time_and_embeddings_are_the_networks_own(kind):
    torch.manual_seed(1)
    network = Classifier(ClassifierOptions(kind=kind, width=4, depth=2), 16, 3, "single").eval()
    x = network.front(torch.rand(2, 64, 16) * 40 - 60)
    embedded, tokens = listen(network, x)
    torch.testing.assert_close(embedded, network.embed(x))
    assert tokens.shape == (2, 8, 8)
    changed = x.clone()
    changed[:, 56:] += 3
    moved = (listen(network, changed)[1] - tokens).abs().amax((0, 2))
    assert moved[7] > 1e-3 and moved[:5].max() < 1e-5


def test_tokens_are_the_means_of_eighths(data):
    network = load_network(data / "flat/model").networks[0]
    x = network.front(torch.from_numpy(toy_spectra(1)[0][0][None, :20].astype(np.float32)))
    places = network.blocks[1](network.blocks[0](x.transpose(1, 2).unsqueeze(2)))
    wanted = F.adaptive_avg_pool1d(places.squeeze(2), 8).transpose(1, 2)
    torch.testing.assert_close(listen(network, x)[1], wanted)


def test_it_says_what_the_learner_predicted(data, tmp_path):
    learn(data, tmp_path, kind="cnn1d", seeds=1)
    shutil.copytree(data, tmp_path / "data")
    shutil.copytree(tmp_path / "model", tmp_path / "data/one")
    outputs = encode(tmp_path / "data", tmp_path / "outputs", model="one")
    table = recordings_of(read_predictions([tmp_path / "predictions.parquet"]))
    values = {row.id: row for row in table.itertuples()}
    for part in ("valid", "test"):
        assert len(outputs.rows(part)) == 6
    task = read_task(data / "task")
    assert outputs.ids.tolist() == task.ids and (outputs.targets == task.targets).all()
    assert (outputs.parts == task.folds["0"]).all()
    probabilities = np.exp(outputs.logits[0])
    columns = [c for c in table.columns if c.startswith("p")]
    held_out = outputs.rows("valid", "test")
    names = [c for c in columns if c != "part"]
    wanted = [[getattr(values[outputs.ids[r]], name) for name in names] for r in held_out]
    np.testing.assert_allclose(probabilities[held_out], wanted, atol=1e-5)


def test_trainings_are_averaged_as_logarithms_and_chunks_in_order(data):
    trained = load_network(data / "flat/model")
    spectrum = np.concatenate(toy_spectra(3)[0])  # long: several chunks
    found = encode_sound(trained, spectrum)
    each = [type(trained)([n], trained.config).decide(spectrum).recording for n in trained.networks]
    np.testing.assert_allclose(found.logits, np.log(each).mean(0), rtol=1e-4)
    network = trained.networks[0]
    chunks = torch.from_numpy(cut_chunks(spectrum, trained.frames, network.options)[0])
    assert len(chunks) > 8
    with torch.no_grad():
        embedded, tokens = listen(network, network.front(chunks))
    np.testing.assert_allclose(found.embedding, embedded.mean(0), rtol=1e-4)
    np.testing.assert_allclose(found.tokens.mean(0), tokens.mean((0, 1)), rtol=1e-4)
    eighth = tokens.flatten(0, 1)[: len(chunks)].mean(0)
    np.testing.assert_allclose(found.tokens[0], eighth, rtol=1e-4)


def test_conditions_are_the_first_copies(data, tmp_path):
    same = write_copies(data, tmp_path / "same", lambda x, copy: x if copy == 1 else x - 500)
    loud = write_copies(data, tmp_path / "hiss", lambda x, copy: np.maximum(x, -36.0))
    outputs = encode(data, tmp_path / "outputs", {"same": same, "hiss": loud})
    assert outputs.conditions == ["clean", "same", "hiss"]
    read = read_outputs(tmp_path / "outputs")
    for name in ("logits", "embeddings", "tokens", "pictures"):
        array = getattr(read, name)
        assert (array[1] == array[0]).all() and (array[2] != array[0]).any()
    right = (read.logits.argmax(2) == read.targets)[:, read.rows("test")].mean(1)
    assert right[0] == 1
    assert read.facts["accuracy"]["clean"]["test"] == 1
    assert read.facts["milliseconds"] > 0 and read.facts["fold"] == "0"
    encode(data, tmp_path / "again", {"same": same, "hiss": loud})
    for path in (tmp_path / "outputs").glob("*.npy"):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_pictures_have_time_to_the_right_and_low_at_the_bottom():
    shown = np.full((40, 16), -3.0)
    shown[30:, :4] = 3  # late and low
    picture = draw_spectrum(shown)
    assert picture.shape == (28, 28)
    assert (picture[-6:, -6:] == 255).all()
    assert not picture[:14].any() and not picture[:, :14].any()


def test_what_a_fusion_cannot_do_without_is_named(data, tmp_path):
    partly = write_copies(data, tmp_path / "partly", lambda x, copy: x)
    rows = [row for row in read_table(partly[0][1]) if row["id"] != "r4"]
    write_table(partly[0][1], rows, list(rows[0]))
    with pytest.raises(InputError, match=r"r4: augmentation 'noise_0' has no copy"):
        encode(data, tmp_path / "outputs", {"noise_0": partly})
    task = read_task(data / "task")
    parts = task.folds["0"]
    without = {"0": np.where(parts == "valid", "train", parts), "all": parts}
    folder = tmp_path / "spoken/task"
    write_task(folder, replace(task, folds=without))
    with pytest.raises(InputError, match=r"classification\.spoken\.split\.valid above 0"):
        encode(data, tmp_path / "outputs", task=folder)
    with pytest.raises(InputError, match="no fold 'all'"):
        encode(data, tmp_path / "outputs", fold="all")
    write_task(tmp_path / "other", replace(task, classes=["a", "b", "c"]))
    with pytest.raises(InputError, match="no network for the classes"):
        encode(data, tmp_path / "outputs", task=tmp_path / "other")
    assert not (tmp_path / "outputs").exists()
