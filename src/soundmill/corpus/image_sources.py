"""What lies in the source of an image corpus, and whether that changed since the last look.

Snakemake reads this at parse time: only light imports, no image is opened.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Literal, NamedTuple

from soundmill.corpus.image_options import DEMO_DIGITS, ImageCorpusOptions
from soundmill.corpus.listing import Entry, source_folders
from soundmill.errors import InputError
from soundmill.status import IGNORED, REJECTED

IMAGE_SUFFIXES = frozenset(
    ("png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "tif", "tiff", "webp")
)
Kind = Literal["npz", "idx", "files", "demo"]
_IDX = re.compile(r"(?:(?P<part>.*?)[-_.])?images[-_.]idx3[-_.]ubyte(?:\.gz)?", re.IGNORECASE)
_TEST_NAMES = ("t10k", "test")


class IdxPair(NamedTuple):
    """A file of images and that of their labels."""

    images: str
    labels: str
    part: str
    """train, test, or empty where the name does not say."""
    name: str
    """What its name says besides, such as ``train`` or ``emnist-digits-train``."""


def image_suffix(name: str) -> str:
    """Return the extension of a file name in lower case without its dot if images have it."""
    stem, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and stem and suffix.lower() in IMAGE_SUFFIXES else ""


def without_image_suffix(path: str) -> str:
    """Return ``path`` without an image's extension; other extensions stay."""
    suffix = image_suffix(path.rpartition("/")[2])
    return path[: -len(suffix) - 1] if suffix else path


def source_kind(options: ImageCorpusOptions, place: str = "source") -> Kind:
    """Tell what a corpus consists of.

    Raises
    ------
    InputError
        When a part of the source is missing or no such thing, or its parts are of two kinds.
    """
    parts = source_folders(options.source)
    if parts == [DEMO_DIGITS]:
        return "demo"
    kinds = {part: _kind_of(part, place) for part in parts}
    first = kinds[parts[0]]
    other = next((part for part, kind in kinds.items() if kind != first), None)
    if other is not None:
        raise InputError(
            f"{place}: {parts[0]!r} is of kind {first}, {other!r} of kind {kinds[other]}; make "
            "two corpora of them"
        )
    if first != "files" and options.labels is not None:
        raise InputError(
            f"{place}: {parts[0]!r} brings its own labels (column {options.label_column!r}); "
            "leave labels out"
        )
    return first


def _kind_of(part: str, place: str) -> Kind:
    path = Path(part)
    if path.is_dir():
        with os.scandir(path) as items:
            return "idx" if any(_IDX.fullmatch(item.name) for item in items) else "files"
    if not path.exists():
        raise InputError(f"{place}: {part!r} does not exist; give a folder, an .npz or an IDX file")
    if path.suffix.lower() == ".npz":
        return "npz"
    if _IDX.fullmatch(path.name):
        return "idx"
    raise InputError(
        f"{place}: {part!r} is neither an .npz file nor one named like "
        "'train-images-idx3-ubyte'; of single images, give the folder they lie in"
    )


def idx_pairs(source: str | list[str], place: str = "source") -> list[IdxPair]:
    """Return the IDX files of folders or named ones, the training part before the others.

    Raises
    ------
    InputError
        When the labels are not beside the images.
    """
    found: list[IdxPair] = []
    for part in source_folders(source):
        path = Path(part)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [_pair(file, place) for file in files if _IDX.fullmatch(file.name)]
    twice = [pair.images for pair in found if sum(pair.name == other.name for other in found) > 1]
    if twice:
        raise InputError(f"{place}: {' and '.join(twice)} have one name; keep one, or rename it")
    return sorted(found, key=lambda pair: (pair.part != "train", pair.name))


