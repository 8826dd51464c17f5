"""The real samples that an export is compared on."""

from pathlib import Path

import numpy as np
import pytest
from fusion.toy_images import write_toy_images

from soundmill.classification.task import TEST, Task, read_task, write_task
from soundmill.fusion.export_examples import take_examples


@pytest.fixture
def place(tmp_path):
    """Recordings of two buckets in two folds, and images."""
    (tmp_path / "seen").mkdir()
    write_toy_images(tmp_path / "seen")
    names = [f"r{i:02d}" for i in range(12)]
    examples = [
        {"id": name, "source": f"{name}.mp3", "bucket": str(i % 2), "seconds": "1", "group": ""}
        for i, name in enumerate(names)
    ]
    first = np.arange(12) >= 4  # eight are tested in fold 0, the others in fold 1
    folds = {
        "0": np.where(first, "test", "train"),
        "1": np.where(first, "train", "test"),
        "all": np.full(12, "train"),
    }
    write_task(tmp_path / "heard", Task("single", ["a", "b"], examples, np.arange(12) % 2, folds))
    return tmp_path


def taken(place, count, modalities=("audio", "image")):
    seen = place / "seen"
    wav = {"0": place / "wav/0", "1": place / "wav/1"}
    return take_examples(
        {"audio": (place / "heard", wav)},
        {"image": (seen / "task", seen / "manifest.csv", seen / "images.npy")},
        modalities,
        count,
    )


def test_they_are_test_samples_each_from_its_bucket(place):
    found = taken(place, 4)
    assert len(found) == 4 and all(list(one) == ["audio", "image"] for one in found)
    task = read_task(place / "heard")
    tested = {
        task.examples[row]["id"]: task.examples[row]["bucket"] for row in task.rows("0", TEST)
    }
    for one in found:
        assert one["audio"].parent == Path(place, "wav", tested[one["audio"].stem])
    pixels = np.load(place / "seen/images.npy")
    for one in found:  # in the toy corpus the images from 120 on are tested
        assert (pixels[120:] == one["image"]).all(axis=(1, 2)).any()


def test_they_come_from_all_over_the_test_part_and_none_twice(place):
    found = taken(place, 4)
    assert [one["audio"].stem for one in found] == ["r04", "r06", "r08", "r10"]
    assert len({one["image"].tobytes() for one in found}) == 4


def test_there_are_as_many_as_the_scarcer_modality_has(place):
    assert len(taken(place, 20)) == 8
    assert taken(place, 2, modalities=["image", "audio"])[0].keys() == {"image", "audio"}
    assert list(taken(place, 2, modalities=["image", "audio"])[0]) == ["image", "audio"]
