"""Windows over the frames of a recording, and the statistics of frame series in each."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from soundmill.features.columns import ALL
from soundmill.features.descriptor_options import DescriptorOptions

SHORTEST_TAIL = 0.1
"""A rest shorter than this share of a segment makes no segment of its own."""
CONSTANT = 1e-6
"""A series whose deviation is below this share of its largest value counts as constant."""
AT_ONCE = 1 << 19
"""Values whose statistics are computed at once; what bounds the memory of long recordings."""


class Windows(NamedTuple):
    """Ranges of frames: the recording first, then its segments, all of one length.

    Frame t is centred at sample t x hop; window w holds the frames ``first[w] <= t < last[w]``.
    ``starts`` and ``seconds`` are those of the segments. A recording that is its only segment has
    one window, and ``itself`` is true.
    """

    first: list[int]
    last: list[int]
    starts: list[float]
    seconds: list[float]
    itself: bool

    def __len__(self) -> int:
        return len(self.first)


def make_windows(samples: int, frames: int, options: DescriptorOptions) -> Windows:
    """Lay segments over a recording of ``samples`` samples and ``frames`` frames.

    Segments begin every ``segment_seconds * (1 - overlap)``; where they leave a rest of at least
    `SHORTEST_TAIL`, a last segment ends with the recording.
    """
    total = samples / options.sample_rate
    if options.segment_seconds is None:
        return Windows([0], [frames], [], [], False)
    segment = options.segment_seconds
    if total <= segment * (1 + SHORTEST_TAIL):
        return Windows([0], [frames], [0.0], [total], True)
    step = segment * (1 - options.overlap)
    starts = [n * step for n in range(int((total - segment) / step + 1e-9) + 1)]
    if total - (starts[-1] + segment) >= SHORTEST_TAIL * segment:
        starts.append(total - segment)
    rate = options.sample_rate / options.hop
    length = max(1, round(segment * rate))
    first = [min(round(start * rate), frames - length) for start in starts]
    last = [start + length for start in first]
    return Windows([0, *first], [frames, *last], starts, [segment] * len(starts), False)


def summarise(series: Tensor, windows: Windows) -> Tensor:
    """Return the statistics `columns.ALL` of frame series in each window.

    Parameters
    ----------
    series : (rows, frames); frames that are NaN are left out.

    Returns
    -------
    Tensor
        (windows, rows, statistics), float64; NaN where undefined (see `columns`).
    """
    result = torch.empty(len(windows), len(series), len(ALL), dtype=torch.float64)
    for start, part in _parts(series, series.shape[1]):
        result[0, start : start + len(part)] = statistics(part)
    if len(windows) > 1:
        length = windows.last[1] - windows.first[1]
        places = torch.tensor(windows.first[1:])[:, None] + torch.arange(length)
        for start, part in _parts(series, places.numel()):
            values = statistics(part[:, places])  # (rows, segments, statistics)
            result[1:, start : start + len(part)] = values.transpose(0, 1)
    return result


def _parts(series: Tensor, each: int) -> list[tuple[int, Tensor]]:
    size = max(1, AT_ONCE // each)
    return [(start, series[start : start + size]) for start in range(0, len(series), size)]


def statistics(values: Tensor) -> Tensor:
    """Return the statistics `columns.ALL` over the last axis, in a new last axis, as float64.

    Values that are NaN are left out, and with them the differences to their neighbours.
    Percentiles interpolate linearly between order statistics, as `numpy.percentile` does.
    """
    x = values.double()
    valid = ~x.isnan()
    everything = bool(valid.all())
    count = valid.sum(-1).double()
    mean = _mean(x, valid, count, everything)
    deviation = x - mean[..., None]
    square = deviation * deviation
    second = _mean(square, valid, count, everything)
    third = _mean(square * deviation, valid, count, everything)
    fourth = _mean(square * square, valid, count, everything)
    ordered = torch.from_numpy(np.sort(x.numpy(), axis=-1))  # NaN comes last; torch's is slower
    quantiles = _quantiles(ordered, count)
    low, p10, median, p90, high = quantiles.unbind(-1)
    largest = torch.maximum(low.abs(), high.abs())
    moving = torch.where(second.sqrt() > CONSTANT * largest, second, torch.nan)
    steps = x.diff(dim=-1)
    present = ~steps.isnan()
    number = present.sum(-1).double()
    drift = _mean(steps, present, number, everything)
    spread = _mean((steps - drift[..., None]) ** 2, present, number, everything)
    found = {
        "mean": mean,
        "std": second.sqrt(),
        "skew": third / moving**1.5,
        "kurtosis": fourth / moving**2 - 3,
        "min": low,
        "p10": p10,
        "median": median,
        "p90": p90,
        "max": high,
        "dmean": drift,
        "dvar": spread,
    }
    return torch.stack([found[name] for name in ALL], dim=-1)


def _mean(x: Tensor, valid: Tensor, count: Tensor, everything: bool) -> Tensor:
    """Return the mean of what is valid; of nothing it is NaN."""
    return (x if everything else torch.where(valid, x, 0.0)).sum(-1) / count


def _quantiles(ordered: Tensor, count: Tensor) -> Tensor:
    """Return minimum, 10th percentile, median, 90th percentile and maximum of sorted values."""
    shares = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=torch.float64)
    places = (count[..., None] - 1).clamp(min=0) * shares
    below = places.floor()
    above = places.ceil()
    low = ordered.gather(-1, below.long())
    high = ordered.gather(-1, above.long())
    return low + (high - low) * (places - below)


def window_matrix(windows: Windows, start: int, stop: int, skip: int = 0) -> Tensor:
    """Return (windows, frames) of ones where a frame of ``start`` to ``stop`` is in a window.

    ``skip`` leaves out that many frames at the beginning of each window. Times a matrix of frames
    it gives each window's sum.
    """
    frames = torch.arange(start, stop)
    first = torch.tensor(windows.first)[:, None] + skip
    last = torch.tensor(windows.last)[:, None]
    return ((frames >= first) & (frames < last)).float()


def window_sums(values: np.ndarray, windows: Windows) -> np.ndarray:
    """Return each window's sum of ``values`` (..., frames), as (..., windows) in float64."""
    total = np.cumsum(values, axis=-1, dtype=np.float64)
    total = np.concatenate([np.zeros((*total.shape[:-1], 1)), total], axis=-1)
    return np.asarray(total[..., windows.last] - total[..., windows.first])
