"""What may happen to a modality of a pair, and the cases that follow for all of them together."""

from collections.abc import Mapping, Sequence
from itertools import product

CLEAN, MISSING, LYING = "clean", "missing", "lying"
Case = tuple[str, ...]
"""What happens to each modality, in their order: `CLEAN`, the name of a damage, ..."""


def conditions(damages: Sequence[str]) -> list[str]:
    """Return what may happen to one modality: nothing, a damage, absence, a lie."""
    return [CLEAN, *damages, MISSING, LYING]


def all_cases(damages: Mapping[str, Sequence[str]]) -> list[Case]:
    """Return all cases of some modalities by their damages, the clean one first.

    Of more than two modalities at most two are not clean. One lies at most, and never are all
    missing.
    """
    each = [conditions(names) for names in damages.values()]
    return [
        case
        for case in product(*each)
        if sum(name != CLEAN for name in case) <= 2
        and case.count(LYING) <= 1
        and case.count(MISSING) < len(case)
        # a liar alone leaves no truth to find
        and not (LYING in case and case.count(MISSING) == len(case) - 1)
    ]


def alone(case: Case, number: int) -> Case:
    """Return the case in which all modalities but one are missing."""
    return tuple(name if i == number else MISSING for i, name in enumerate(case))
