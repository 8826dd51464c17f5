"""Whether a corpus, of recordings or of images, is good enough to go on: by its manifest alone."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

from soundmill.files import write_json
from soundmill.status import IGNORED, OK, REJECTED, check_rejected, read_table


def accept_corpus(
    manifest: Path, output: str | os.PathLike[str], max_rejected: float
) -> dict[str, Any]:
    """Count a corpus by status into ``output`` (JSON), if it is good enough to go on.

    Of recordings ``seconds`` is how much sound was accepted. It is a step of its own, so that the
    manifest with all reasons is there when it fails.

    Raises
    ------
    InputError
        When nothing is left or more than ``max_rejected`` (a share, 0 to 1) was rejected.
    """
    rows = read_table(manifest)
    check_rejected(rows, max_rejected, manifest)
    counts = Counter(row["status"] for row in rows)
    figures: dict[str, Any] = {status: counts[status] for status in (OK, REJECTED, IGNORED)}
    seconds = [float(row["seconds"]) for row in rows if row["status"] == OK and row["seconds"]]
    if seconds:  # images have none
        figures["seconds"] = round(sum(seconds), 3)
    figures["max_rejected"] = max_rejected
    write_json(output, figures)
    return figures
