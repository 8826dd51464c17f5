"""The folder of a soundscape model."""

import json
import shutil

import pytest
import torch

from soundmill.errors import InputError
from soundmill.soundscape.folder import FORMAT
from soundmill.soundscape.model import BANK, load_autoencoder, load_model, save_model


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny.folder / "model", tmp_path / "model")


def change(folder, **entries):
    config = json.loads((folder / "config.json").read_text())
    for name, value in entries.items():
        config.pop(name) if value is None else config.update({name: value})
    (folder / "config.json").write_text(json.dumps(config))


def test_a_saved_model_is_the_same_again(tiny, tmp_path):
    model = tiny.model
    config = {k: v for k, v in model.config.items() if k not in ("directions", "autocorrelation")}
    save_model(
        tmp_path / "again", model.network, model.prior, model.bank, config,
        directions=model.config["directions"], autocorrelation=model.config["autocorrelation"],
    )  # fmt: skip
    again = load_model(tmp_path / "again")
    for one, other in ((model.network, again.network), (model.prior, again.prior)):
        assert not other.training
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name])
    for name in BANK:
        assert torch.equal(getattr(model.bank, name), getattr(again.bank, name))
    assert again.front == model.front and again.coherence is None
    assert again.rate == 8000 / 64 / 4
    assert again.directions.keys() == model.directions.keys()
    for name in ("config.json", "model.safetensors"):
        written = (tmp_path / "again" / name).read_bytes()
        assert written == (tiny.folder / "model" / name).read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["again"]


def test_another_version(folder):
    change(folder, format=FORMAT - 1)
    for load in (load_model, load_autoencoder):
        with pytest.raises(InputError, match=f"another version.*format {FORMAT - 1}.*train"):
            load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"no model folder: {name} is missing"):
        load_model(folder)
    with pytest.raises(InputError, match=r"config\.json is missing"):
        load_model(folder / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_off(folder, name, share):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="is damaged"):
        load_model(folder)


@pytest.mark.parametrize("text", ["[]", "3", '{"kind": "music"}', "null"])
def test_the_folder_of_something_else(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match="no soundscape model"):
        load_model(folder)


def test_an_autoencoder_alone_is_no_whole_model(tiny):
    with pytest.raises(InputError, match="no whole model; give the folder that is named model"):
        load_model(tiny.folder / "autoencoder")
    network, front, config = load_autoencoder(tiny.folder / "autoencoder")
    assert front == tiny.model.front and config["channels"] == 1
    assert torch.equal(network.centre, tiny.model.network.centre)


@pytest.mark.parametrize(
    "entries",
    [
        {"vocabulary": None}, {"sample_rate": None}, {"coherence": None}, {"directions": None},
        {"channels": "two"}, {"autoencoder": {"widht": 3}}, {"prior": 5}, {"vocabulary": []},
    ],
)  # fmt: skip
def test_a_config_without_what_it_needs(folder, entries):
    change(folder, **entries)
    with pytest.raises(InputError, match="is damaged"):
        load_model(folder)


def test_weights_of_another_size(tiny, folder):
    options = json.loads((folder / "config.json").read_text())["autoencoder"]
    change(folder, autoencoder=options | {"width": 24})
    with pytest.raises(InputError, match=r"weights do not fit its config\.json"):
        load_model(folder)


def test_a_folder_is_replaced_whole_or_not_at_all(tiny, folder, monkeypatch):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    monkeypatch.setattr("soundmill.soundscape.folder.save_file", lambda *a: 1 / 0)
    model = tiny.model
    with pytest.raises(ZeroDivisionError):
        save_model(
            folder, model.network, model.prior, model.bank, {}, directions={}, autocorrelation=[]
        )
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == ["model"]
