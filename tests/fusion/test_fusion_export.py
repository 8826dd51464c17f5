import shutil

import numpy as np
import onnxruntime
import pytest
from fusion.toy_fusion import CLASSES, write_inputs, write_toy_model

from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.fusion import export
from soundmill.fusion.export import export_fusion, inputs_of
from soundmill.fusion.model import load_fusion


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    write_toy_model(folder / "model")
    write_inputs(folder)
    examples = [example(folder, digit, digit) for digit in CLASSES]
    export_fusion(folder / "model", examples, folder / "m.onnx", folder / "e.json")
    return folder


def example(place, audio, image):
    return {"audio": place / f"{audio}.wav", "image": place / f"{image}.png"}


def test_onnx_decides_as_the_model_does(place):
    report = read_json(place / "e.json")
    assert 0 <= report["difference"] <= 1e-4 and report["cases"] == 9
    assert report["modalities"] == ["audio", "image"] and report["classes"] == CLASSES
    assert report["inputs"]["audio"]["decode"]["sample_rate"] == 16_000
    assert report["inputs"]["image"]["shape"] == [1, 28, 28]
    # what it was not compared on: a lie, one alone, a recording of another length
    model = load_fusion(place / "model")
    session = onnxruntime.InferenceSession(str(place / "m.onnx"))
    assert [one.name for one in session.get_inputs()] == ["audio", "image", "present"]
    for inputs in (
        example(place, "0", "7"),
        {"image": place / "1.png"},
        {"audio": place / "long.wav"},
    ):
        decision, (samples, _) = model.decide(inputs), model.take(inputs)
        feeds = inputs_of(model, samples)
        found, weights, own = session.run(None, feeds)
        assert np.allclose(found, list(decision.probabilities.values()), atol=1e-4)
        there = feeds["present"] > 0
        assert np.allclose(weights[there], list(decision.weights.values()), atol=1e-4)
        said = [list(one.probabilities.values()) for one in decision.own.values()]
        assert np.allclose(own[there], said, atol=1e-4)


def test_what_a_missing_modality_is_fed_does_not_matter(place):
    session = onnxruntime.InferenceSession(str(place / "m.onnx"))
    model = load_fusion(place / "model")
    feeds = inputs_of(model, model.take({"audio": place / "7.wav"})[0])
    noise = np.random.default_rng(1).random(feeds["image"].shape, np.float32)
    first, other = session.run(None, feeds), session.run(None, feeds | {"image": noise})
    assert np.array_equal(first[0], other[0]) and first[1][1] == 0


def test_an_export_that_decides_otherwise_is_not_written(place, tmp_path, monkeypatch):
    monkeypatch.setattr(
        export, "write_onnx", lambda model, path: shutil.copy(place / "m.onnx", path)
    )
    feed = export.feed
    monkeypatch.setattr(export, "feed", lambda *a: feed(*a)[..., ::-1].copy())
    with pytest.raises(RuntimeError, match="differ"):
        export_fusion(
            place / "model", [example(place, "0", "7")], tmp_path / "m.onnx", tmp_path / "e.json"
        )
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="no example"):
        export_fusion(place / "model", [], tmp_path / "m.onnx", tmp_path / "e.json")
