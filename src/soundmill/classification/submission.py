"""The table to hand in, in the columns and rows that were asked for, and checked."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from soundmill.classification.answers import (
    COPIED,
    PRIOR,
    Answers,
    collect_answers,
    reason_of,
    sources,
    write_answers,
    write_prior,
)
from soundmill.classification.labels import listed
from soundmill.classification.naming import Finder, title_of
from soundmill.classification.submission_options import SubmissionOptions, template_fields
from soundmill.errors import InputError
from soundmill.log import logger
from soundmill.options import nearest
from soundmill.spreadsheets import read_csv
from soundmill.status import write_table

NAMING = ("title", "file", "id", "source")
"""Fields that name a recording."""
Asked = tuple[int | None, dict[str, str]]
"""Row number of a recording, None where there is none, and the cells a template gives."""


def answer_corpus(
    manifest: str | os.PathLike[str],
    predictions: Iterable[str | os.PathLike[str]],
    task: str | os.PathLike[str],
    table: str | os.PathLike[str],
    prior: str | os.PathLike[str],
    submission: str | os.PathLike[str] | None = None,
    options: SubmissionOptions | None = None,
) -> None:
    """Write predictions.csv, the comparison of priors, and the submission if one is asked for.

    Parameters
    ----------
    manifest, predictions, task : see `soundmill.classification.answers.collect_answers`.
    table : predictions.csv to write; prior : prior.json to write.
    submission, options : CSV to hand in and what it must look like; default none.

    Raises
    ------
    InputError
        When inputs do not fit, or the submission cannot be made as asked; predictions.csv and
        prior.json are then already there.
    """
    answers = collect_answers(manifest, predictions, task)
    write_answers(table, answers)
    write_prior(prior, answers)
    if submission is not None and options is not None:
        write_submission(submission, answers, options)


def write_submission(
    path: str | os.PathLike[str], answers: Answers, options: SubmissionOptions
) -> None:
    """Write the submission, then read it again and check it.

    Raises
    ------
    InputError
        For classes that the submission does not allow, titles that two files share, rows of the
        template without recording, and recordings without prediction where those must not be.
    """
    numbers = class_numbers(answers.classes, options)
    options = options.model_copy(update={"columns": _columns(answers, options)})
    asked = _asked(answers, options)
    _check_heard(answers, asked, options)
    rows = [_fill(answers, number, given, numbers, options) for number, given in asked]
    write_table(path, rows, list(options.columns or ()))
    check_submission(path, rows, numbers, options)
    logger.info("%s: %d rows, as asked", path, len(rows))


def class_numbers(classes: Sequence[str], options: SubmissionOptions) -> dict[str, int]:
    """Return the number of each class.

    Raises
    ------
    InputError
        When there are more classes than the submission allows, or one has no number.
    """
    if options.numbers is None:
        numbers = {name: options.first_number + i for i, name in enumerate(classes)}
    else:
        numbers = dict(options.numbers)
        without = [name for name in classes if name not in numbers]
        if without:
            raise InputError(
                f"submission.numbers: {listed(without)} can be predicted but has no number"
                f"{nearest(without[0], numbers)}; number every class, or leave it out of the task"
            )
        for name in sorted(set(numbers) - set(classes)):
            logger.warning("submission.numbers: %r was not trained and is never answered", name)
    if options.class_count is not None and len(classes) > options.class_count:
        raise InputError(
            f"submission.class_count: {options.class_count} classes are allowed, the task has "
            f"{len(classes)}: {', '.join(classes)}; merge some by aliases or leave some out"
        )
    return numbers


def check_submission(
    path: str | os.PathLike[str],
    rows: Sequence[dict[str, str]],
    numbers: dict[str, int],
    options: SubmissionOptions,
) -> None:
    """Read a written submission and hold it against what was asked.

    The header, the rows in their order, no empty cell, and class numbers within those allowed.

    Raises
    ------
    InputError
        With the first line that is wrong.
    """
    columns = options.columns or {}
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        lines = list(csv.reader(file))
    if lines[0] != list(columns) or len(lines) != len(rows) + 1:
        raise InputError(f"{path}: {len(lines) - 1} rows of {lines[0]}, {len(rows)} were asked")
    allowed = {str(number) for number in numbers.values()}
    named = [i for i, text in enumerate(columns.values()) if text == "{number}"]
    tags = [i for i, text in enumerate(columns.values()) if text in ("{class}", "{number}")]
    for line, (cells, row) in enumerate(zip(lines[1:], rows, strict=True), start=2):
        if cells != list(row.values()):
            raise InputError(f"{path}, line {line}: {cells} is not what was to be written: {row}")
        for i, cell in enumerate(cells):
            if not cell.strip() and i not in tags:  # a recording may have no tag
                raise InputError(f"{path}, line {line}: column {lines[0][i]!r} is empty")
            if i in named and not set(filter(None, cell.split(options.separator))) <= allowed:
                raise InputError(f"{path}, line {line}: {cell!r} is no number of a class")


def _columns(answers: Answers, options: SubmissionOptions) -> dict[str, str]:
    """Return the columns that were asked for, or those anybody would expect."""
    if options.columns is not None:
        return options.columns
    titles = [title_of(row["source"]) for row in answers.rows]
    naming = "title" if len(set(titles)) == len(titles) else "source"
    if answers.kind == "regression":
        return {naming: f"{{{naming}}}", **{c: f"{{value[{c}]}}" for c in answers.classes}}
    return {naming: f"{{{naming}}}", "class": "{class}"}


def _asked(answers: Answers, options: SubmissionOptions) -> list[Asked]:
    """Return the recordings to answer for, in order."""
    if options.template is not None:
        return _from_template(answers, options)
    fields = {name for text in (options.columns or {}).values() for name in template_fields(text)}
    naming = next((name for name in NAMING if name in fields), None)
    if naming is None:
        raise InputError(
            "submission.columns: no column names the recording; add one of "
            + ", ".join(f"{{{name}}}" for name in NAMING)
        )
    names = [_names(answers, i)[naming] for i in range(len(answers.rows))]
    first: dict[str, int] = {}
    asked: list[Asked] = []
    for i in sorted(range(len(names)), key=lambda i: (names[i], answers.rows[i]["source"])):
        if options.rejected == "leave_out" and answers.answered[i] == PRIOR:
            continue
        other = first.setdefault(names[i], i)
        if other == i:
            asked.append((i, {}))
        elif COPIED not in (answers.answered[i], answers.answered[other]):
            raise InputError(
                f"submission: {sources(answers, (other, i))} have one {naming}, {names[i]!r}, so "
                "their rows could not be told apart; rename one, name the rows by {source} or "
                "{id}, or give a template"
            )
    return asked


def _from_template(answers: Answers, options: SubmissionOptions) -> list[Asked]:
    path = str(options.template)
    header, lines = read_csv(path, "submission.template")
    key = options.key or header[0]
    if key not in header:
        raise InputError(
            f"submission.key: {path} has no column {key!r}{nearest(key, header)}: {header}"
        )
    columns = list(options.columns or ())
    if sorted(filter(None, header)) != sorted(columns):
        raise InputError(f"submission.columns: {columns} are not the columns of {path}: {header}")
    finder = Finder(answers.rows)
    names = [cells[header.index(key)] for _, cells in lines]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: {listed(twice)} is asked for twice")
    asked: list[Asked] = [(finder.find(name, path), {key: name}) for name in names]
    absent = [given[key] for number, given in asked if number is None]
    if absent and options.absent == "error":
        raise InputError(
            f"{path}: {len(absent)} of its {len(names)} rows name no recording of the corpus: "
            f"{listed(absent)}. Add the recordings, or set submission.absent: prior"
        )
    numbers = [number for number, _ in asked if number is not None]
    for number, count in Counter(numbers).items():
        if count > 1:
            two = [given[key] for other, given in asked if other == number]
            raise InputError(
                f"{path}: {two[0]!r} and {two[1]!r} both mean {answers.rows[number]['source']!r}"
            )
    if extra := len(answers.rows) - len(numbers):
        logger.warning("%s does not ask for %d recordings of the corpus", path, extra)
    return asked


def _check_heard(answers: Answers, asked: Sequence[Asked], options: SubmissionOptions) -> None:
    unheard = [i for i, _ in asked if i is not None and answers.answered[i] == PRIOR]
    if unheard and options.rejected == "error":
        raise InputError(
            f"{len(unheard)} recordings have no prediction, such as "
            f"{answers.rows[unheard[0]]['source']!r}: {reason_of(answers, unheard[0])}. Repair "
            "them, or set submission.rejected: prior"
        )


def _fill(
    answers: Answers,
    number: int | None,
    given: dict[str, str],
    numbers: dict[str, int],
    options: SubmissionOptions,
) -> dict[str, str]:
    """Return one row; the cells a template gives are given back as they were."""
    values = answers.prior if number is None else answers.values[number]
    best = int(values.argmax())
    by_name = dict(zip(answers.classes, map(float, values), strict=True))
    fields: dict[str, Any] = {"p": by_name, "value": by_name}
    if answers.kind == "single":
        fields["class"] = answers.classes[best]
        fields["number"] = numbers[answers.classes[best]]
    elif answers.kind == "multi":
        tags = answers.names(number) if number is not None else []
        fields["class"] = options.separator.join(tags)
        fields["number"] = options.separator.join(str(numbers[tag]) for tag in tags)
    if answers.kind != "regression":
        fields["confidence"] = float(values[best])
    if number is not None:
        fields |= _names(answers, number)
    else:
        fields |= dict.fromkeys(NAMING, "".join(given.values()))
    row = {}
    for column, content in (options.columns or {}).items():
        try:
            row[column] = content.format_map(fields)
        except (KeyError, IndexError, AttributeError, ValueError) as error:
            raise InputError(
                f"submission.columns: {column!r}: {content!r} cannot be filled for this "
                f"{answers.kind} task ({error}); its classes are {', '.join(answers.classes)}"
            ) from error
    return row | given


def _names(answers: Answers, i: int) -> dict[str, str]:
    row = answers.rows[i]
    file = row["source"].rpartition("/")[2]
    return {"title": title_of(file), "file": file, "id": row["id"], "source": row["source"]}
