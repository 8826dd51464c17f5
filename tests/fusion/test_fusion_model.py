import json
import shutil

import numpy as np
import pytest
from fusion.toy_fusion import (
    CLASSES,
    OPTIONS,
    draw,
    learn_fusion,
    say,
    train_image,
    trained,
    write_inputs,
    write_toy_model,
)
from heard_task import RATE
from PIL import Image

from soundmill.errors import InputError
from soundmill.fusion.model import assemble_fusion, load_fusion
from soundmill.fusion.options import FusionOptions
from soundmill.fusion.user_sound import Sound


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fusion")
    write_toy_model(folder / "model")
    write_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def model(place):
    return load_fusion(place / "model")


@pytest.mark.parametrize("digit", CLASSES)
def test_sound_and_image_decide_together_and_alone(place, model, digit):
    audio, image = place / f"{digit}.wav", place / f"{digit}.png"
    for inputs in ({"audio": audio, "image": image}, {"audio": audio}, {"image": image}):
        decision = model.decide(inputs)
        assert decision.answer == digit and list(decision.own) == list(inputs)
        assert sum(decision.probabilities.values()) == pytest.approx(1, abs=1e-4)
        assert sum(decision.weights.values()) == pytest.approx(1, abs=1e-4)
        json.dumps(decision.as_json(), allow_nan=False)
    # one alone says what it says by itself
    assert decision.own["image"].answer == digit


def test_arrays_decide_as_files_do(place, model):
    files = model.decide({"audio": place / "7.wav", "image": place / "7.png"})
    pixels = np.asarray(Image.open(place / "7.png"))
    arrays = model.decide({"audio": Sound(say("7", 99), RATE), "image": pixels})
    for name in CLASSES:
        assert arrays.probabilities[name] == pytest.approx(files.probabilities[name], abs=0.01)


def test_a_contradiction_is_told(place, model):
    agreed = model.decide({"audio": place / "1.wav", "image": place / "1.png"})
    lied = model.decide({"audio": place / "0.wav", "image": place / "1.png"})
    assert lied.disagree and not agreed.disagree
    assert lied.conflict > 0.3 > agreed.conflict
    assert "agree" in agreed.reason and "the recording" in lied.reason and "0" in lied.reason


@pytest.mark.parametrize(
    ("bad", "good", "said"),
    [
        ({"audio": "silence.wav"}, {"image": "7.png"}, "nothing was heard in silence.wav"),
        ({"image": "empty.png"}, {"audio": "7.wav"}, "nothing was seen in empty.png"),
    ],
)
def test_silence_and_emptiness_are_missing_beside_another_and_an_error_alone(
    place, model, bad, good, said
):
    bad, good = ({n: place / p for n, p in some.items()} for some in (bad, good))
    decision = model.decide({**bad, **good})
    assert decision.answer == "7" and list(decision.own) == list(good)
    assert said in decision.reason and said in decision.missing[next(iter(bad))]
    assert decision.probabilities == model.decide(good).probabilities
    with pytest.raises(InputError, match=f"nothing to decide on: .*{said}"):
        model.decide(bad)


def test_nothing_at_all_and_strange_modalities_are_errors(place, model):
    for inputs in ({}, {"audio": None, "image": None}):
        with pytest.raises(InputError, match="the recording was not given; the image was not"):
            model.decide(inputs)
    both = {"audio": place / "silence.wav", "image": place / "empty.png"}
    with pytest.raises(InputError, match=r"nothing was heard.*nothing was seen"):
        model.decide(both)
    with pytest.raises(InputError, match="no modality 'lyrics'; this model has audio, image"):
        model.decide({"lyrics": place / "7.wav"})


def test_what_cannot_be_read_is_an_error_whatever_else_is_there(place, model):
    with pytest.raises(InputError, match=r"nowhere\.wav cannot be read"):
        model.decide({"audio": place / "nowhere.wav", "image": place / "7.png"})
    with pytest.raises(InputError, match=r"0\.wav is no image"):
        model.decide({"audio": place / "7.wav", "image": place / "0.wav"})
    long = Sound(np.tile(say("7"), 100), RATE)
    with pytest.raises(InputError, match="too long for one sample; cut out"):
        model.decide({"audio": long, "image": place / "7.png"})


