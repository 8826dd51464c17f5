"""What people write when they ask for a soundscape, as wishes and scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

from soundmill.errors import InputError
from soundmill.soundscape.conditions import Script, Vocabulary


def read_wish(vocabulary: Vocabulary, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wish that is meant: a name stands for itself alone, a number for a circle's place.

    Raises
    ------
    InputError
        When a column or a name was not learned, with near ones.
    """
    wish: dict[str, Any] = {}
    for name, value in given.items():
        column = vocabulary.columns.get(name)
        if column is None or column.kind == "circle":
            wish[name] = value
        elif isinstance(value, Mapping):
            wish[name] = {str(label): _weight(weight, label) for label, weight in value.items()}
        else:
            wish[name] = {str(value): 1.0}
    vocabulary.check(wish)
    return wish


def _weight(given: Any, label: str) -> float:
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise InputError(f"the weight of {label} is {given!r}; it must be a number") from error


def read_script(vocabulary: Vocabulary, lines: Sequence[Mapping[str, Any]]) -> Script:
    """Return the script of lines that each have ``at`` (s) and conditions."""
    wishes = []
    for line in lines:
        if not isinstance(line.get("at"), int | float):
            raise InputError(f"script: {dict(line)} has no time; write `at:` and seconds")
        wishes.append((float(line["at"]), read_wish(vocabulary, _rest(line))))
    return Script(vocabulary, wishes)


def _rest(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "at"}


def say_wish(wish: Mapping[str, Any]) -> str:
    """Return a wish in words: ``rain 0.7 + wind 0.3, hour 6.5``."""
    said = []
    for name, value in wish.items():
        if isinstance(value, Mapping):
            alone = len(value) == 1
            said.append(" + ".join(str(k) if alone else f"{k} {w:g}" for k, w in value.items()))
        else:
            said.append(f"{name} {value:g}" if isinstance(value, int | float) else str(value))
    return ", ".join(said)
