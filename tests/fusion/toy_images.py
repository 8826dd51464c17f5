"""Images of three shapes, as a corpus of images would have them, and a task made of them."""

import numpy as np

from soundmill.classification.task import Task, write_task
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.fusion.image_options import ImageModality
from soundmill.status import write_table

SIZE = 12
CLASSES = ["bar", "cross", "ring"]
OPTIONS = ImageModality(
    images="toys", target="shape",
    encoder=ImageEncoderOptions(
        width=4, embedding=8, epochs=3, batch=16, learning_rate=0.02, damaged=0.3
    ),
    damages={"half": {"energy": 0.5}, "quarter": {"energy": 0.25}, "noise": {"noise": 1.0}},
)  # fmt: skip


def shapes(count, seed=0, size=SIZE):
    """(images (n, size, size) uint8, class numbers); each a little elsewhere, none alike."""
    random = np.random.default_rng(seed)
    numbers = np.arange(count) % 3
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    images = []
    for number in numbers:
        y, x = rows + random.uniform(-1.5, 1.5), columns + random.uniform(-1.5, 1.5)
        ink = [
            np.abs(x) < 1.2,
            (np.abs(x - y) < 1.5) | (np.abs(x + y) < 1.5),
            np.abs(np.hypot(x, y) - size / 3) < 1.0,
        ][number]
        near = np.hypot(x, y) < size / 2.2
        images.append(200 * (ink & near) + random.integers(0, 50, (size, size)))
    return np.stack(images).astype(np.uint8), numbers


def write_toy_images(folder, count=150):
    """Write images.npy, manifest.csv and task; the manifest has rejected rows, the task's order
    is another than the manifest's."""
    images, numbers = shapes(count)
    np.save(folder / "images.npy", images)
    rows = []
    for i in range(count):
        if i % 40 == 0:
            rows.append({"id": f"broken{i}", "status": "rejected"})
        rows.append({"id": f"i{i:03d}", "status": "ok"})
    write_table(folder / "manifest.csv", rows, ["id", "status"])
    order = np.arange(count)[::-1]
    part = np.where(order < 90, "train", np.where(order < 120, "valid", "test"))
    examples = [
        {
            "id": f"i{i:03d}",
            "source": f"{i}.png",
            "bucket": "0",
            "seconds": "",
            "group": f"w{i % 5}",
        }
        for i in order
    ]
    task = Task("single", CLASSES, examples, numbers[order].astype(np.int64), {"0": part})
    write_task(folder / "task", task)
    return images, numbers
