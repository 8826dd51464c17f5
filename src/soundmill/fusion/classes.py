"""Do the modalities of a task speak of the same classes?"""

import os
from collections.abc import Mapping
from pathlib import Path

from soundmill.errors import InputError
from soundmill.files import read_json

SHOWN = 12
"""Classes of a modality that an error names at most."""


def check_classes(tasks: Mapping[str, str | os.PathLike[str]]) -> None:
    """Check that the tasks of all modalities have the same classes.

    Parameters
    ----------
    tasks : task folder of each modality.

    Raises
    ------
    InputError
        When they have not, with the classes of each.
    """
    classes = {name: read_json(Path(folder) / "task.json")["classes"]
               for name, folder in tasks.items()}  # fmt: skip
    if len({tuple(found) for found in classes.values()}) > 1:
        raise InputError(
            "the modalities speak of different classes. "
            + "; ".join(f"{name}: {_listed(found)}" for name, found in classes.items())
            + ". Bring the spellings together: of images with the modality's 'aliases', of sounds "
            "with those of the classification task."
        )


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
