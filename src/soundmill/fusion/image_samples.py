"""Images of a task: pixels and labels joined by the manifest."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundmill.classification.task import TEST, TRAIN, VALID, Task, read_task
from soundmill.errors import InputError
from soundmill.fusion.image_damages import Images
from soundmill.status import OK, read_table

PARTS = (TRAIN, VALID, TEST)


@dataclass(frozen=True)
class ImageSamples:
    """The images of a task in its order, and the part each is in.

    Attributes
    ----------
    images : (n, H, H) uint8. parts : (n,) train, valid, test or empty.
    """

    task: Task
    images: Images
    parts: npt.NDArray[np.str_]

    def rows(self, part: str) -> npt.NDArray[np.intp]:
        """Return the row numbers of a part."""
        return np.flatnonzero(self.parts == part)


def read_image_samples(
    images: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
    task_folder: str | os.PathLike[str],
) -> ImageSamples:
    """Read images (.npy), their manifest and a task of one fold made of that manifest.

    Raises
    ------
    InputError
        When they do not belong together, or the task has a part without images.
    """
    pixels = np.load(images)
    names = [row["id"] for row in read_table(manifest) if row["status"] == OK]
    if len(names) != len(pixels):
        raise InputError(
            f"{images} holds {len(pixels)} images, {manifest} lists {len(names)} that were "
            "accepted: they are not of one reading; read the images again"
        )
    task = read_task(task_folder)
    place = {name: i for i, name in enumerate(names)}
    lost = [name for name in task.ids if name not in place]
    if lost:
        raise InputError(
            f"{task_folder}: {len(lost)} of its examples are not in {manifest}, the first is "
            f"{lost[0]!r}; make the task again"
        )
    folds = task.honest_folds
    if task.kind != "single" or len(folds) != 1:
        raise InputError(
            f"{task_folder}: images need a task of one class each and one fold, "
            f"not of kind {task.kind} and {len(folds)} folds; see split of the modality"
        )
    parts = task.folds[folds[0]]
    empty = [part for part in PARTS if not (parts == part).any()]
    if empty:
        hint = "; set split.valid of the modality above 0" if VALID in empty else ""
        raise InputError(f"{Path(task_folder)}: part {empty[0]} of the split has no image{hint}")
    rows = [place[name] for name in task.ids]
    return ImageSamples(task, pixels[rows], parts)
