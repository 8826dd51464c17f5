"""Which files of a rule's input belong together: arrays with indices, copies by augmentation."""

from collections.abc import Iterable, Sequence
from pathlib import Path

Pair = tuple[str | Path, str | Path]
"""Array and index of the spectra of one bucket."""


def pair_buckets(arrays: Sequence[str | Path], indices: Sequence[str | Path]) -> list[Pair]:
    """Return the array and the index of each bucket: those of one name.

    Raises
    ------
    ValueError
        when an array has no index, or the other way round.
    """
    by_name = {Path(path).with_suffix(""): path for path in indices}
    if {Path(path).with_suffix("") for path in arrays} != set(by_name):
        raise ValueError("arrays and indices of spectra are not of the same buckets")
    return [(path, by_name[Path(path).with_suffix("")]) for path in arrays]


def group_copies(paths: Iterable[str | Path]) -> dict[str, list[Pair]]:
    """Return the pairs of each augmentation, which is the name of the folder they lie in.

    Parameters
    ----------
    paths : ``.../<augmentation>/<bucket>.npy`` and ``.csv`` in any order.
    """
    found: dict[str, list[str | Path]] = {}
    for path in paths:
        found.setdefault(Path(path).parent.name, []).append(path)
    return {
        name: pair_buckets(
            [path for path in some if Path(path).suffix == ".npy"],
            [path for path in some if Path(path).suffix == ".csv"],
        )
        for name, some in found.items()
    }
