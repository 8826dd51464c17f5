import gzip
import os
import struct
from pathlib import Path

import numpy as np
import paths
import pytest
from PIL import Image, ImageDraw

from soundmill.corpus import images as images_module
from soundmill.corpus.acceptance import accept_corpus
from soundmill.corpus.image_arrays import array_blocks
from soundmill.corpus.image_options import ImageCorpusOptions
from soundmill.corpus.image_preparation import prepare_array, prepare_image
from soundmill.corpus.image_sources import image_digest, image_inputs, source_kind
from soundmill.corpus.images import read_images
from soundmill.errors import InputError
from soundmill.options import validate
from soundmill.status import read_table


def picture(text, side=40):
    image = Image.new("L", (side, side), 255)
    ImageDraw.Draw(image).text((10, 5), text, 0, font_size=side * 0.7)
    return image


def stack(n, seed=0):
    """Return n pictures (n, 40, 40), all different."""
    random = np.random.default_rng(seed)
    grey = np.stack([np.asarray(picture(str(i % 10))) for i in range(n)]).copy()
    grey[:, 20, 18:22] = random.integers(0, 100, (n, 4))
    return grey


def read(tmp_path, threads=1, **options):
    out = tmp_path / "out"
    counts = read_images(out / "images.npy", out / "manifest.csv", ImageCorpusOptions(**options),
                         threads)  # fmt: skip
    rows = read_table(out / "manifest.csv")
    array = np.load(out / "images.npy")
    assert len(array) == sum(row["status"] == "ok" for row in rows) == counts["ok"]
    assert sorted(path.name for path in out.iterdir()) == ["images.npy", "manifest.csv"]
    return array, rows


def write_idx(path, values, magic=None, cut=0):
    head = bytes([0, 0, 8, values.ndim]) if magic is None else magic
    data = head + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    data = data[: len(data) - cut]
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    for name in ("a/3_ada_0.png", "a/4_ada_1.JPG", "b/3_bob_0.png", "b/3_bob_0.gif"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        side = 40 + len(name) + (name[0] == "b") + name.endswith("gif")
        picture(name[2], side).save(source / name)
    return source


def test_npz_keeps_its_order_and_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("soundmill.corpus.image_arrays.BLOCK_BYTES", 4000)
    monkeypatch.setattr(images_module, "BATCH", 3)
    train, test = stack(7), stack(4, 1)
    np.savez_compressed(tmp_path / "d.npz", x_train=train, y_train=np.arange(7), x_test=test,
                        y_test=np.arange(4)[:, None])  # fmt: skip
    array, rows = read(tmp_path, source=str(tmp_path / "d.npz"), target="digit")
    assert [row["id"] for row in rows][6:9] == ["train-00006", "test-00000", "test-00001"]
    assert [row["digit"] for row in rows] == [str(i) for i in (*range(7), *range(4))]
    assert [row["part"] for row in rows] == ["train"] * 7 + ["test"] * 4
    assert {(row["width"], row["height"]) for row in rows} == {("40", "40")}
    expected = [prepare_array(image) for image in (*train, *test)]
    np.testing.assert_array_equal(array, expected)


def test_npz_without_parts_and_with_bad_images(tmp_path):
    grey = stack(8)
    grey[2] = 255
    grey[5] = grey[1]
    np.savez(tmp_path / "d.npz", images=grey, labels=np.array(list("abcdefgh")))
    array, rows = read(tmp_path, source=str(tmp_path / "d.npz"))
    states = [row["status"] for row in rows]
    assert states == ["ok", "ok", "rejected", "ok", "ok", "rejected", "ok", "ok"]
    assert "uniform" in rows[2]["reason"]
    assert rows[5]["reason"] == f"same content as {tmp_path}/d.npz/images/1"
    assert "part" not in rows[0]
    np.testing.assert_array_equal(array, [prepare_array(grey[i]) for i in (0, 1, 3, 4, 6, 7)])
    figures = accept_corpus(tmp_path / "out/manifest.csv", tmp_path / "a.json", 0.25)
    assert figures == {"ok": 6, "rejected": 2, "ignored": 0, "max_rejected": 0.25}
    with pytest.raises(InputError, match="max_rejected"):
        accept_corpus(tmp_path / "out/manifest.csv", tmp_path / "a.json", 0.2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "holds x; it needs x_train"),
        ({"x_train": stack(2)}, "no 'y_train'"),
        ({"images": stack(2), "labels": np.zeros(3)}, "2 images, but there are 3 labels"),
        ({"images": np.zeros((2, 5)), "labels": np.zeros(2)}, "images need"),
        ({"images": stack(2), "labels": np.zeros((2, 10))}, "one number or name each"),
        ({"images": stack(2), "labels": np.array([1, "a"], object)}, "type object"),
    ],
)
def test_wrong_npz_says_what_is_wrong(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path, source=str(tmp_path / "d.npz"))
    assert not list((tmp_path / "out").iterdir())


