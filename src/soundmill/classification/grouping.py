"""What must stay together: recordings of one artist, speaker, site, and copies of a recording."""

from collections import Counter
from collections.abc import Sequence

from soundmill.classification.labels import listed
from soundmill.classification.naming import title_of
from soundmill.classification.spelling import merge_spellings, spelling_key
from soundmill.classification.splitting import Numbers, join_units
from soundmill.classification.task_options import TaskOptions
from soundmill.status import Row

TITLE = "title"
"""The group that every recording has, if no label column has that name: its title."""
TITLE_LETTERS = 4


def find_groups(
    rows: Sequence[Row], content: Sequence[str], options: TaskOptions
) -> tuple[list[str] | None, Numbers, list[str]]:
    """Return the group of each row, what stays together, and remarks.

    Parameters
    ----------
    rows : with source and the group columns of the options.
    content : of each row, equal for recordings with the same content, empty if unknown.

    Returns
    -------
    groups : names (n,), empty where unknown; None for a task without groups. Groups that share
        a recording's content are one, under both names.
    units : (n,) number of the group, or of the content, or of the recording alone.
    remarks : merged spellings, unknown groups.
    """
    if not options.groups:
        return None, join_units([content], len(rows)), []
    remarks: list[str] = []
    columns = [_cells(rows, name, options, remarks) for name in options.groups]
    units = join_units([*columns, content], len(rows))
    names: dict[int, list[str]] = {}
    for i, unit in enumerate(units.tolist()):
        known = names.setdefault(unit, [])
        column = next((c for c, cells in enumerate(columns) if cells[i]), None)
        if column is None:
            continue
        value = columns[column][i]
        value = value if column == 0 else f"{options.groups[column]}: {value}"
        if value not in known and (column == 0 or not known):
            known.append(value)
    groups = [" + ".join(names[unit]) for unit in units.tolist()]
    if unknown := groups.count(""):
        remarks.append(f"{unknown} of {len(rows)} recordings have no group: each is its own")
    return groups, units, remarks


def same_titles(rows: Sequence[Row], labels: Sequence[object], units: Numbers) -> list[str]:
    """Return a remark on recordings that may be one: same title and label, not kept together.

    Only titles with `TITLE_LETTERS` letters or more count: ``001`` in every folder says nothing.
    """
    first: dict[tuple[str, object], int] = {}
    pairs = []
    for i, row in enumerate(rows):
        key = spelling_key(title_of(row["source"]))
        if sum(map(str.isalpha, key)) < TITLE_LETTERS:
            continue
        other = first.setdefault((key, labels[i]), i)
        if units[other] != units[i]:
            pairs.append(f"{rows[other]['source']} and {row['source']}")
    if not pairs:
        return []
    return [
        f"perhaps the same recording twice, by title and label: {listed(pairs)}; add 'title' to "
        "group to keep such recordings together"
    ]


def _cells(rows: Sequence[Row], column: str, options: TaskOptions, remarks: list[str]) -> list[str]:
    """Return the groups in a column, typing variants under one spelling."""
    if column == TITLE and TITLE not in rows[0]:
        return [spelling_key(title_of(row["source"])) for row in rows]
    cells = [row[column].strip() for row in rows]
    mapping = merge_spellings(Counter(filter(None, cells)), {}, options.merge_spellings)
    variants = sorted(name for name, chosen in mapping.items() if name != chosen)
    if variants:
        remarks.append(f"group {column!r}: merged spellings: {listed(variants)}")
    return [mapping.get(cell, "") for cell in cells]