def test_how_long_a_recording_may_be_follows_what_was_learned_from(place, tmp_path):
    assert load_fusion(place / "model").encoders["audio"].longest == pytest.approx(9.12)
    write_toy_model(tmp_path / "model", {"audio": {"longest_seconds": 0.1}})
    short = load_fusion(tmp_path / "model")
    with pytest.raises(InputError, match=r"longer than 0\.5 s"):
        short.decide({"audio": place / "7.wav"})


def test_digits_of_any_colour_and_size_are_the_same(model):
    plain = model.decide({"image": np.asarray(draw("7", 99))})
    big = draw("7", 99, (1200, 900), ink=(240, 240, 255), paper=(10, 40, 20), mode="RGB")
    other = model.decide({"image": np.asarray(big)})
    assert plain.answer == other.answer == "7"


def test_the_folder_works_without_the_rest(place, tmp_path):
    shutil.copytree(place / "model", tmp_path / "elsewhere")
    decision = load_fusion(tmp_path / "elsewhere").decide({"audio": place / "0.wav"})
    assert decision.answer == "0"


@pytest.fixture
def copy(place, tmp_path):
    shutil.copytree(place / "model", tmp_path / "model")
    return tmp_path / "model"


def change(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


def test_a_damaged_incomplete_or_foreign_folder_is_said_to_be_one(place, copy, tmp_path):
    with pytest.raises(InputError, match=r"config\.json is missing"):
        load_fusion(tmp_path)
    with pytest.raises(InputError, match="holds no fusion for use but something else"):
        load_fusion(trained() / "image")
    weights = copy / "encoders/image/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 255
    weights.write_bytes(content)
    with pytest.raises(InputError, match=r"encoders/image/model\.safetensors is damaged"):
        load_fusion(copy)
    weights.unlink()
    with pytest.raises(InputError, match=r"not complete: encoders/image/model\.safetensors"):
        load_fusion(copy)
    change(copy, format=2)
    with pytest.raises(InputError, match=r"another version of soundmill \(format 2"):
        load_fusion(copy)
    change(copy, format=1, sha256=None)
    with pytest.raises(InputError, match="is damaged"):
        load_fusion(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        load_fusion(copy)


def test_parts_that_do_not_belong_together_are_not_assembled(place, tmp_path):
    train_image(tmp_path / "image", classes=["0", "1", "seven"])
    folders = {"audio": trained() / "audio", "image": tmp_path / "image"}
    options = OPTIONS
    with pytest.raises(InputError, match=r"image knows the classes 0, 1, seven") as error:
        assemble_fusion(tmp_path / "model", trained() / "fusion", folders, options)
    assert ".tmp-" not in str(error.value) and sorted(p.name for p in tmp_path.iterdir()) == [
        "image"
    ]
    with pytest.raises(InputError, match="nowhere is no model folder"):
        assemble_fusion(
            tmp_path / "model", trained() / "fusion",
            {"audio": tmp_path / "nowhere", "image": trained() / "image"}, options,
        )  # fmt: skip
    with pytest.raises(InputError, match="the encoders are of audio, the modalities are"):
        assemble_fusion(
            tmp_path / "model", trained() / "fusion", {"audio": trained() / "audio"}, options
        )


def test_assembling_again_gives_the_same_bytes(place, tmp_path):
    write_toy_model(tmp_path / "model")
    for path in sorted((place / "model").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(place)).read_bytes()


def test_a_fusion_that_does_not_say_whom_it_trusts_is_explained_all_the_same(place, tmp_path):
    options = OPTIONS.model_copy(update={"fusions": {"product": FusionOptions(kind="product")}})
    options = options.model_copy(update={"use": "product"})
    learn_fusion(tmp_path / "fusion", trained() / "outputs", options)
    encoders = {name: trained() / name for name in options.modalities}
    assemble_fusion(tmp_path / "model", tmp_path / "fusion", encoders, options)
    decision = load_fusion(tmp_path / "model").decide(
        {"audio": place / "0.wav", "image": place / "7.png"}
    )
    assert decision.weights == {} and "weight" not in decision.reason
    first, second = ("recording", "image") if decision.answer == "0" else ("image", "recording")
    assert decision.reason.startswith(f"the {first} (")
    assert f"was trusted over the {second} (" in decision.reason
    json.dumps(decision.as_json(), allow_nan=False)