def test_damaged_npz_says_so(tmp_path):
    np.savez(tmp_path / "d.npz", images=stack(50), labels=np.zeros(50))
    data = (tmp_path / "d.npz").read_bytes()
    for broken in (b"", data[: len(data) // 2], data[:2000] + b"?" * 999 + data[2999:]):
        (tmp_path / "d.npz").write_bytes(broken)
        with pytest.raises(InputError, match=r"d\.npz"):
            read(tmp_path, source=str(tmp_path / "d.npz"))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_found_by_name(tmp_path, suffix):
    for part, n in (("train", 5), ("t10k", 3)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", stack(n, n))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{suffix}", np.arange(n, dtype=np.uint8))
    options = {"source": str(tmp_path)}
    array, rows = read(tmp_path, **options)
    assert [row["id"] for row in rows][4:6] == ["train-00004", "test-00000"]
    assert [row["part"] for row in rows] == ["train"] * 5 + ["test"] * 3
    np.testing.assert_array_equal(array[6], prepare_array(stack(3, 3)[1]))
    inputs = image_inputs(ImageCorpusOptions(**options))
    assert len(inputs) == 4
    assert all(Path(path).is_file() for path in inputs)
    one = {"source": str(tmp_path / f"t10k-images-idx3-ubyte{suffix}")}
    assert len(read(tmp_path, **one)[1]) == 3


def test_wrong_idx_says_what_is_wrong(tmp_path):
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    source = str(images)
    write_idx(images, stack(3))
    with pytest.raises(InputError, match="has no labels"):
        read(tmp_path, source=source)
    write_idx(labels, np.arange(3, dtype=np.uint8))
    read(tmp_path, source=source)
    write_idx(images, stack(3), magic=b"PNG!")
    with pytest.raises(InputError, match="no IDX file: it begins with 50 4e 47 21"):
        read(tmp_path, source=source)
    write_idx(images, stack(3), cut=10)
    with pytest.raises(InputError, match="truncated: it announces 3 items and ends in number 3"):
        read(tmp_path, source=source)
    write_idx(images, np.arange(3, dtype=np.uint8))
    with pytest.raises(InputError, match="swapped"):
        read(tmp_path, source=source)
    write_idx(images, stack(4))
    with pytest.raises(InputError, match="more images than there are labels, 3"):
        read(tmp_path, source=source)


def test_folder_with_all_that_can_be_wrong(tmp_path, folder):
    (folder / "a/empty.png").touch()
    (folder / "a/cut.png").write_bytes((folder / "a/3_ada_0.png").read_bytes()[:90])
    (folder / "b/copy.png").write_bytes((folder / "a/3_ada_0.png").read_bytes())
    (folder / "a/text.bmp").write_text("no image")
    Image.new("RGB", (50, 50), "white").save(folder / "a/blank.png")
    (folder / "a/notes.txt").write_text("not an image")
    (folder / "a/.hidden.png").touch()
    (folder / "a/gone.png").symlink_to("nowhere.png")
    array, rows = read(tmp_path, threads=2, source=str(folder))
    found = {row["source"].removeprefix(f"{folder}/"): row for row in rows}
    assert [row["source"] for row in rows] == sorted(row["source"] for row in rows)
    reasons = {
        "a/empty.png": "0 bytes", "a/cut.png": "is broken", "a/blank.png": "is uniform",
        "a/gone.png": "cannot be read", "b/copy.png": "same content",
        "a/text.bmp": "is no image",
        "a/notes.txt": "not an image by its extension", "a/.hidden.png": "hidden",
    }  # fmt: skip
    for name, reason in reasons.items():
        assert reason in found[name]["reason"], name
        ignored = name in ("a/notes.txt", "a/.hidden.png")
        assert found[name]["status"] == ("ignored" if ignored else "rejected")
    good = [row for row in rows if row["status"] == "ok"]
    assert {row["id"] for row in good} == {
        "a-3-ada-0", "a-4-ada-1", "b-3-bob-0-png", "b-3-bob-0-gif"
    }  # fmt: skip
    for image, row in zip(array, good, strict=True):
        with open(row["source"], "rb") as file:
            np.testing.assert_array_equal(image, prepare_image(file.read())[0])
    np.testing.assert_array_equal(read(tmp_path, source=str(folder))[0], array)


def test_labels_from_names_folders_and_csv(tmp_path, folder, caplog):
    labels = {"pattern": "{digit}_{who}_{_}", "folders": ["room"]}
    _, rows = read(tmp_path, source=str(folder), labels=labels)
    assert [(row["room"], row["digit"], row["who"]) for row in rows] == [
        ("a", "3", "ada"), ("a", "4", "ada"), ("b", "3", "bob"), ("b", "3", "bob")
    ]  # fmt: skip
    for keys in (("3_ada_0.png", "4_ada_1.JPG"), ("3_ada_0", "a/4_ada_1")):
        table = tmp_path / "l.csv"
        table.write_text(f"file,mood\n{keys[0]},sad\n{keys[1]},glad\n")
        caplog.clear()
        _, rows = read(tmp_path, source=str(folder), labels={"csv": str(table)})
        assert [row["mood"] for row in rows] == ["sad", "glad", "", ""]
        assert "2 of 4" in caplog.text
    (tmp_path / "l.csv").write_text("file,width\n3_ada_0.png,4\n")
    with pytest.raises(InputError, match="'width' comes from two places"):
        read(tmp_path, source=str(folder), labels={"csv": str(tmp_path / "l.csv")})


def test_digest_changes_with_every_change(folder):
    def digest():
        return image_digest(ImageCorpusOptions(source=str(folder)))

    seen = [digest()]
    assert digest() == seen[0]
    (folder / "b/new.png").write_bytes((folder / "a/3_ada_0.png").read_bytes())
    seen.append(digest())
    os.utime(folder / "b/new.png", ns=(1, 1))
    seen.append(digest())
    (folder / "b/new.png").rename(folder / "b/newer.png")
    seen.append(digest())
    (folder / "b/newer.png").unlink()
    assert len(set(seen)) == 4
    assert digest() == seen[0]


def test_sources_that_do_not_fit_say_so(tmp_path, folder):
    np.savez(tmp_path / "d.npz", images=stack(2), labels=np.zeros(2))
    (tmp_path / "d.txt").touch()
    (tmp_path / "none").mkdir()
    cases = [
        ([str(folder), str(tmp_path / "d.npz")], None, "two corpora"),
        (str(tmp_path / "d.txt"), None, "neither an .npz"),
        (str(tmp_path / "e"), None, "does not exist"),
        (str(tmp_path / "none"), None, "no image in"),
        (str(tmp_path / "d.npz"), {"folders": True}, "leave labels out"),
        ([str(folder), f"{folder}/"], None, "given twice"),
    ]
    for source, labels, message in cases:
        with pytest.raises(InputError, match=message):
            read(tmp_path, source=source, labels=labels)
    with pytest.raises(InputError, match="only 'demo:digits'"):
        validate(ImageCorpusOptions, {"source": "demo:cats"}, "the configuration")


def test_the_demo_has_all_digits(tmp_path):
    array, rows = read(tmp_path, source="demo:digits")
    assert len(array) == len(rows) == 1797
    assert {row["digit"] for row in rows} == set("0123456789")
    assert rows[0]["width"] == "8"
    assert (array[:, 0].max(1) == 0).mean() > 0.9
    demo = ImageCorpusOptions(source="demo:digits")
    assert (source_kind(demo), image_inputs(demo), image_digest(demo)) == ("demo", [], "")
    assert demo.label_column == "digit"


def test_mnist_is_streamed(monkeypatch):
    options = ImageCorpusOptions(source=str(paths.real_data("mnist.npz")))
    monkeypatch.setattr("soundmill.corpus.image_arrays.BLOCK_BYTES", 1 << 20)
    blocks = array_blocks(options, "npz")
    first = next(blocks)
    assert first.images.nbytes <= 1 << 20
    assert (first.prefix, first.part, first.first) == ("train", "train", 0)
    assert next(blocks).first == len(first.images) == len(first.labels)
