"""Reading spectra: many buckets behind one table of recordings; no sound is decoded."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError
from soundmill.status import OK, read_table

Spectrum = npt.NDArray[np.float16]


class Place(NamedTuple):
    """Where a spectrum lies: the number of its bucket, its first frame, its frames."""

    bucket: int
    first: int
    frames: int


class SpectraStore:
    """The spectra of recordings, or of their augmented copies, memory-mapped.

    Parameters
    ----------
    pairs : (array .npy, index .csv) of each bucket, as `spectra_bucket` and `augmented_bucket`
        write them. Recordings without a spectrum (status rejected) are left out.

    Only the indices are read at once; an array is opened when it is first asked for, and in each
    process anew, so that a store can be handed to the workers of a data loader.

    Raises
    ------
    InputError
        When two buckets hold the same recording, or the same copy of it.
    """

    def __init__(
        self, pairs: Iterable[tuple[str | os.PathLike[str], str | os.PathLike[str]]]
    ) -> None:
        self._paths: list[Path] = []
        self._arrays: dict[int, Spectrum] = {}
        self._places: dict[str, Place] = {}
        self._copies: dict[str, dict[int, Place]] = {}
        for number, (array, index) in enumerate(pairs):
            self._paths.append(Path(array))
            for row in read_table(index):
                if row["status"] == OK:
                    place = Place(number, int(row["first"]), int(row["frames"]))
                    self._add(row["id"], row.get("copy"), place, index)

    def _add(
        self, name: str, copy: str | None, place: Place, index: str | os.PathLike[str]
    ) -> None:
        places: dict[Any, Place] = self._places
        key: str | int = name
        if copy is not None:
            places, key = self._copies.setdefault(name, {}), int(copy)
        if key in places:
            raise InputError(f"{index} lists {name!r} once more; each recording has one spectrum")
        places[key] = place

    def __contains__(self, name: object) -> bool:
        """Tell whether a recording, of this id, has a spectrum."""
        return name in self._places

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the recordings, bucket by bucket."""
        return iter(self._places)

    def __getitem__(self, name: str) -> Spectrum:
        """Return the spectrum (frames, bands) of a recording; `KeyError` where there is none."""
        return self._read(self._places[name])

    def frames(self, name: str) -> int:
        """Return the number of frames of a recording without opening its array."""
        return self._places[name].frames

    def copies(self, name: str) -> list[Spectrum]:
        """Return the spectra of a recording's augmented copies by their numbers; none is fine."""
        copies = self._copies.get(name, {})
        return [self._read(copies[number]) for number in sorted(copies)]

    @property
    def bands(self) -> int:
        """Second axis of the arrays; 0 for a store without buckets."""
        return int(self._open(0).shape[1]) if self._paths else 0

    def _read(self, place: Place) -> Spectrum:
        return self._open(place.bucket)[place.first : place.first + place.frames]

    def _open(self, number: int) -> Spectrum:
        if number not in self._arrays:
            mapped = np.load(self._paths[number], mmap_mode="r")
            # a plain view of the map: slices of np.memmap itself cost ten times as much
            self._arrays[number] = mapped.view(np.ndarray)
        return self._arrays[number]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps behind: pickled they would be copies of the whole arrays."""
        return {**self.__dict__, "_arrays": {}}
