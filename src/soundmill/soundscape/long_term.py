"""Hours of sound: seams, drift, repetition, loudness and clipping of a long piece or of a loop.

Each figure stands beside that of real recordings, computed in the same way: weather drifts too, and
crickets repeat themselves.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.soundscape.frames import WINDOW, Frames, read_frames
from soundmill.soundscape.repetition import Repetition, find_repetition
from soundmill.soundscape.seams import join_seam, seams_at

PathLike = str | os.PathLike[str]
Values = npt.NDArray[np.float64]

MARGIN = 0.05
"""Similarities within this of the real ones are not called repetition: longer pieces have more
pairs of stretches, and so a slightly higher best by chance."""
LEAST_SIMILARITY = 0.5
LONG_PIECE = 600.0
LONG_WINDOW = 12
"""Pieces of ten minutes or more are looked at in windows of so many times 5 s."""
ERRORS = 4.0
REAL_SHARE = 90
"""Percentile of the real recordings that is the end of their range: among some tens there often is
one that was looped by whoever published it."""
TIMES_SPREAD = 2.0
"""A change of more than so many standard deviations within real recordings counts as drift."""


def measure_long(
    path: PathLike,
    real: Sequence[PathLike],
    boundaries: Sequence[float] | None = None,
    *,
    loop: bool = False,
    real_seconds: float = 600.0,
) -> dict[str, Any]:
    """Measure a long piece beside real recordings; plain values, None where there is no figure.

    Parameters
    ----------
    path : any audio file, read in blocks.
    real : recordings the model learned from.
    boundaries : times (s) at which the generator joined what it made, if it says them.
    loop : whether the end shall meet the beginning.
    real_seconds : of the real recordings so much at most is read, of each a quarter of that.

    Returns
    -------
    ``seconds``, ``sample_rate``, ``channels``, ``peak_dbfs``, ``clipped_samples``; ``loudness``:
    integrated in LUFS, and the standard deviation over windows in LU; ``drift`` of loudness (LU)
    and brightness (octaves of the spectral centroid): per hour, change over the piece, and whether
    it is beyond the real spread; ``seams`` at the boundaries and ``loop_seam``, see
    `soundmill.soundscape.seams`; ``repetition``: similarity of the most alike 2 s stretches and
    their times, the median over stretches of the best match, and the same for real recordings.

    Raises
    ------
    InputError
        When a file cannot be read.
    """
    piece = read_frames(path)
    others = _read_real(real, real_seconds)
    logger.info("%s: %.0f s measured beside %d recordings", path, piece.seconds, len(others))
    return {
        "seconds": round(piece.seconds, 3),
        "sample_rate": piece.sample_rate,
        "channels": piece.channels,
        "peak_dbfs": round(piece.peak, 3),
        "clipped_samples": piece.clipped,
        **_changes(piece, others),
        "seams": seams_at(piece, boundaries)
        if boundaries is not None and len(boundaries)
        else None,
        "loop_seam": join_seam(path, piece) if loop else None,
        "repetition": _repetition(piece, others),
    }


def _read_real(paths: Sequence[PathLike], most: float) -> list[Frames]:
    """Read recordings up to a limit, in an order that has nothing to do with their labels."""
    found: list[Frames] = []
    for path in sorted(map(Path, paths), key=lambda path: derive(0, "real", path.name)):
        if sum(one.seconds for one in found) >= most:
            break
        found.append(read_frames(path, most / 4))
    return found


def _windows(frames: Sequence[Frames], count: int) -> dict[str, list[Values]]:
    """Return loudness and brightness of recordings in windows of ``count`` times 5 s."""
    return {
        "loudness": [10 * np.log10(_merged(10 ** (one.loudness / 10), count)) for one in frames],
        "brightness": [_merged(one.brightness, count) for one in frames],
    }


def _merged(values: Values, count: int) -> Values:
    """Return means of ``count`` neighbours; a rest is left out, unless it is all."""
    whole = len(values) // count * count
    return values[:whole].reshape(-1, count).mean(axis=1) if whole else values.mean(keepdims=True)


def _spread(windows: Sequence[Values]) -> float | None:
    """Return the standard deviation within recordings, pooled over them; None without any."""
    parts = [part - part.mean() for part in windows if len(part) >= 2]
    if not parts:
        return None
    freedom = sum(len(part) - 1 for part in parts)
    return float(np.sqrt(np.square(np.concatenate(parts)).sum() / freedom))


def _changes(piece: Frames, others: Sequence[Frames]) -> dict[str, Any]:
    """Return the entries ``loudness`` and ``drift``.

    A piece of ten minutes or more is looked at in windows of a minute, a shorter one in windows of
    5 s. The real recordings are too, or in windows of 5 s where none is long enough.
    """
    count = LONG_WINDOW if piece.seconds >= LONG_PIECE else 1
    own, real = _windows([piece], count), _windows(others, count)
    real_count = count
    if all(len(values) < 2 for values in real["loudness"]):
        real, real_count = _windows(others, 1), 1
    seconds = count * WINDOW
    return {
        "loudness": {
            "unit": "LUFS",
            "integrated": round(piece.integrated, 3),
            "window_seconds": seconds,
            "spread": _rounded(_spread(own["loudness"])),
            "real_window_seconds": real_count * WINDOW,
            "real_spread": _rounded(_spread(real["loudness"])),
        },
        "drift": {
            name: {"unit": unit} | _drift(own[name][0], _spread(real[name]), seconds)
            for name, unit in (("loudness", "LU"), ("brightness", "octaves"))
        },
    }


def _drift(values: Values, spread: float | None, seconds: float) -> dict[str, Any]:
    """Return the straight line through windows of a piece, and whether it leaves the real spread.

    Drift is a change over the piece of more than twice the standard deviation within real
    recordings (where there are any), and of four standard errors of the slope, which are estimated
    from the scatter around the line.
    """
    entry = {"per_hour": None, "change": None, "real_spread": _rounded(spread), "beyond_real": None}
    if len(values) < 3:
        return entry
    hours = (np.arange(len(values)) - (len(values) - 1) / 2) * seconds / 3600
    slope = float(hours @ values / (hours @ hours))
    rest = values - values.mean() - slope * hours
    error = float(np.sqrt(rest @ rest / (len(values) - 2) / (hours @ hours)))
    change = slope * len(values) * seconds / 3600
    beyond = abs(change) > TIMES_SPREAD * (spread or 0.0) and abs(slope) > ERRORS * error
    return entry | {
        "per_hour": _rounded(slope),
        "change": _rounded(change),
        "beyond_real": bool(beyond),
    }


def _repetition(piece: Frames, others: Sequence[Frames]) -> dict[str, Any] | None:
    """Return how alike stretches are; repetition is beyond 90 % of the real recordings."""
    found = find_repetition(piece)
    if found is None:
        return None
    real = [r for r in map(find_repetition, others) if r is not None]
    highest, typical = [r.highest for r in real], [r.typical for r in real]
    beyond = found.highest > _limit(highest) or found.typical > _limit(typical)
    return _described(found) | {
        "real": {
            "recordings": len(real),
            "highest": _rounded(max(highest, default=None)),
            "typical": _rounded(max(typical, default=None)),
            "limits": [_rounded(_limit(highest)), _rounded(_limit(typical))],
        },
        "beyond_real": bool(beyond),
    }


def _limit(real: Sequence[float]) -> float:
    usual = float(np.percentile(real, REAL_SHARE)) if real else 0.0
    return max(usual, LEAST_SIMILARITY) + MARGIN


def _described(found: Repetition) -> dict[str, Any]:
    return {
        "stretch_seconds": found.stretch_seconds,
        "stretches": found.stretches,
        "highest": _rounded(found.highest),
        "at": [round(found.first, 2), round(found.second, 2)],
        "typical": _rounded(found.typical),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
