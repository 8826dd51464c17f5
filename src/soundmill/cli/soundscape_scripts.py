"""Conditions as people type them, and scripts of them in YAML or CSV files."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from soundmill.errors import InputError
from soundmill.soundscape.conditions import Vocabulary, circle_value
from soundmill.soundscape.wishes import read_script
from soundmill.spreadsheets import read_csv

Line = dict[str, Any]


def read_value(vocabulary: Vocabulary, name: str, text: str, place: str) -> Any:
    """Return what is asked of a column: a name, names with weights, or a place on its circle.

    Parameters
    ----------
    text : ``rain``, ``rain:0.7+wind:0.3`` or ``rain+wind``; on a circle ``6.5`` or ``6:30``.
    place : for messages.

    Raises
    ------
    InputError
        When a number or a weight is none. Unknown columns and names are left to the vocabulary.
    """
    column = vocabulary.columns.get(name)
    if column is None:
        return text
    if column.kind == "circle":
        return circle_value(text, name, place, column.period)
    if text in column.values or not re.search("[:+]", text):
        return text
    weights: dict[str, float] = {}
    for part in text.split("+"):
        label, colon, weight = part.rpartition(":")
        if not colon:
            label, weight = part, "1"
        if label.strip() in weights:
            raise InputError(f"{place} {name}={text}: {label.strip()} is named twice")
        weights[label.strip()] = _number(weight, f"{place} {name}={text}")
    return weights


def read_script_file(path: Path, vocabulary: Vocabulary) -> list[Line]:
    """Return the lines of a script: ``at`` in s, and conditions.

    Parameters
    ----------
    path : YAML, a list of entries with ``at`` and conditions, or CSV with a column ``at`` and one
        for each condition, whose empty cells ask for nothing. ``at`` is in seconds, or m:ss or
        h:mm:ss.

    Raises
    ------
    InputError
        When the file is neither, or a line asks for what the model does not know.
    """
    lines = _from_csv(path) if path.suffix.lower() in (".csv", ".tsv") else _from_yaml(path)
    if not lines:
        raise InputError(f"{path}: the script is empty; each line needs at and a condition")
    found = []
    for place, line in lines:
        if "at" not in line:
            raise InputError(f"{place} has no time; give it an at, in seconds")
        read: Line = {"at": _seconds(str(line["at"]), place)}
        read |= {
            name: _value(vocabulary, name, value, place)
            for name, value in line.items()
            if name != "at"
        }
        try:
            read_script(vocabulary, [read])
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        found.append(read)
    return found


def _value(vocabulary: Vocabulary, name: str, value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _number(v, f"{place}: {name}.{k}") for k, v in value.items()}
    return read_value(vocabulary, name, str(value), place)


def _from_csv(path: Path) -> list[tuple[str, Line]]:
    header, rows = read_csv(path, "--script")
    return [
        (
            f"{path}, line {number}",
            {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()},
        )
        for number, cells in rows
    ]


def _from_yaml(path: Path) -> list[tuple[str, Line]]:
    try:
        # all values stay text: YAML 1.1 takes 6:30 for the number 390
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except OSError as error:
        raise InputError(f"--script: {path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"--script: {path} is no YAML: {error}") from error
    if isinstance(data, Mapping) and "script" in data:
        data = data["script"]
    if not isinstance(data, list) or not all(isinstance(line, Mapping) for line in data):
        raise InputError(f"{path}: a script is a list of entries such as - {{at: 0, label: rain}}")
    return [(f"{path}, entry {number}", dict(line)) for number, line in enumerate(data, 1)]


def _seconds(text: str, place: str) -> float:
    """Read a time: seconds, m:ss or h:mm:ss."""
    if re.fullmatch(r"\d+(:[0-5]?\d){1,2}(\.\d+)?", text.strip()):
        total = 0.0
        for part in text.split(":"):
            total = 60 * total + float(part)
        return total
    seconds = _number(text, f"{place}: at")
    if seconds < 0:
        raise InputError(f"{place}: at {text} is before the beginning; start at 0")
    return seconds


def _number(text: Any, place: str) -> float:
    try:
        number = float(text)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{place}: {text!r} is no number")
    return number
