"""HTML pages: Jinja templates with autoescape, and the formats of numbers and names in them."""

import math
import os
import unicodedata
from pathlib import Path
from typing import Any

import jinja2

from soundmill.files import atomic_path

TEMPLATES = Path(__file__).parent / "templates"
ZERO_WIDTH_JOINER = "\u200d"
NARROW = "\u202f"
"""Narrow no-break space, between a figure and its unit."""


def write_page(path: str | os.PathLike[str], template: str, **values: Any) -> None:
    """Fill a template and write it as one UTF-8 file that needs no other, atomically.

    Everything put in is escaped: names of files come from users and may hold markup.
    A value the template asks for and does not get is an error.
    """
    page = environment().get_template(template).render(**values)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def environment() -> jinja2.Environment:
    """Return the Jinja environment: autoescape on, undefined values refused, own filters."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        clock=clock, duration=duration, readable=readable, number=number, words=words
    )
    return made


def clock(seconds: float | None) -> str:
    """Return a position as a player shows it: 75.2 is ``1:15``."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float | None) -> str:
    """Return a length in the two largest units: ``4.2 s``, ``12 min 5 s``, ``3 h 4 min``."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f}{NARROW}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NARROW}min {whole % 60}{NARROW}s"
    return f"{whole // 3600:,}{NARROW}h {whole % 3600 // 60}{NARROW}min"


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure with ``digits`` decimals, thousands apart; nothing measured is a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def words(name: str) -> str:
    """Return an identifier as words: ``basic_pitch`` is ``basic pitch``."""
    return name.replace("_", " ")


def readable(name: str) -> str:
    """Return a file name that can be shown: no control characters, no undecodable bytes.

    Control characters become their pictures (a newline is ``␊``); formatting characters, some of
    which turn the direction of the text around them, and undecodable bytes become ``�``.
    """
    shown = []
    for character in name:
        if ord(character) < 32:
            shown.append(chr(0x2400 + ord(character)))
        elif character == ZERO_WIDTH_JOINER:  # holds emoji together
            shown.append(character)
        elif unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            shown.append("�")
        else:
            shown.append(character)
    return "".join(shown)
