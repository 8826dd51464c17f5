"""Folds: which examples train, validate and test, and the assertion that nothing leaks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundmill.classification.given_folds import MOST_FOLDS, Given
from soundmill.classification.naming import numbers_first
from soundmill.classification.splitting import Floats, Numbers, divide, sum_units
from soundmill.classification.task import ALL, LEAKY_PREFIX, TEST, TRAIN, UNUSED, VALID
from soundmill.classification.task_options import FOLDS, SplitOptions
from soundmill.errors import InputError
from soundmill.seeds import derive

Parts = npt.NDArray[np.str_]
FEWEST_FOR_VALID = 3
"""Units in a training part below which none is taken away for validation."""


class Material(NamedTuple):
    """What folds are drawn from: n examples.

    Attributes
    ----------
    ids : unique names.
    strata : (n, c) classes, tags or quantiles of each example, 0 or 1.
    units : (n,) what stays together.
    groups : (n,) names of the groups, empty where unknown; None where the task has none.
    classes : names of the strata if they are classes or tags, else empty.
    single : whether each example has just one class.
    """

    ids: Sequence[str]
    strata: Floats
    units: Numbers
    groups: Sequence[str] | None
    classes: Sequence[str]
    single: bool


@dataclass
class Folds:
    """Folds by name, and what is to be said about them.

    Attributes
    ----------
    parts : part of each example (n,) by fold.
    stands_for : what a fold's number stands for: the group or the value that is tested.
    protocol : the split in a plain sentence.
    unanswerable : examples of classes that a fold tests but never trains, by fold and class;
        they are in no part of that fold.
    """

    parts: dict[str, Parts]
    stands_for: dict[str, str] = field(default_factory=dict)
    protocol: str = ""
    remarks: list[str] = field(default_factory=list)
    unanswerable: dict[str, dict[str, int]] = field(default_factory=dict)


def make_folds(
    material: Material, options: SplitOptions, seed: int, given: Given | None = None
) -> Folds:
    """Return the honest folds, those that ignore groups if asked for, and the fold ``all``.

    Parameters
    ----------
    given : the parts that come with the data, for the methods ``column`` and ``files``.

    Raises
    ------
    InputError
        When there are fewer units than folds, or given folds let a group or a recording cross.
    """
    n = len(material.ids)
    if given is not None:
        tests = {name: parts.copy() for name, parts in given.parts.items()}
        folds = Folds(tests, dict(given.stands_for), given.protocol, list(given.remarks))
    else:
        folds = _drawn(material, options, seed)
    if options.folds is not None and len(folds.parts) != options.folds:
        what = sorted(folds.stands_for.values(), key=numbers_first)
        raise InputError(
            f"split.folds: the data make {len(folds.parts)} folds, not {options.folds}"
            f" ({', '.join(what)}); correct the number or what labels the recordings"
        )
    used = np.zeros(n, bool)
    for name, parts in folds.parts.items():
        if not (parts == VALID).any():
            _keep_for_validation(parts, material, options.valid, seed, name)
        used |= parts != UNUSED
    _remove_unanswerable(folds, material)
    for name, parts in folds.parts.items():
        _check_parts(name, parts)
        check_crossing(name, parts, material, given is not None)
    everything = np.where(used, TRAIN, UNUSED)
    _keep_for_validation(everything, material, options.valid, seed, ALL)
    check_crossing(ALL, everything, material, False)
    leaky = _leaky(material, folds, options, seed) if options.compare_random else {}
    share = f"{100 * options.valid:.3g} % of each training part kept for validation"
    together = "groups stay together" if material.groups is not None else "no groups"
    own_valid = given is not None and given.has_valid
    said = [folds.protocol, together, "" if own_valid or not options.valid else share]
    folds.protocol = "; ".join(filter(None, said)) + "."
    folds.parts = {**folds.parts, **leaky, ALL: everything}
    return folds


def check_crossing(fold: str, parts: Parts, material: Material, given: bool) -> None:
    """Assert that no unit, so no group and no copy of a recording, is in two parts of a fold.

    Raises
    ------
    InputError
        When the folds came with the data.
    AssertionError
        When they were drawn here: a defect.
    """
    of_unit: dict[int, int] = {}
    for i in np.flatnonzero(parts != UNUSED).tolist():
        first = of_unit.setdefault(int(material.units[i]), i)
        if parts[first] != parts[i]:
            group = material.groups[i] if material.groups is not None else ""
            what = f"group {group!r}" if group else "the same content"
            message = (
                f"fold {fold!r}: {material.ids[first]!r} ({parts[first]}) and "
                f"{material.ids[i]!r} ({parts[i]}) are of {what}, which crosses parts"
            )
            if not given:
                raise AssertionError(message)
            raise InputError(
                f"{message}. Correct the given split, or "
                + ("set group: null" if group else "set duplicates: leave_out")
            )


def _drawn(material: Material, options: SplitOptions, seed: int) -> Folds:
    """Return folds of train and test drawn by the method of the options."""
    if options.method == "leave_one_group_out":
        return _leave_one_out(material)
    grouped = " by group" if material.groups is not None else ""
    if options.method == "holdout":
        parts = {"0": _holdout(material, options.test, seed, "0")}
        said = f"{100 * options.test:.3g} % of the recordings tested, drawn stratified{grouped}"
        return Folds(parts, protocol=said)
    parts = _k_folds(material, options.folds or FOLDS, seed, "folds")
    return Folds(parts, protocol=f"{len(parts)} folds drawn stratified{grouped}")


def _leave_one_out(material: Material) -> Folds:
    groups = np.array(material.groups, str)
    names = sorted(set(groups) - {""}, key=numbers_first)
    if not 2 <= len(names) <= MOST_FOLDS:
        raise InputError(
            f"split: leave_one_group_out makes a fold of each group, and there are {len(names)}; "
            f"it needs 2 to {MOST_FOLDS}. Take another group, or method: folds"
        )
    base = np.where(groups == "", UNUSED, TRAIN).astype("<U5")
    folds = Folds({}, protocol=f"{len(names)} folds, each tests one group and trains on the others")
    for number, name in enumerate(names):
        folds.parts[str(number)] = np.where(groups == name, TEST, base)
        folds.stands_for[str(number)] = name
    if unknown := int((groups == "").sum()):
        folds.remarks.append(f"{unknown} recordings of unknown group are in no fold")
    return folds


def _divide(
    material: Material, rows: Numbers, shares: Sequence[float], seed: int, use: str, train: int = -1
) -> Numbers:
    """Return the part (m,) of each of the rows (m,), units whole and classes in their shares."""
    _, first, units = np.unique(material.units[rows], return_index=True, return_inverse=True)
    strata = material.strata[rows]
    names = [""] * len(first)
    for row, unit in zip(rows, units, strict=True):
        name = material.ids[row]
        names[unit] = min(names[unit] or name, name)
    keys = [derive(seed, "split", use, name) for name in names]
    sizes = np.bincount(units).astype(float)
    everywhere = None if train < 0 else train
    parts = divide(sum_units(strata, units), sizes, shares, keys, train < 0, everywhere)
    return np.asarray(parts[units], np.intp)


def _holdout(material: Material, test: float, seed: int, use: str) -> Parts:
    rows = np.arange(len(material.ids))
    if len(set(material.units.tolist())) < 2:
        raise InputError("split: all recordings are of one group or content: none can be tested")
    parts = _divide(material, rows, (1 - test, test), seed, use)
    return np.where(parts == 1, TEST, TRAIN)


def _k_folds(material: Material, k: int, seed: int, use: str, prefix: str = "") -> dict[str, Parts]:
    units = len(set(material.units.tolist()))
    if units < k:
        what = "groups" if material.groups is not None else "recordings"
        raise InputError(f"split: {units} {what} make at most {units} folds, not {k}; lower folds")
    number = _divide(material, np.arange(len(material.ids)), [1 / k] * k, seed, use)
    return {f"{prefix}{fold}": np.where(number == fold, TEST, TRAIN) for fold in range(k)}


def _keep_for_validation(
    parts: Parts, material: Material, share: float, seed: int, fold: str
) -> None:
    """Turn a share of the training part into validation; every class stays in training."""
    rows = np.flatnonzero(parts == TRAIN)
    if not share or len(set(material.units[rows].tolist())) < FEWEST_FOR_VALID:
        return
    number = _divide(material, rows, (1 - share, share), seed, f"valid {fold}", train=0)
    parts[rows[number == 1]] = VALID


def _leaky(material: Material, honest: Folds, options: SplitOptions, seed: int) -> dict[str, Parts]:
    """Return folds that ignore groups and copies, as many as the honest ones, of like size."""
    single = material._replace(units=np.arange(len(material.ids)), groups=None)
    k = options.random_folds or len(honest.parts)
    if k > 1:
        leaky = _k_folds(single, k, seed, "random", LEAKY_PREFIX)
    else:
        parts = next(iter(honest.parts.values()))
        share = float((parts == TEST).sum() / max((parts != UNUSED).sum(), 1))
        leaky = {f"{LEAKY_PREFIX}0": _holdout(single, share, seed, "random")}
    for name, parts in leaky.items():
        _keep_for_validation(parts, single, options.valid, seed, name)
    return leaky


def _remove_unanswerable(folds: Folds, material: Material) -> None:
    """Take examples of never trained classes out of a fold's other parts, and count them.

    In a multi-label task they stay, since their other tags can be tested.
    """
    for fold, parts in folds.parts.items():
        trained = material.strata[parts == TRAIN].any(axis=0)
        for name, had, has in zip(material.classes, trained, material.strata.T > 0, strict=False):
            count = int((has & (parts == TEST)).sum())
            if had:
                continue
            if material.single:
                parts[has] = UNUSED
            if count and material.single:
                folds.unanswerable.setdefault(fold, {})[name] = count
                folds.remarks.append(
                    f"fold {fold}: {name!r} is never trained, so no classifier can name it: its "
                    f"{count} test recordings are counted as unanswerable, not tested"
                )
            elif count:
                folds.remarks.append(f"fold {fold}: {name!r} is tested ({count}) but never trained")


def _check_parts(fold: str, parts: Parts) -> None:
    counts = Counter(parts.tolist())
    for part in (TRAIN, TEST):
        if not counts[part]:
            raise InputError(f"split: fold {fold!r} has nothing to {part}; look at its options")
