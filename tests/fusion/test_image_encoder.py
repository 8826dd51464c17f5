import json
import shutil

import numpy as np
import pytest
import torch
from fusion.toy_images import CLASSES, OPTIONS, SIZE, shapes, write_toy_images
from torch.nn import functional as F

from soundmill.errors import InputError
from soundmill.fusion import image_training
from soundmill.fusion.encoded import pooling_matrix, resize_picture
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.fusion.image_encoding import draw, encode_images
from soundmill.fusion.image_model import load_image_model
from soundmill.fusion.image_network import ImageEncoder
from soundmill.fusion.image_training import change_places, train_image_encoder
from soundmill.fusion.outputs import read_outputs
from soundmill.status import read_table, write_table


def inputs(folder):
    return folder / "images.npy", folder / "manifest.csv", folder / "task"


def train(data, out, options=OPTIONS, seed=1):
    train_image_encoder(
        *inputs(data), out / "model", out / "training.json", out / "curves.csv", out / "state",
        options, seed=seed, threads=1,
    )  # fmt: skip


def encode(data, model, out, most=1000, seed=1):
    return encode_images(
        *inputs(data), model, out, modality="image", most=most, seed=seed, threads=1
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_toy_images(folder)
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    train(data, out)
    return out


@pytest.mark.parametrize("size", [8, 12, 20, 28, 33])
def test_pooling_and_shapes_for_images_of_any_size(size):
    network = ImageEncoder(ImageEncoderOptions(width=4, embedding=16), size, 5).eval()
    x = torch.rand(2, size, size)
    logits, embedding, tokens = network.encode(x)
    assert (logits.shape, embedding.shape, tokens.shape) == ((2, 5), (2, 16), (2, 9, 8))
    torch.testing.assert_close(network(x), logits)
    places = network.blocks(((x - 0.13) * 3).unsqueeze(1))
    wanted = F.adaptive_avg_pool2d(places, 3).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokens, wanted)


@pytest.mark.parametrize(("size", "parts"), [(7, 3), (3, 8), (28, 28), (101, 28)])
def test_the_pooling_matrix_is_adaptive_pooling(size, parts):
    x = torch.rand(2, size)
    torch.testing.assert_close(x @ pooling_matrix(size, parts).T, F.adaptive_avg_pool1d(x, parts))


def test_pictures_of_the_right_size_stay_and_others_keep_their_brightness():
    image = shapes(1, size=28)[0][0]
    assert resize_picture(image) is image
    large = shapes(1, size=56)[0][0]
    small = resize_picture(large)
    assert small.shape == (28, 28) and small.dtype == np.uint8
    assert abs(small.mean() - large.mean()) < 0.5


def test_places_turn_scale_and_shift_as_asked():
    image = torch.zeros(1, 21, 21)
    image[0, 10, 16] = 1  # six to the right of the middle

    def farthest(many=200, **changes):
        options = ImageEncoderOptions(**{"rotate": 0, "scale": 0, "shift": 0, **changes})
        moved = change_places(image.expand(many, -1, -1), options, torch.Generator().manual_seed(1))
        return np.array([np.unravel_index(int(m.argmax()), (21, 21)) for m in moved]) - 10

    assert (farthest() == [0, 6]).all()
    turned = farthest(rotate=90)
    assert np.abs(np.hypot(*turned.T) - 6).max() < 1 and np.abs(turned[:, 0]).max() == 6
    assert np.ptp(farthest(scale=0.3)[:, 1]) >= 2 and not farthest(scale=0.3)[:, 0].any()
    shifted = farthest(shift=0.1)
    assert shifted[:, 0].min() == -2 and shifted[:, 0].max() == 2


def test_it_learns_and_doubts_what_shows_nothing(data, trained, tmp_path):
    outputs = encode(data, trained / "model", tmp_path / "outputs")
    test = outputs.rows("test")
    assert outputs.conditions == ["clean", "half", "quarter", "noise"]
    right = (outputs.logits.argmax(2) == outputs.targets)[:, test].mean(1)
    assert right[0] > 0.9
    sure = torch.tensor(outputs.logits[:, test]).softmax(2).amax(2).mean(1)
    assert sure[0] > sure[3] + 0.25
    facts = json.loads((tmp_path / "outputs/outputs.json").read_text())
    assert facts["accuracy"]["clean"]["test"] == pytest.approx(right[0], abs=1e-4)
    assert facts["milliseconds"] > 0 and facts["parameters"] > 1000


