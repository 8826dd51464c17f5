"""Code fingerprints: which code can reach a result, ignoring comments, docstrings and layout.

Snakemake's own `code` trigger looks only at the script file. A fingerprint among a rule's
parameters covers the script and every module of the package it imports, transitively.
"""

import ast
import functools
import hashlib
import logging
import os
import sys
from pathlib import Path
from typing import NamedTuple

from soundmill.files import read_json, write_json

PACKAGE = "soundmill"
logger = logging.getLogger(__name__)


class Code(NamedTuple):
    """What a file's code comes to: a digest, and the names it imports from the package."""

    digest: str
    names: list[str]


class CodeReader:
    """Reads the code of files; what was read once is known by its bytes in later processes too.

    To parse all modules takes a second, which Snakemake would spend again whenever it starts.

    Parameters
    ----------
    memory : JSON file of what is known; a missing or damaged one costs that second, no more.
        Default none.
    """

    def __init__(self, memory: str | os.PathLike[str] | None = None) -> None:
        self._memory = memory
        self._known: dict[str, Code] = {}
        self._read: dict[str, Code] = {}
        self._new = False
        # another version of Python may print the same code in other words
        self._salt = f"{sys.version_info[:2]}\0".encode()
        try:
            stored = read_json(memory) if memory else {}
            self._known = {key: Code(str(digest), list(names)) for key, (digest, names) in stored}
        except (OSError, TypeError, ValueError):
            logger.debug("%s is not there or damaged; all code is parsed", memory)

    def read(self, path: str | os.PathLike[str]) -> Code:
        """Return what the code of a file comes to; each file is looked at once."""
        path = str(path)
        if path not in self._read:
            source = Path(path).read_bytes()
            key = hashlib.sha256(self._salt + source).hexdigest()
            if key not in self._known:
                self._known[key] = _parse(source, path)
                self._new = True
            self._read[path] = self._known[key]
        return self._read[path]

    def keep(self) -> None:
        """Write down what was read; where that cannot be done it is read again next time."""
        if not self._new or not self._memory:
            return
        self._new = False
        try:
            write_json(self._memory, sorted(self._known.items()))
        except OSError as error:
            logger.debug("%s cannot be kept: %s", self._memory, error)


def fingerprint(script: str | Path, root: str | Path, reader: CodeReader | None = None) -> str:
    """Return 16 hex digits that change when code reachable from ``script`` changes.

    Parameters
    ----------
    script : a Python file, relative to ``root`` or absolute.
    root : the checkout; the package is looked for in ``root/src``.
    reader : what remembers files read before; default one that knows none.

    Comments, docstrings, blank lines and formatting do not count; imports inside functions do.
    """
    root = Path(root)
    reader = reader or CodeReader()
    digests: dict[str, str] = {}
    paths = {"": str(root / script)}
    while paths:
        name, path = paths.popitem()
        code = reader.read(path)
        digests[name] = code.digest
        found = {inside: _find(inside, str(root / "src")) for inside in code.names}
        paths |= {inside: path for inside, path in found.items() if path and inside not in digests}
    reader.keep()
    digest = hashlib.sha256()
    for name in sorted(digests):
        digest.update(f"{name}\0{digests[name]}\0".encode())
    return digest.hexdigest()[:16]


def _parse(source: bytes, path: str) -> Code:
    """Parse a file and leave out what does not count.

    The digest is of the code as `ast.unparse` prints it: the printed form is the same for every
    Python version more often than `ast.dump` is.
    """
    tree = ast.parse(source, path)
    names: set[str] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [item for item in body if not _is_string(item)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    inside = sorted(name for name in names if name.startswith(PACKAGE + "."))
    return Code(hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), inside)


def _is_string(node: ast.AST) -> bool:
    """Tell docstrings, and the strings that document attributes."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@functools.cache
def _find(name: str, source: str) -> str | None:
    """Return the file of a module, or None when the name is not a module of the package."""
    base = Path(source, *name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return str(path)
    return None
