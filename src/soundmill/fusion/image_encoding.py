"""What the trained image encoder says of images, clean and damaged."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from soundmill.classification.networks import count_parameters
from soundmill.errors import InputError
from soundmill.fusion.conditions import CLEAN
from soundmill.fusion.encoded import accuracies, median_milliseconds, resize_picture
from soundmill.fusion.image_damages import Images, parts_of
from soundmill.fusion.image_model import ImageModel, load_image_model
from soundmill.fusion.image_samples import PARTS, read_image_samples
from soundmill.fusion.outputs import PICTURE, Outputs, write_outputs
from soundmill.log import logger
from soundmill.seeds import derive


def encode_images(
    images: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
    task_folder: str | os.PathLike[str],
    model: str | os.PathLike[str],
    output: Path,
    *,
    modality: str,
    most: int,
    seed: int,
    threads: int | None = None,
) -> Outputs:
    """Write what an encoder says of the images of a task, clean and under each of its damages.

    Parameters
    ----------
    images, manifest, task_folder : as `soundmill.fusion.image_training.train_image_encoder` has
        them.
    model : folder it wrote.
    output : folder of `soundmill.fusion.outputs` to write, which also says the accuracy by
        condition and part.
    modality : name to write.
    most : images of each part at most; where there are more, they are drawn at random, of each
        class as many as its share. The test part of a fusion can so be smaller than the encoder's.
    seed : of the draw and of noise.

    Raises
    ------
    InputError
        When model and task do not belong together.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    samples = read_image_samples(images, manifest, task_folder)
    trained, task = load_image_model(model), samples.task
    if trained.classes != task.classes:
        raise InputError(
            f"{model} knows the classes {', '.join(trained.classes)}, {task_folder} has "
            f"{', '.join(task.classes)}; train the encoder again"
        )
    drawn = [draw(samples.rows(p), task.targets, most, derive(seed, "draw", p)) for p in PARTS]
    rows = np.sort(np.concatenate(drawn))
    names = task.ids
    clean, ids = samples.images[rows], [names[row] for row in rows]
    conditions = [CLEAN, *trained.damages.names]
    seen = [clean] + [trained.damages.apply(name, clean, seed, ids) for name in conditions[1:]]
    logits, embeddings, tokens, pictures = (
        np.stack(arrays) for arrays in zip(*(_encode(trained, x) for x in seen), strict=True)
    )
    parts, targets = samples.parts[rows], task.targets[rows]
    accuracy = accuracies(logits, targets, parts, conditions)
    facts: dict[str, Any] = {
        "parameters": count_parameters(trained.network),
        "milliseconds": median_milliseconds(lambda: trained.encode(clean[:1])),
        "accuracy": accuracy,
    }
    for condition, found in accuracy.items():
        logger.info("%s, %s: accuracy %.4f on test images", modality, condition, found["test"])
    outputs = Outputs(
        modality, task.classes, conditions, np.array(ids), parts, task.groups[rows],
        targets, logits, embeddings, tokens, pictures, facts,
    )  # fmt: skip
    write_outputs(output, outputs)
    return outputs


def draw(
    rows: npt.NDArray[np.intp], targets: npt.NDArray[np.int64], most: int, seed: int
) -> npt.NDArray[np.intp]:
    """Return at most ``most`` of the rows, of each class as many as its share, in their order."""
    if len(rows) <= most:
        return rows
    shuffled = np.random.default_rng(seed).permutation(rows)
    # place of each row within its class, 0 to 1: the lowest places take each class evenly
    place = np.empty(len(shuffled))
    for number in np.unique(targets[shuffled]):
        own = np.flatnonzero(targets[shuffled] == number)
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.sort(shuffled[np.argsort(place, kind="stable")[:most]])


def _encode(trained: ImageModel, images: Images) -> tuple[npt.NDArray[np.generic], ...]:
    """Return logits, embeddings, tokens and pictures of images (n, size, size)."""
    found = [trained.encode(images[part]) for part in parts_of(len(images))]
    logits, embeddings, tokens = (torch.cat(some).numpy() for some in zip(*found, strict=True))
    pictures = np.empty((len(images), PICTURE, PICTURE), np.uint8)
    for i, image in enumerate(images):
        pictures[i] = resize_picture(image)
    return logits, embeddings.astype(np.float16), tokens.astype(np.float16), pictures
