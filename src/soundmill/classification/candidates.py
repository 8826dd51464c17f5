"""Recordings that may become examples of a task, and why the others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from soundmill.classification.grouping import find_groups
from soundmill.classification.labels import Labelling, listed
from soundmill.classification.splitting import join_units
from soundmill.classification.task_options import TaskOptions
from soundmill.errors import InputError
from soundmill.status import Row


@dataclass
class Candidates:
    """Rows that may become examples, and those that cannot, each with its reason.

    Attributes
    ----------
    rows : with id, source, bucket, seconds and the label columns.
    content : of each row, equal for recordings with the same content; empty if unknown.
    place : the table they come from, for messages.
    """

    rows: list[Row]
    content: list[str]
    place: str
    left_out: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def keep(self, reasons: Sequence[str]) -> list[int]:
        """Leave out the rows with a reason; return the numbers of the others."""
        kept = [i for i, reason in enumerate(reasons) if not reason]
        self.left_out += [
            {"id": row["id"], "source": row["source"], "reason": reason}
            for row, reason in zip(self.rows, reasons, strict=True)
            if reason
        ]
        self.rows = [self.rows[i] for i in kept]
        self.content = [self.content[i] for i in kept]
        return kept


def leave_out(candidates: Candidates, labelling: Labelling, reasons: Sequence[str]) -> None:
    """Leave rows with a reason out of candidates and labelling alike."""
    kept = candidates.keep(reasons)
    labelling.indicators = labelling.indicators[kept]
    labelling.reasons = [""] * len(kept)


def settle_copies(candidates: Candidates, labelling: Labelling, options: TaskOptions) -> None:
    """Find recordings with the same content, remark on them, leave them out if so wished."""
    first: dict[str, int] = {}
    reasons, differing = [""] * len(candidates.rows), []
    for i, content in enumerate(candidates.content):
        other = first.setdefault(content, i) if content else i
        if other == i:
            continue
        reasons[i] = f"same content: as {candidates.rows[other]['source']}"
        if (labelling.indicators[i] != labelling.indicators[other]).any():
            differing.append(candidates.rows[i]["source"])
    if differing:
        candidates.remarks.append(
            f"other labels than another recording with the same content: {listed(differing)}"
        )
    if copies := sum(map(bool, reasons)):
        what = "left out" if options.duplicates == "leave_out" else "kept in one part with it"
        candidates.remarks.append(f"same content as another recording: {copies}, {what}")
    if options.duplicates == "leave_out":
        leave_out(candidates, labelling, reasons)


def settle_classes(candidates: Candidates, labelling: Labelling, options: TaskOptions) -> None:
    """Leave out classes that cannot be both trained and tested, or say why that is an error.

    A class needs `TaskOptions.minimum_class_size` recordings of different content and, in a split
    drawn by group, more than one group. Of a tag that is too rare the recordings stay.

    Raises
    ------
    InputError
        When the options ask to stop, or less than two classes, or no tag, would be left.
    """
    while _settle_once(candidates, labelling, options):
        continue  # leaving recordings out can make another class too small
    least = {"single": 2, "multi": 1, "regression": 1}[options.kind]
    if len(labelling.classes) < least:
        raise InputError(
            f"{candidates.place}: column {options.target!r} leaves {len(labelling.classes)} "
            f"classes to tell apart: {'; '.join(labelling.remarks) or labelling.classes}"
        )


def _settle_once(candidates: Candidates, labelling: Labelling, options: TaskOptions) -> bool:
    """Leave out what is unfit now; return whether recordings had to go with their class."""
    if options.kind == "regression":
        return False
    has = labelling.indicators > 0
    contents = join_units([candidates.content], len(has))
    sizes = [len(set(contents[column].tolist())) for column in has.T]
    small = [c for c, size in enumerate(sizes) if size < options.minimum_class_size]
    owned = _single_group_classes(candidates, has, small, options)
    names = labelling.classes
    if small and options.small_classes == "error":
        shown = ", ".join(f"{names[c]!r} ({sizes[c]})" for c in small)
        raise InputError(
            f"{candidates.place}: too few recordings of {shown}; a class needs "
            f"{options.minimum_class_size}. Add recordings, merge classes by aliases, or set "
            "small_classes: leave_out"
        )
    if owned and options.single_group_classes == "error":
        shown = "; ".join(
            f"all {int(has[:, c].sum())} recordings of class {names[c]!r} are of group {group!r}"
            for c, group in owned.items()
        )
        raise InputError(
            f"{candidates.place}: {shown}. In a split by group such a class would be tested "
            "without having been trained. Take a finer group, or group: null, or leave such "
            "classes out with single_group_classes: leave_out"
        )
    why = {c: f"class {names[c]!r} is all of group {group!r}" for c, group in owned.items()}
    needed = options.minimum_class_size
    why |= {
        c: f"class {names[c]!r} has {sizes[c]} of the {needed} recordings needed" for c in small
    }
    labelling.remarks += [f"{why[c]}: left out" for c in sorted(why)]
    kept = [c for c in range(len(names)) if c not in why]
    labelling.classes = [names[c] for c in kept]
    labelling.indicators = labelling.indicators[:, kept]
    if options.kind == "multi":
        return False
    reasons = [""] * len(has)
    for c in why:
        for i in np.flatnonzero(has[:, c]).tolist():
            reasons[i] = why[c]
    leave_out(candidates, labelling, reasons)
    return any(reasons)


def _single_group_classes(
    candidates: Candidates,
    has: npt.NDArray[np.bool_],
    small: Sequence[int],
    options: TaskOptions,
) -> dict[int, str]:
    """Return the classes (their number) that are all of one group (its name), in a drawn split.

    A given split says itself what is tested; tags are remarked on with the folds.
    """
    if options.kind == "multi" or options.split.method in ("column", "files"):
        return {}
    groups, units, _ = find_groups(candidates.rows, candidates.content, options)
    if groups is None:
        return {}
    found = {}
    for c, column in enumerate(has.T):
        rows = np.flatnonzero(column).tolist()
        if c not in small and len(set(units[rows].tolist())) == 1:
            found[c] = groups[rows[0]]
    return found
