"""Fitted learners on disk, without pickle: a file that is read can run no code of its own."""

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from soundmill.classification.fitting import Learner
from soundmill.errors import InputError
from soundmill.files import atomic_path

_OWN = "soundmill.classification.estimators"
TRUSTED = (
    f"{_OWN}.BoostedTrees", f"{_OWN}.CalibratedSvm", f"{_OWN}.Components",
    f"{_OWN}.GaussianMixtures", f"{_OWN}.OneForEach", f"{_OWN}.Prior", f"{_OWN}.SvmValues",
    "soundmill.classification.forest.Forest",
    "soundmill.classification.scaling.Fill", "soundmill.classification.scaling.KeepBest",
    "soundmill.classification.scaling.Scaler",
)  # fmt: skip
"""The types a model file may hold beside those of numpy and scikit-learn that skops knows."""
_FOR_TORCH = "sklearn.externals.array_api_compat.torch"
STAMP = (2000, 1, 1, 0, 0, 0)


def save_learner(path: str | os.PathLike[str], learner: Learner) -> None:
    """Write a learner with skops; the same learner gives the same bytes."""
    skops_io = _skops_io()
    data = {
        "pipeline": learner.pipeline, "kind": learner.kind, "present": learner.present,
        "classes": learner.classes,
    }  # fmt: skip
    with atomic_path(path) as temporary:
        temporary.write_bytes(_settled(skops_io.dumps(data)))


def load_learner(path: str | os.PathLike[str]) -> Learner:
    """Read what `save_learner` wrote.

    Raises
    ------
    InputError
        When the file holds a type that is not among `TRUSTED`, or cannot be read.
    """
    skops_io = _skops_io()
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        data = skops_io.load(Path(path), trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise InputError(
            f"{path} holds types no model of this kind has ({error}); do not use it, train again"
        ) from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {error}); train the model again"
        ) from error
    present = np.asarray(data["present"], np.int64)
    return Learner(data["pipeline"], data["kind"], present, data["classes"])


def _skops_io() -> ModuleType:
    """Return `skops.io`, imported without torch.

    skops asks scikit-learn for all its estimators, which imports all its packages; one of them
    is for arrays of torch and imports that: more than a second, and 180 MB, for nothing. The search
    goes on without a package that cannot be imported.
    """
    without = _FOR_TORCH not in sys.modules
    if without:
        sys.modules[_FOR_TORCH] = None  # type: ignore[assignment]  # Python's way to say: not there
    try:
        import skops.io
    finally:
        if without:
            del sys.modules[_FOR_TORCH]
    return skops.io


def _settled(content: bytes) -> bytes:
    """Number the objects of a skops file in their order, in place of their memory addresses."""
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def settle(node: Any) -> Any:
        if isinstance(node, list):
            return [settle(item) for item in node]
        if not isinstance(node, dict):
            return node
        kept = {}
        for name, value in node.items():
            if name == "__id__":
                value = numbers.setdefault(value, len(numbers))
            elif name == "file":
                suffix = Path(value).suffix
                value = files.setdefault(value, f"{len(files)}{suffix}")
            kept[name] = settle(value)
        return kept

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        schema = settle(json.loads(old.read("schema.json")))
        members = [(files[name], old.read(name)) for name in old.namelist() if name in files]
        members.append(("schema.json", json.dumps(schema).encode()))
        for name, data in members:
            new.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
