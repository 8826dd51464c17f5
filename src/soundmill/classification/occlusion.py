"""Which part of a spectrum a decision rests on: cover it, patch by patch, and watch the decision.

Zeiler and Fergus, "Visualizing and understanding convolutional networks" (2014), section 4.2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundmill.classification.network_data import Spectrum
from soundmill.classification.network_model import TrainedNetwork, decide
from soundmill.errors import InputError


@dataclass(frozen=True)
class OcclusionMap:
    """How far a probability falls when a part of the spectrum is covered.

    Attributes
    ----------
    drop : (t, b), mean over the patches that cover a cell; negative where covering helps.
    frames : (t + 1,) frame at which each row of cells begins, and the end of the last.
    bands : (b + 1,) the same for columns.
    probability : of the class when nothing is covered; of a regression, the value.
    """

    drop: npt.NDArray[np.float64]
    frames: npt.NDArray[np.intp]
    bands: npt.NDArray[np.intp]
    probability: float


def occlusion_map(
    model: TrainedNetwork,
    spectrum: Spectrum,
    target: int | str,
    patch_frames: int = 16,
    patch_bands: int = 16,
) -> OcclusionMap:
    """Cover patches of a recording's spectrum with each band's mean level and decide again.

    Parameters
    ----------
    spectrum : (frames, bands) in dB.
    target : class, tag or value, by name or number.
    patch_frames, patch_bands : size of a patch; patches overlap by half, so cells are half as
        large. A recording of s chunks costs about 4 s frames bands / (patch_frames patch_bands)
        chunks for each seed.

    Raises
    ------
    InputError
        when the class is unknown.
    """
    number = _number(model.classes, target)
    frames = _edges(len(spectrum), max(patch_frames // 2, 1))
    bands = _edges(spectrum.shape[1], max(patch_bands // 2, 1))
    patches = [
        (i, j) for i in range(max(len(frames) - 2, 1)) for j in range(max(len(bands) - 2, 1))
    ]

    def covered() -> Iterator[Spectrum]:
        level = spectrum.mean(axis=0, dtype=np.float64).astype(spectrum.dtype)
        for i, j in patches:
            changed = spectrum.copy()
            rows, columns = _span(frames, i), _span(bands, j)
            changed[rows, columns] = level[columns]
            yield changed

    whole = float(model.decide(spectrum).recording[number])
    found = np.zeros(len(patches))
    for network in model.networks:
        decisions = decide(network, covered(), model.frames)
        found += [decision.recording[number] for decision in decisions]
    drops = whole - found / len(model.networks)
    total = np.zeros((len(frames) - 1, len(bands) - 1))
    count = np.zeros_like(total)
    for (i, j), drop in zip(patches, drops, strict=True):
        total[i : i + 2, j : j + 2] += drop
        count[i : i + 2, j : j + 2] += 1
    return OcclusionMap(total / count, frames, bands, whole)


def _number(classes: Sequence[str], target: int | str) -> int:
    if isinstance(target, str):
        if target not in classes:
            raise InputError(f"{target!r} is not among the model's classes: {', '.join(classes)}")
        return list(classes).index(target)
    if not 0 <= target < len(classes):
        raise InputError(f"class number {target} is not below {len(classes)}")
    return target


def _edges(size: int, step: int) -> npt.NDArray[np.intp]:
    return np.append(np.arange(0, size, step), size).astype(np.intp)


def _span(edges: npt.NDArray[np.intp], first: int) -> slice:
    """Two cells from ``first`` on, or what there is of them."""
    return slice(int(edges[first]), int(edges[min(first + 2, len(edges) - 1)]))
