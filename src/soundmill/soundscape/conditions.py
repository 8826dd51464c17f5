"""What is asked of a soundscape: names with weights and places on circles, and how they change.

A wish gives some columns a value: ``{"label": {"rain": 0.7, "wind": 0.3}, "hour": 6.5}``. A script
is wishes with times, between which it moves in a straight line.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError
from soundmill.options import nearest
from soundmill.soundscape.condition_options import ConditionOptions

Wish = Mapping[str, Mapping[str, float] | float]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Column:
    """A column of labels as a model knows it: the names it has learned, or its circle's length."""

    kind: str
    values: tuple[str, ...] = ()
    period: float = 0.0

    @property
    def width(self) -> int:
        """Numbers in a vector: the values (or cosine and sine), and whether there is one."""
        return (len(self.values) if self.kind == "category" else 2) + 1


@dataclass(frozen=True)
class Vocabulary:
    """The columns that a model can be asked for, and the vector that stands for a wish."""

    columns: Mapping[str, Column]

    @property
    def width(self) -> int:
        """Length of a vector."""
        return sum(column.width for column in self.columns.values())

    def check(self, wish: Wish) -> None:
        """Raise `InputError` for a column or a name that was not learned, naming near ones."""
        for name, value in wish.items():
            if name not in self.columns:
                known = ", ".join(self.columns) or "nothing: it has learned no labels"
                raise InputError(
                    f"the model cannot be asked for {name!r}, only for {known}"
                    f"{nearest(name, self.columns)}"
                )
            column = self.columns[name]
            if column.kind == "circle":
                if not isinstance(value, int | float) or not math.isfinite(value):
                    raise InputError(f"{name}: {value!r} is no number (0 to {column.period:g})")
                continue
            if not isinstance(value, Mapping):
                raise InputError(f"{name}: {value!r} must be names with weights")
            for label, weight in value.items():
                if label not in column.values:
                    near = nearest(label, column.values)
                    raise InputError(
                        f"{name}: the model has never heard {label!r}{near}; "
                        f"it knows {', '.join(column.values)}"
                    )
                if not weight >= 0 or not math.isfinite(weight):
                    raise InputError(f"{name}: the weight {weight:g} of {label} is no share")
            if not sum(value.values()) > 0:
                raise InputError(f"{name}: all weights are 0")

    def vector(self, wish: Wish) -> Floats:
        """Return the vector (width,) of a wish; columns it does not name are zero."""
        self.check(wish)
        parts = []
        for name, column in self.columns.items():
            part = np.zeros(column.width, np.float32)
            value = wish.get(name)
            if isinstance(value, Mapping):
                total = sum(value.values())
                for label, weight in value.items():
                    part[column.values.index(label)] = weight / total
                part[-1] = 1
            elif value is not None:
                angle = 2 * math.pi * value / column.period
                part[:] = math.cos(angle), math.sin(angle), 1
            parts.append(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def wish(self, row: Mapping[str, str]) -> dict[str, Any]:
        """Return the wish that a recording's labels fulfil; empty and unknown ones are left out.

        Raises
        ------
        InputError
            When the label on a circle is no number.
        """
        found: dict[str, Any] = {}
        for name, column in self.columns.items():
            text = (row.get(name) or "").strip()
            if column.kind == "category":
                if text in column.values:
                    found[name] = {text: 1.0}
            elif text:
                source = row.get("source", "a recording")
                found[name] = circle_value(text, name, source, column.period)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return plain values, from which `read_vocabulary` makes the same again."""
        return {
            name: {"kind": c.kind, "values": list(c.values), "period": c.period}
            for name, c in self.columns.items()
        }


def read_vocabulary(data: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary of `Vocabulary.as_json`'s plain values."""
    return Vocabulary(
        {n: Column(c["kind"], tuple(c["values"]), float(c["period"])) for n, c in data.items()}
    )


def learn_vocabulary(
    rows: Sequence[Mapping[str, str]], options: Mapping[str, ConditionOptions]
) -> Vocabulary:
    """Return the vocabulary of the recordings to learn from.

    Raises
    ------
    InputError
        When a column does not exist, or no recording has a value in it.
    """
    columns = {}
    for name, option in options.items():
        if rows and name not in rows[0]:
            raise InputError(
                f"conditions: the recordings have no label {name!r}{nearest(name, rows[0])}"
            )
        values = sorted({row[name].strip() for row in rows} - {""})
        if not values:
            raise InputError(f"conditions.{name}: no recording to learn from has this label")
        if option.kind == "category":
            columns[name] = Column("category", tuple(values))
        else:
            columns[name] = Column("circle", period=option.length)
    return Vocabulary(columns)


def circle_value(text: str, name: str, source: str, period: float = 24.0) -> float:
    """Read a place on a circle: a number, or a time of day as 6:30, 06:30:00, 0630 or 063000.

    Digits without colons are a time only on a circle of 24; on others they are a number.
    """
    clock = re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d))?", text)
    if period == 24 and not clock:
        clock = re.fullmatch(r"(\d\d)(\d\d)(\d\d)?", text)
    if clock:
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        if max(minutes, seconds) < 60:
            return hours + minutes / 60 + seconds / 3600
    try:
        value = math.nan if clock else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{source}: the label {name} is {text!r}; it must be a number or hh:mm")
    return value


class Script:
    """A vector for each moment: the straight line between wishes that have times.

    Parameters
    ----------
    vocabulary : of the model.
    wishes : (time in s, wish), in any order; before the first and after the last it stays.

    Attributes
    ----------
    times : (n,) s, in order; vectors : (n, width) at these times.
    """

    def __init__(self, vocabulary: Vocabulary, wishes: Sequence[tuple[float, Wish]]) -> None:
        if not wishes:
            raise InputError("a script needs at least one line")
        for time, _ in wishes:
            if not math.isfinite(time):
                raise InputError(f"script: {time:g} is no time; give seconds")
        wishes = sorted(wishes, key=lambda entry: entry[0])
        self.vocabulary = vocabulary
        self.times = np.array([time for time, _ in wishes])
        self.vectors = np.stack([vocabulary.vector(wish) for _, wish in wishes])

    @property
    def end(self) -> float:
        """Time of the last wish, s."""
        return float(self.times[-1])

    def at(self, seconds: float) -> Floats:
        """Return the vector (width,) at a time."""
        after = int(np.searchsorted(self.times, seconds, side="right"))
        if after == 0 or after == len(self.times):
            return np.asarray(self.vectors[min(after, len(self.times) - 1)], np.float32)
        start, stop = self.times[after - 1], self.times[after]
        share = (seconds - start) / max(stop - start, 1e-9)
        first, second = self.vectors[after - 1], self.vectors[after]
        return np.asarray((1 - share) * first + share * second, np.float32)
