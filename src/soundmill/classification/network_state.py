"""The state folder of a long computation: kept while it is of the same inputs, else discarded."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from soundmill.log import logger


def open_state(state: Path, files: Iterable[str | Path], *parts: Any) -> None:
    """Make the state folder; discard what it holds when that was made of something else.

    Parameters
    ----------
    files : inputs, told apart by size and time of change, which is enough to see that they are
        others and does not read gigabytes.
    parts : what else decides the result: options, seed, fingerprint of the code; plain JSON values.
    """
    found = [Path(path) for path in files]
    stamps = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in found]
    key = hashlib.sha256(json.dumps([stamps, *parts], sort_keys=True).encode()).hexdigest()
    label = state / "key"
    if state.exists() and not (label.exists() and label.read_text() == key):
        logger.info("the saved state in %s is of another computation and is discarded", state)
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    label.write_text(key)
