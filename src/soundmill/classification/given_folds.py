"""Folds that come with the data: in a label column, or in lists of names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundmill.classification.naming import Finder, numbers_first
from soundmill.classification.task import TEST, TRAIN, UNUSED, VALID
from soundmill.classification.task_options import SplitFiles
from soundmill.errors import InputError
from soundmill.status import Row

PART_NAMES = {
    "train": TRAIN, "training": TRAIN, "valid": VALID, "validation": VALID, "val": VALID,
    "dev": VALID, "test": TEST, "testing": TEST, "eval": TEST,
}  # fmt: skip
MOST_FOLDS = 100


@dataclass
class Given:
    """Given parts (n,) by fold, what each fold's number stands for, and remarks."""

    parts: dict[str, npt.NDArray[np.str_]]
    protocol: str
    stands_for: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def has_valid(self) -> bool:
        """Whether the data say what is for validation."""
        return any((parts == VALID).any() for parts in self.parts.values())


def folds_of_column(cells: Sequence[str], column: str, test_values: Sequence[str]) -> Given:
    """Return the folds that a column's values (n,) name.

    With ``test_values`` those are tested and all others trained. Else, when every value is a
    name of a part (train, valid, test or a usual variant), they make one fold. Else each value is
    a fold, in the order of numbers, then of words. Examples with an empty cell are in no fold.

    Raises
    ------
    InputError
        When that gives no fold, or more than 100.
    """
    values = [cell.strip() for cell in cells]
    known = sorted(set(values) - {""}, key=numbers_first)
    empty = np.array([not value for value in values], bool)
    remarks = []
    if empty.any():
        remarks.append(f"{int(empty.sum())} recordings without {column!r} are in no fold")
    if test_values:
        absent = sorted(set(test_values) - set(known))
        if absent:
            raise InputError(
                f"split.test_values: no recording has {absent[0]!r} in column {column!r}, which "
                f"holds {', '.join(known[:20])}"
            )
        tested = np.isin(values, list(test_values))
        parts = np.where(empty, UNUSED, np.where(tested, TEST, TRAIN))
        said = f"tested where column {column!r} is {', '.join(test_values)}"
        return Given({"0": parts}, said, remarks=remarks)
    if known and all(value.lower() in PART_NAMES for value in known):
        parts = np.array([PART_NAMES.get(value.lower(), UNUSED) for value in values], "<U5")
        return Given({"0": parts}, f"the parts given by column {column!r}", remarks=remarks)
    if not 2 <= len(known) <= MOST_FOLDS:
        raise InputError(
            f"split.column: {column!r} has {len(known)} different values; 2 to {MOST_FOLDS} can "
            "be folds"
        )
    folds = {
        str(number): np.where(empty, UNUSED, np.where(np.array(values) == value, TEST, TRAIN))
        for number, value in enumerate(known)
    }
    names = {str(number): value for number, value in enumerate(known)}
    return Given(folds, f"{len(known)} folds given by column {column!r}", names, remarks)


def folds_of_files(rows: Sequence[Row], files: SplitFiles) -> Given:
    """Return the one fold that lists of names make; examples in no list are in no part.

    Raises
    ------
    InputError
        When a list cannot be read, names no recording, or a recording is in two lists.
    """
    finder = Finder(rows)
    parts = np.full(len(rows), UNUSED, "<U5")
    given = Given({"0": parts}, "the parts given by lists of names")
    lists = ((TRAIN, files.train), (VALID, files.valid), (TEST, files.test))
    for part, path in lists:
        if path is None:
            continue
        names = read_names(path, f"split.files.{part}")
        unknown = []
        for name in names:
            number = finder.find(name, path)
            if number is None:
                unknown.append(name)
            elif parts[number] not in (UNUSED, part):
                raise InputError(
                    f"{path}: {name!r} is also in the {parts[number]} list; keep one of them"
                )
            else:
                parts[number] = part
        if len(unknown) == len(names):
            raise InputError(
                f"split.files.{part}: none of the {len(names)} names in {path} is a labelled "
                f"recording; the first is {names[0]!r}, while recordings are named like "
                f"{rows[0]['source']!r}"
            )
        if unknown:
            given.remarks.append(
                f"{len(unknown)} of {len(names)} names in {path} are no labelled recording, such "
                f"as {unknown[0]!r}"
            )
    counts = Counter(parts.tolist())
    if counts[UNUSED]:
        given.remarks.append(f"{counts[UNUSED]} recordings are in no list, and in no honest fold")
    return given


def read_names(path: str, place: str) -> list[str]:
    """Return the lines of a text file that hold something; ``#`` begins a comment line."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise InputError(f"{place}: {path} cannot be read ({error.strerror})") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError(f"{place}: {path} names no recording")
    return names
