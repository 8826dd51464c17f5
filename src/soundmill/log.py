"""Logging for jobs and the command line, and progress for long loops."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from soundmill.errors import InputError

T = TypeVar("T")

logger = logging.getLogger("soundmill")
LOG_INTERVAL_SECONDS = 15.0


@contextmanager
def job_log(path: str | os.PathLike[str]) -> Iterator[None]:
    """Send everything a job says to its log file, tracebacks included.

    On failure the last line on the terminal says what went wrong and which file to open,
    and the process ends with status 1.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # a training on several devices runs its script once in each process: the first one starts
    # the file, the others add to it
    mode = "w" if os.environ.get("LOCAL_RANK", "0") == "0" else "a"
    handler = logging.FileHandler(path, mode, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    except Exception as error:
        # libraries may have taken the handlers off the root logger: hand it over directly
        trace = traceback.format_exc()
        handler.emit(
            logging.makeLogRecord({"name": "soundmill", "levelname": "ERROR", "msg": trace})
        )
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        print(f"error: {kind}{error}\nThe whole story is in {path}", file=sys.stderr)
        sys.exit(1)
    finally:
        root.removeHandler(handler)
        handler.close()


def progress(
    items: Iterable[T], *, total: int, unit: str = "files", label: str = ""
) -> Iterator[T]:
    """Yield ``items`` and say how far it is.

    On a terminal one line is redrawn (rate and time left); elsewhere a plain line goes to the
    log every 15 seconds and at the end.
    """
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    started = last = time.monotonic()
    done = 0
    with tqdm(total=total, unit=f" {unit}", desc=label, disable=not terminal, leave=False) as bar:
        for item in items:
            yield item
            done += 1
            bar.update()
            now = time.monotonic()
            if now - last >= LOG_INTERVAL_SECONDS or done == total:
                last = now
                rate = done / max(now - started, 1e-9)
                left = (total - done) / max(rate, 1e-9)
                logger.info(
                    "%s: %d of %d %s, %.1f %s/s, %.0f s left",
                    label or "progress", done, total, unit, rate, unit, left,
                )  # fmt: skip
