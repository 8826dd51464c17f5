"""Real samples that an export is compared with its original on."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.classification.task import TEST, read_task
from soundmill.fusion.image_samples import read_image_samples


def take_examples(
    sounds: Mapping[str, tuple[Path, Mapping[str, Path]]],
    images: Mapping[str, tuple[Path, Path, Path]],
    modalities: Sequence[str],
    count: int,
) -> list[dict[str, Any]]:
    """Return some examples as `soundmill.fusion.model.FusionModel.decide` takes them.

    They are test samples, evenly drawn, and paired as they come: an export shall decide as its
    original does, whatever it is given.

    Parameters
    ----------
    sounds : by modality the task folder and the folder of WAV files of each bucket.
    images : by modality the task folder, the manifest and the array of images.
    modalities : names in their order.
    """
    drawn: dict[str, Iterator[Any]] = {}
    for name, (folder, wav) in sounds.items():
        task = read_task(folder)
        rows = _spread(task.rows(task.honest_folds[0], TEST), count)
        chosen = [task.examples[row] for row in rows]
        drawn[name] = iter([Path(wav[row["bucket"]], f"{row['id']}.wav") for row in chosen])
    for name, (folder, manifest, array) in images.items():
        samples = read_image_samples(array, manifest, folder)
        drawn[name] = iter([samples.images[row] for row in _spread(samples.rows(TEST), count)])
    together = zip(*(drawn[name] for name in modalities), strict=False)
    return [dict(zip(modalities, example, strict=True)) for example in together]


def _spread(rows: npt.NDArray[np.intp], count: int) -> list[Any]:
    """Return so many of some rows, from all over them."""
    return list(rows[:: max(len(rows) // count, 1)][:count])
