"""Signs of life of a long job: what it is at, said when nothing else has been said for a while."""

import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

HEARTBEAT_SECONDS = 20.0
"""Longest silence of a job's log; a reader may take a log silent for much longer for dead."""

_busy: dict[object, str] = {}
"""What the loops and long calls of this process are at, in the order they began."""


@contextmanager
def doing(what: str) -> Iterator[Callable[[str], None]]:
    """Let the heartbeat name ``what`` as long as this lasts, in any thread.

    Yields a function that says how far it is, as cheap as an assignment:

    >>> with doing("reading long.wav") as tell:
    ...     tell("300 of 3600 s")
    """
    key = object()

    def tell(how_far: str) -> None:
        _busy[key] = f"{what}, {how_far}"

    _busy[key] = what
    try:
        yield tell
    finally:
        _busy.pop(key, None)


class Heartbeat:
    """Writes a line to a log whenever that was silent for a while, from a thread of its own.

    It draws no random numbers and touches nothing but the log. In a forked child there is no
    heartbeat: threads do not outlive a fork.

    Parameters
    ----------
    handler : of the log; the lines are handed to it directly, since libraries may take it off the
        root logger.
    interval : seconds of silence after which it speaks.
    """

    def __init__(self, handler: logging.Handler, interval: float = HEARTBEAT_SECONDS) -> None:
        self._handler, self._interval = handler, interval
        self._over = threading.Event()
        self._spoke = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._handler.addFilter(self._note)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._handler.removeFilter(self._note)

    def _note(self, record: logging.LogRecord) -> bool:
        """Note that the log speaks; everything passes."""
        self._spoke = time.monotonic()
        return True

    def _beat(self) -> None:
        before, worked = time.monotonic(), _cpu_seconds()
        left = self._interval
        while not self._over.wait(left):
            now = time.monotonic()
            left = self._spoke + self._interval - now
            if left <= 0:
                work = f"{_cpu_seconds() - worked:.0f} s of CPU in the last {now - before:.0f} s"
                before, worked = now, _cpu_seconds()
                text = f"still busy: {_places()}{work}, {_memory()}"
                self._handler.handle(
                    logging.LogRecord("soundmill", logging.INFO, __file__, 0, text, None, None)
                )
                left = self._interval


def _places() -> str:
    """Return what this process is at, the outermost first; some of many."""
    places = [*_busy.values(), *_function()]
    more = f"and {len(places) - 4} more; " if len(places) > 4 else ""
    return "".join(f"{place}; " for place in places[:4]) + more


def _function() -> list[str]:
    """Return the innermost function of soundmill that the main thread is in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("soundmill.") and module not in (__name__, "soundmill.log"):
            return [f"in {module.removeprefix('soundmill.')}.{frame.f_code.co_qualname}"]
        frame = frame.f_back
    return []


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _memory() -> str:
    """Return the memory this process has now, or where that is not known, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return f"{pages * resource.getpagesize() / 1e6:.0f} MB"
    except OSError:  # no Linux
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
        return f"{peak / 1e6:.0f} MB at most"
