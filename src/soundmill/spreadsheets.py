"""Tables that people bring: CSV from any program."""

import csv
import io
import os
from collections import Counter
from pathlib import Path

from soundmill.errors import InputError


def read_csv(
    path: str | os.PathLike[str], place: str
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return header and rows (line number, cells), whatever program wrote the file.

    Parameters
    ----------
    path : UTF-8, UTF-16 or Windows text, with commas, semicolons, tabs or bars between cells.
    place : the option that named the file, for messages.

    Raises
    ------
    InputError
        For a file that cannot be read, is empty, names two columns alike or has more cells in a
        row than columns; missing cells at the end of a row are empty.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{place}: {path} cannot be read ({error.strerror})") from error
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise InputError(f"{path} is not a text file; save it as CSV in UTF-8")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{path} is empty; it needs a header such as 'file,label' and rows")
    header = [name.strip() for name in rows[0][1]]
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise InputError(f"{path}: two columns are named {twice[0]!r}; rename one")
    for line, cells in rows[1:]:
        if len(cells) > len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells, but the header has {len(header)}; "
                f"put quotes around values that hold {delimiter!r}"
            )
        cells.extend([""] * (len(header) - len(cells)))
    return header, rows[1:]
