"""Has the model copied? Nearest training clips, and stretches of training recordings found again.

Two checks. In an embedding a clip may be no nearer to a training clip than held-out real ones are.
And patches of a clip's spectrogram are searched for in the training recordings themselves: what was
copied matches nearly exactly, whatever its level; what only sounds alike does not, since its noise
is another.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples
from soundmill.soundscape.distribution import squared_distances
from soundmill.soundscape.filters import erb_filters, power_frames

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

BANDS = 24
WINDOW_SECONDS = 0.046
HOPS_PER_WINDOW = 4
"""Where the search looks: a quarter of a window apart."""
STRIDE = 2
"""Of a patch every second frame is compared, which loses little and halves the work."""
DEEPEST_DB = 60.0
LEAST_CHANGE_DB = 1.0
"""Patches that change less (root mean square) are steady tones or silence: they match anything."""
AT_ONCE = 1 << 24
"""Pairs of patches compared at once; bounds the memory to about 100 MB."""


def nearest_distances(points: Values, training: Values) -> Values:
    """Return the distance of each point (n, d) from the nearest training clip; NaN without any."""
    if not len(training):
        return np.full(len(points), np.nan)
    return np.asarray(np.sqrt(squared_distances(points, training).min(axis=1, initial=np.inf)))


def beyond_real(
    values: Values,
    labels: Sequence[str],
    real: Values,
    real_labels: Sequence[str],
    *,
    nearer: bool,
) -> Values:
    """Return for each clip whether it is likelier a copy than 95 % of held-out real clips are.

    Values count from the median of the real clips with the same label: crickets are always like
    other crickets, and must not hide a copied wind. Clips of another label or none count from the
    median of all real clips.

    Parameters
    ----------
    nearer : whether small values tell a copy (distances) or large ones (similarities).

    Returns
    -------
    (n,) of 0 and 1, whose mean is about 0.05 where nothing is copied; NaN where a value is, or
    where no real clip has one.
    """
    sign = -1.0 if nearer else 1.0
    known = np.isfinite(real)
    if not known.any():
        return np.full(len(values), np.nan)
    names = np.array(real_labels, dtype=str)
    usual = {name: np.median(real[known & (names == name)]) for name in set(names[known]) if name}
    overall = np.median(real[known])
    from_usual = sign * (real - np.array([usual.get(name, overall) for name in real_labels]))
    limit = np.percentile(from_usual[known], 95)
    own = sign * (values - np.array([usual.get(name, overall) for name in labels]))
    return np.where(np.isfinite(values), own > limit, np.nan)


def patch_similarities(
    clips: Iterable[Samples],
    training: Iterable[Samples],
    sample_rate: int,
    patch_seconds: float,
    patches: int,
) -> Values:
    """Return how well the best patch of each clip is found in training sounds, (clips,).

    The normalised cross-correlation of log spectrograms (24 bands), each band counted from its mean
    over the patch and each frame from its mean over the bands. So neither level nor colour counts,
    nor that something began, only the fine structure of what happened: 1 is the same sound, and
    independent noise reaches 0.3 to 0.5 by chance. NaN for clips without a patch that changes.

    Parameters
    ----------
    clips, training : samples (channels, n) at ``sample_rate``; ``training`` is read once.
    patch_seconds : length of a patch.
    patches : so many a clip at most, evenly spread.
    """
    frames = max(4, round(patch_seconds * sample_rate / _hop(sample_rate)))
    queries = [_query_patches(_levels(c, sample_rate), frames, patches) for c in clips]
    owners = np.repeat(np.arange(len(queries)), [len(q) for q in queries])
    best = np.full(len(queries), np.nan)
    if not len(owners):
        return best
    stacked = np.concatenate(queries)
    found = np.full(len(stacked), -np.inf)
    places = max(AT_ONCE // len(stacked), 1)
    for sound in training:
        levels = _levels(sound, sample_rate)
        for start in range(0, max(len(levels) - frames + 1, 0), places):
            part = _unit_patches(levels[start : start + places + frames - 1], frames)
            if len(part):
                np.maximum(found, (stacked @ part.T).max(axis=1), out=found)
    np.fmax.at(best, owners, np.where(np.isfinite(found), found, np.nan))
    return best


def _hop(sample_rate: int) -> int:
    return _window(sample_rate) // HOPS_PER_WINDOW


def _window(sample_rate: int) -> int:
    return int(2 ** round(np.log2(WINDOW_SECONDS * sample_rate)))


def _levels(samples: Samples, sample_rate: int) -> Floats:
    """Return the levels (frames, bands) in dB of the channels' mean power."""
    size = _window(sample_rate)
    power = power_frames(samples, size, size // HOPS_PER_WINDOW)
    power = power @ erb_filters(sample_rate, size, BANDS)
    power = power.reshape(len(samples), -1, BANDS).mean(axis=0)
    floor = max(float(power.max()) * 10 ** (-DEEPEST_DB / 10), 1e-11)
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(floor))))


def _query_patches(levels: Floats, frames: int, most: int) -> Floats:
    places = max(len(levels) - frames + 1, 0)
    starts = np.unique(np.linspace(0, places - 1, min(most, places)).round().astype(int))
    parts = [_unit_patches(levels[s : s + frames], frames) for s in starts]
    return np.concatenate(parts) if parts else _unit_patches(levels[:0], frames)


def _unit_patches(levels: Floats, frames: int) -> Floats:
    """Return all patches (places, numbers) of levels, of unit norm; those hardly changing go."""
    numbers = BANDS * len(range(0, frames, STRIDE))
    if len(levels) < frames:
        return np.zeros((0, numbers), np.float32)
    patches = np.lib.stride_tricks.sliding_window_view(levels, frames, axis=0)[:, :, ::STRIDE]
    moved = patches - patches.mean(axis=2, keepdims=True)
    moved -= moved.mean(axis=1, keepdims=True)
    flat = moved.reshape(len(moved), -1)
    norm = np.linalg.norm(flat, axis=1)
    heard = norm > LEAST_CHANGE_DB * np.sqrt(numbers)
    return np.asarray(flat[heard] / norm[heard, None], np.float32)
