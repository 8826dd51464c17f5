"""Options of the table to hand in."""

import string
from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options

FIELDS = ("id", "source", "file", "title", "class", "number", "confidence", "p", "value")
"""What a column can be made of."""


class SubmissionOptions(Options):
    """The asked table: its columns, its rows, its numbers for the classes."""

    columns: dict[str, str] | None = Field(None, min_length=1)
    """Column name to content, such as `{title: "{title}", genre_id: "{number}"}`. Known are
    `{title}` (file name without extension), `{file}` (with it), `{id}`, `{source}`, `{class}`,
    `{number}` (of the class), `{confidence}`, `{p[rock]}` (probability of a class) and
    `{value[valence]}` (of a regression); formats such as `{p[rock]:.4f}` may follow.
    Default title (source, where two files share a title) and class, or the regressed values."""
    numbers: dict[str, int] | None = None
    """Class to its number; default alphabetical order from `first_number` on."""
    first_number: int = 0
    """Number of the first class."""
    class_count: int | None = Field(None, ge=1)
    """Number of classes the submission allows; default any."""
    template: str | None = None
    """CSV whose rows say which recordings to answer, in which order; default all, by title."""
    key: str | None = None
    """Column of the template that names the recordings; default its first."""
    absent: Literal["error", "prior"] = "error"
    """Rows of the template without a recording: stop, or answer from the training prior."""
    rejected: Literal["prior", "leave_out", "error"] = "prior"
    """Recordings without prediction, since they could not be decoded or heard: answer from the
    training prior, leave the row out, or stop."""
    separator: str = " "
    """Between the tags of a multi-label answer."""

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        for column, content in (self.columns or {}).items():
            for name in template_fields(content):
                if name.partition("[")[0] not in FIELDS:
                    raise ValueError(
                        f"columns: {column!r}: {{{name}}} is not among {', '.join(FIELDS)}"
                    )
        if self.numbers is not None and len(set(self.numbers.values())) < len(self.numbers):
            raise ValueError("numbers: two classes have one number")
        if self.rejected == "leave_out" and self.template:
            raise ValueError("rejected: leave_out contradicts template, whose rows are all asked")
        return self


def template_fields(content: str) -> list[str]:
    """Return the fields in the content of a column, such as ``p[rock]``."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(content) if name is not None]
    except ValueError as error:
        raise ValueError(f"columns: {content!r}: {error}; write fields as {{name}}") from error
