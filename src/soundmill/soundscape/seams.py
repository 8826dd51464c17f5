"""Can one hear where a piece was joined? Changes at the joints beside changes elsewhere.

Two changes are measured at a place: ``click``, how far the levels on it exceed those just before
and just after, which a break in the wave makes large in all bands; and ``step``, the absolute
difference of the mean levels of half a second before and after, where colour or level jump. Both
are means over the bands in dB, and are compared with the same measures at places spread over the
rest of the piece, as robust z-scores (from the median, over 1.4826 times the median absolute
deviation). A break that the noise around it covers is none: what counts can be heard.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples, open_source
from soundmill.soundscape.filters import erb_filters, power_frames
from soundmill.soundscape.frames import BANDS, FAINTEST, HOPS_PER_WINDOW, WINDOW_SECONDS, Frames

PathLike = str | os.PathLike[str]
Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

STEP_SECONDS = 0.5
DEEPEST_DB = 60.0
MOST_PLACES = 4000
"""Places elsewhere that are compared with, evenly spread."""
JOIN_SECONDS = 2.0
LEVEL = 0.001
"""Seams are found when as many large changes at joints would come by chance in one of 1000."""


def seams_at(piece: Frames, boundaries: Sequence[float]) -> dict[str, Any]:
    """Compare changes at boundaries (s) with those elsewhere in a piece.

    Returns
    -------
    ``boundaries``: number of them within the piece; for ``click`` and ``step`` the largest and the
    median z-score there, the largest elsewhere, the share of boundaries above the 99th percentile
    of elsewhere (0.01 where there is no seam) and whether seams were ``detected``: so many above it
    have a probability below 0.001, or one is half as large again as anything elsewhere.
    """
    levels = _floored(piece)
    step = max(1, round(STEP_SECONDS / piece.hop))
    # frame f is centred half a window after f * hop
    joints = np.round(np.array(boundaries) / piece.hop - HOPS_PER_WINDOW / 2).astype(np.intp)
    joints = np.unique(joints[(joints >= step) & (joints < len(levels) - step)])
    elsewhere = _elsewhere(len(levels), joints, step)
    return {"boundaries": len(joints)} | _compared(levels, joints, levels, elsewhere, step)


def join_seam(path: PathLike, piece: Frames) -> dict[str, Any]:
    """Compare the change where the end of a file meets its beginning with those inside it.

    Returns
    -------
    As `seams_at`, of one boundary.
    """
    end, start = _ends(path)
    joined = np.concatenate([end, start], axis=1)
    size = int(2 ** round(np.log2(WINDOW_SECONDS * piece.sample_rate)))
    hop = size // HOPS_PER_WINDOW
    # cut so that a frame is centred on the joint
    offset = (end.shape[1] - size // 2) % hop
    power = power_frames(joined[:, offset:], size, hop) @ erb_filters(
        piece.sample_rate, size, BANDS
    )
    power = power.reshape(len(joined), -1, BANDS).mean(axis=0)
    floor = float(piece.levels.max()) - DEEPEST_DB
    around = np.maximum(10 * np.log10(np.maximum(power, FAINTEST)), floor)
    joint = np.array([(end.shape[1] - size // 2 - offset) // hop], np.intp)
    levels = _floored(piece)
    step = max(1, min(round(STEP_SECONDS / piece.hop), int(joint[0]), len(around) - joint[0] - 1))
    elsewhere = _elsewhere(len(levels), np.zeros(0, np.intp), step)
    return {"boundaries": 1} | _compared(around, joint, levels, elsewhere, step)


def _ends(path: PathLike) -> tuple[Samples, Samples]:
    """Return the last and the first two seconds of a file (or its halves), in constant memory."""
    with open_source(path) as source:
        wanted = round(JOIN_SECONDS * source.sample_rate)
        start = end = np.zeros((0, source.channels), np.float32)
        for block in source.blocks:
            if len(start) < wanted:
                start = np.concatenate([start, block])[:wanted]
            end = np.concatenate([end[-wanted:], block])[-wanted:]
    return np.ascontiguousarray(end.T), np.ascontiguousarray(start.T)


def _floored(piece: Frames) -> Values:
    levels = piece.levels.astype(np.float64)
    return np.asarray(np.maximum(levels, levels.max() - DEEPEST_DB))


def _elsewhere(frames: int, joints: Indices, step: int) -> Indices:
    """Return places away from the joints, where both measures can be taken."""
    places = np.arange(step, frames - step)
    if len(joints):
        after = np.searchsorted(joints, places)
        padded = np.concatenate([[-frames], joints, [2 * frames]])
        gap = np.minimum(places - padded[after], padded[after + 1] - places)
        # boundaries may be closer together than the steps are long
        for least in (step, HOPS_PER_WINDOW + 2):
            if (gap >= least).any():
                places = places[gap >= least]
                break
    if len(places) > MOST_PLACES:
        places = places[np.linspace(0, len(places) - 1, MOST_PLACES).round().astype(int)]
    return places


def _compared(
    at: Values, joints: Indices, inside: Values, elsewhere: Indices, step: int
) -> dict[str, Any]:
    if not len(joints) or len(elsewhere) < 20:
        return {"click": None, "step": None, "detected": None}
    found = {
        "click": _entry(_clicks(at, joints), _clicks(inside, elsewhere)),
        "step": _entry(_steps(at, joints, step), _steps(inside, elsewhere, step)),
    }
    return {**found, "detected": any(entry["detected"] for entry in found.values())}


def _clicks(levels: Values, places: Indices) -> Values:
    """Return how far the levels on a place exceed those one window before and after it."""
    last = len(levels) - 1
    on = np.max([levels[(places + d).clip(0, last)] for d in (-1, 0, 1)], axis=0)
    before = levels[(places - HOPS_PER_WINDOW).clip(0, last)]
    after = levels[(places + HOPS_PER_WINDOW).clip(0, last)]
    return np.asarray((on - np.maximum(before, after)).mean(axis=1))


def _steps(levels: Values, places: Indices, step: int) -> Values:
    """Return the change of the mean levels from before to after each place."""
    sums = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(levels, axis=0)])
    before = (sums[places] - sums[np.maximum(places - step, 0)]) / step
    stop = np.minimum(places + 1 + step, len(levels))
    after = (sums[stop] - sums[places + 1]) / (stop - places - 1)[:, None]
    return np.asarray(np.abs(after - before).mean(axis=1))


def _entry(at: Values, elsewhere: Values) -> dict[str, Any]:
    from scipy import stats

    centre = np.median(elsewhere)
    scale = max(1.4826 * float(np.median(np.abs(elsewhere - centre))), 1e-3)
    z, usual = (at - centre) / scale, (elsewhere - centre) / scale
    above = int((z > np.percentile(usual, 99)).sum())
    p = float(stats.binom.sf(above - 1, len(z), 0.01))
    # one place above one in a hundred is no news, so that a single joint has to exceed them all
    many = above > 1 and p < LEVEL
    largest = float(usual.max())
    return {
        "largest": round(float(z.max()), 3),
        "median": round(float(np.median(z)), 3),
        "largest_elsewhere": round(largest, 3),
        "share_above": round(above / len(z), 4),
        "detected": bool(many or z.max() > 1.5 * max(largest, 1.0)),
    }