def test_rows_are_joined_by_id(data, trained, tmp_path):
    images, numbers = shapes(150)
    outputs = encode(data, trained / "model", tmp_path / "outputs")
    assert len(outputs.ids) == 150
    places = [int(name[1:]) for name in outputs.ids]
    assert [CLASSES[t] for t in outputs.targets] == [CLASSES[numbers[p]] for p in places]
    assert set(outputs.ids[outputs.rows("test")]) == {f"i{i:03d}" for i in range(120, 150)}
    model = load_image_model(trained / "model")
    one = model.encode_one(images[places[7]])
    np.testing.assert_allclose(one.logits, outputs.logits[0, 7], atol=1e-4)
    np.testing.assert_allclose(one.tokens, outputs.tokens[0, 7], atol=1e-2)
    assert (one.picture == outputs.pictures[0, 7]).all()
    worse = model.damages.apply("noise", images[places[7]][None], 1, [outputs.ids[7]])
    assert (resize_picture(worse[0]) == outputs.pictures[3, 7]).all()


def test_what_is_written_is_read_and_the_same_each_time(data, trained, tmp_path):
    one = encode(data, trained / "model", tmp_path / "one")
    encode(data, trained / "model", tmp_path / "two")
    read = read_outputs(tmp_path / "one")
    assert (read.embeddings == one.embeddings).all() and read.groups[0].startswith("w")
    for path in sorted((tmp_path / "one").glob("*.npy")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_draw_is_stratified(data, trained, tmp_path):
    outputs = encode(data, trained / "model", tmp_path / "outputs", most=12)
    assert [len(outputs.rows(p)) for p in ("train", "valid", "test")] == [12, 12, 12]
    assert (np.bincount(outputs.targets[outputs.rows("train")]) == 4).all()
    targets = np.repeat([0, 1], [900, 100])
    drawn = draw(np.arange(1000), targets, 50, 3)
    assert np.bincount(targets[drawn]).tolist() == [45, 5]
    assert (np.diff(drawn) > 0).all() and (drawn != draw(np.arange(1000), targets, 50, 4)).any()


def test_an_interrupted_training_ends_with_the_same_bytes(data, trained, tmp_path, monkeypatch):
    judge = image_training.ImageLearner.judge
    seen = []

    def stop(self):
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return judge(self)

    monkeypatch.setattr(image_training.ImageLearner, "judge", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(data, tmp_path)
    assert (tmp_path / "state/last.ckpt").exists()
    steps = []
    monkeypatch.setattr(
        image_training.ImageLearner, "judge", lambda self: steps.append(1) or judge(self)
    )
    train(data, tmp_path)
    assert len(steps) == 2  # of three epochs; the first was done
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "model" / name).read_bytes() == (trained / "model" / name).read_bytes()
    curves = [read_table(folder / "curves.csv") for folder in (tmp_path, trained)]
    assert [{**r, "seconds": ""} for r in curves[0]] == [{**r, "seconds": ""} for r in curves[1]]
    assert not (tmp_path / "state").exists()


def test_damaged_folders_are_explained(trained, tmp_path):
    with pytest.raises(InputError, match=r"config\.json is missing"):
        load_image_model(tmp_path)
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"not what config\.json says"):
        load_image_model(folder)
    with pytest.raises(InputError, match=f"{SIZE} x {SIZE}"):
        load_image_model(trained / "model").encode(np.zeros((1, 9, 9), np.uint8))


def test_inputs_that_do_not_belong_together_are_explained(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    rows = read_table(folder / "manifest.csv")
    write_table(folder / "manifest.csv", rows[:-1], ["id", "status"])
    with pytest.raises(InputError, match=r"150 images.*149"):
        train(folder, tmp_path)
    rows[-1]["id"] = "other"
    write_table(folder / "manifest.csv", rows, ["id", "status"])
    with pytest.raises(InputError, match="'i149'"):
        train(folder, tmp_path)
    write_table(folder / "manifest.csv", read_table(data / "manifest.csv"), ["id", "status"])
    folds = (folder / "task/folds.csv").read_text().replace("valid", "train")
    (folder / "task/folds.csv").write_text(folds)
    with pytest.raises(InputError, match=r"part valid.*split\.valid"):
        train(folder, tmp_path)
