"""Code fingerprints: which code can reach a result, ignoring comments, docstrings and layout.

Snakemake's own `code` trigger looks only at the script file. A fingerprint among a rule's
parameters covers the script and every module of the package it imports, transitively.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = "soundmill"


def fingerprint(script: str | Path, root: str | Path) -> str:
    """Return 16 hex digits that change when code reachable from ``script`` changes.

    Parameters
    ----------
    script : a Python file, relative to ``root`` or absolute.
    root : the checkout; the package is looked for in ``root/src``.

    Comments, docstrings, blank lines and formatting do not count; imports inside functions do.
    """
    root = Path(root)
    source = str(root / "src")
    normalised = {"": _normalise(str(root / script))}
    open_names = list(_imported(normalised[""], source))
    while open_names:
        name = open_names.pop()
        if name not in normalised:
            normalised[name] = _normalise(_find(name, source) or "")
            open_names.extend(_imported(normalised[name], source))
    digest = hashlib.sha256()
    for name in sorted(normalised):
        digest.update(f"{name}\0{normalised[name]}\0".encode())
    return digest.hexdigest()[:16]


@functools.cache
def _normalise(path: str) -> str:
    """Return the code of a file as `ast.unparse` prints it, without docstrings.

    The printed form is the same for every Python version more often than `ast.dump` is.
    """
    tree = ast.parse(Path(path).read_bytes(), path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [item for item in body if not _is_string(item)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_string(node: ast.AST) -> bool:
    """Tell docstrings, and the strings that document attributes."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@functools.cache
def _imported(code: str, source: str) -> tuple[str, ...]:
    """Return the package's modules that ``code`` imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    inside = (name for name in names if name.startswith(PACKAGE + "."))
    return tuple(sorted(name for name in inside if _find(name, source)))


@functools.cache
def _find(name: str, source: str) -> str | None:
    """Return the file of a module, or None when the name is not a module of the package."""
    base = Path(source, *name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return str(path)
    return None