def _pair(images: Path, place: str) -> IdxPair:
    match = _IDX.fullmatch(images.name)
    prefix = (match["part"] if match else "") or ""
    plain = images.name.removesuffix(".gz")
    name = re.sub("images([-_.])idx3", r"labels\1idx1", plain, flags=re.IGNORECASE)
    labels = next((p for p in (images.with_name(name), images.with_name(f"{name}.gz"))
                   if p.is_file()), None)  # fmt: skip
    if labels is None:
        raise InputError(f"{place}: {str(images)!r} has no labels: there is no {name!r} beside it")
    words = re.split("[-_.]", prefix.lower())
    part = "test" if set(words) & set(_TEST_NAMES) else "train" if "train" in words else ""
    return IdxPair(str(images), str(labels), part, prefix.lower().replace("t10k", "test"))


def image_inputs(options: ImageCorpusOptions, place: str = "source") -> list[str]:
    """Return the files that Snakemake should watch: arrays with labels; none of a demo or folder.

    Image files of a folder are covered by `image_digest`, a label CSV by its own rule.
    """
    kind = source_kind(options, place)
    if kind == "npz":
        return source_folders(options.source)
    if kind == "idx":
        pairs = idx_pairs(options.source, place)
        return [path for pair in pairs for path in (pair.images, pair.labels)]
    return []


def list_images(source: str | list[str], place: str = "source") -> list[Entry]:
    """List folders of image files, sub-folders included, sorted by path.

    Other files and hidden ones are ``ignored``, as are linked folders, which may be named in the
    source; links that lead nowhere and folders without permission are ``rejected``.

    Raises
    ------
    InputError
        When a folder is given twice, or none holds an image.
    """
    folders = source_folders(source)
    if len({os.path.realpath(folder) for folder in folders}) < len(folders):
        raise InputError(f"{place}: a folder is given twice in {folders}")
    names = [Path(folder).name for folder in folders]
    prefixes = names if len(set(names)) == len(names) else folders
    entries: list[Entry] = []
    for folder, name in zip(folders, prefixes, strict=True):
        _walk(folder, f"{name}/" if len(folders) > 1 else "", entries)
    entries.sort()
    if all(entry.status == IGNORED for entry in entries):
        raise InputError(
            f"{place}: no image in {', '.join(map(repr, folders))}; put {', '.join(IMAGES)} files "
            "there or name another folder"
        )
    return entries


IMAGES = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WebP")


def _walk(folder: str, prefix: str, entries: list[Entry]) -> None:
    pending = [(folder, prefix)]
    while pending:
        here, path = pending.pop()
        try:
            with os.scandir(here) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False) and not item.name.startswith("."):
                        pending.append((item.path, f"{path}{item.name}/"))
                    else:
                        entries.append(_entry(item, path + item.name))
        except OSError as error:
            reason = f"the folder cannot be opened ({error.strerror}); check its permissions"
            entries.append(Entry(path.rstrip("/") or ".", here, status=REJECTED, reason=reason))


def _entry(item: os.DirEntry[str], path: str) -> Entry:
    if item.name.startswith("."):
        return Entry(path, item.path, status=IGNORED, reason="hidden file or folder")
    if not image_suffix(item.name):
        suffix = Path(item.name).suffix or "none"
        linked = item.is_symlink() and Path(item.path).is_dir()
        reason = (
            "a link to a folder; name that folder in the source"
            if linked
            else f"not an image by its extension ({suffix})"
        )
        return Entry(path, item.path, status=IGNORED, reason=reason)
    try:
        state = item.stat()
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); check the link or its permissions"
        return Entry(path, item.path, status=REJECTED, reason=reason)
    if not stat.S_ISREG(state.st_mode):
        return Entry(path, item.path, status=REJECTED, reason="not a regular file")
    return Entry(path, item.path, state.st_size, state.st_mtime_ns)


def image_digest(options: ImageCorpusOptions, place: str = "source") -> str:
    """Return a digest of names, sizes and times of a folder's images; empty for other sources.

    It changes when an image is added, removed, renamed or written again.
    """
    if source_kind(options, place) != "files":
        return ""
    digest = hashlib.sha256()
    for entry in list_images(options.source, place):
        text = "\0".join(
            (entry.path, entry.status, entry.reason, str(entry.size), str(entry.mtime_ns))
        )
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0\0")
    return digest.hexdigest()[:16]
