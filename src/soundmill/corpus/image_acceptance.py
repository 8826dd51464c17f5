"""Whether an image corpus is good enough to go on, judged by its manifest alone."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

from soundmill.files import write_json
from soundmill.status import IGNORED, OK, REJECTED, check_rejected, read_table


def accept_images(
    manifest: Path, output: str | os.PathLike[str], max_rejected: float
) -> dict[str, Any]:
    """Count images by status into ``output`` (JSON), if the corpus is good enough to go on.

    Raises
    ------
    InputError
        When nothing is left or more than ``max_rejected`` (a share, 0 to 1) was rejected.
    """
    rows = read_table(manifest)
    check_rejected(rows, max_rejected, manifest)
    counts = Counter(row["status"] for row in rows)
    figures: dict[str, Any] = {status: counts[status] for status in (OK, REJECTED, IGNORED)}
    figures["max_rejected"] = max_rejected
    write_json(output, figures)
    return figures
