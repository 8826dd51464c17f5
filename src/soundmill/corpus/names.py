"""Names: any path becomes a unique lower-case ASCII id; the files themselves keep their names.

An id is a slug, ``[a-z0-9-]``, of at most 80 characters. Paths whose slugs collide all get the
suffix ``--`` and 8 hexadecimal digits of their SHA-256, whatever the order they come in.
The bucket of a slug is computed from the part before ``--`` alone, so every path that could
ever want the same id lies in the same bucket, and each bucket settles its own collisions.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

# fmt: off
AUDIO_SUFFIXES = frozenset((
    "wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "mp2", "mp1", "mpga", "m4a",
    "m4b", "mp4", "m4r", "aac", "adts", "wma", "asf", "aif", "aiff", "aifc", "au",
    "snd", "caf", "w64", "rf64", "bwf", "webm", "mka", "mkv", "mov", "amr", "3gp",
    "3ga", "ac3", "eac3", "dts", "wv", "ape", "tta", "tak", "mpc", "ra", "rm",
    "voc", "sph", "nist", "avr", "ircam", "sf", "paf", "svx", "xi", "gsm", "spx",
    "shn",
))
# fmt: on
"""Extensions that libsndfile or ffmpeg read."""

BASE_LENGTH = 70
UNTITLED = "untitled"
_WINDOWS_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
_SUFFIXED = re.compile(rf"(?=.{{1,{BASE_LENGTH + 10}}}\Z)[a-z0-9]+(?:-[a-z0-9]+)*--[0-9a-f]{{8}}\Z")
_RAW_BYTE = re.compile("[\udc80-\udcff]")


def audio_suffix(name: str) -> str:
    """Return the extension of a file name without its dot in lower case if audio has it, or ''."""
    stem, dot, suffix = name.rpartition(".")
    suffix = suffix.lower()
    return suffix if dot and stem and suffix in AUDIO_SUFFIXES else ""


def without_suffix(path: str) -> str:
    """Return ``path`` without its audio extension; other extensions stay."""
    suffix = audio_suffix(path.rpartition("/")[2])
    return path[: -len(suffix) - 1] if suffix else path


def slug(path: str) -> str:
    """Return the slug of a path relative to its source: ``Été/01 Ça.MP3`` -> ``ete-01-ca``.

    Sub-folders are joined by ``-``, the audio extension goes. Slugs over 70 characters are cut
    and marked with the hash of the path; an id given as path comes back as it is.
    """
    text = without_suffix(path)
    if _SUFFIXED.match(text):
        return text
    if not text.isascii():
        text = _to_ascii(text)
    text = text.lower().replace("'", "")
    base = "-".join(re.findall("[a-z0-9]+", text)) or UNTITLED
    if _WINDOWS_DEVICES.fullmatch(base):
        base += "-file"
    if len(base) > BASE_LENGTH:
        return _with_hash(base[:BASE_LENGTH].rstrip("-"), path)
    return base


def _to_ascii(text: str) -> str:
    """Transliterate; bytes that are not UTF-8 are taken for Latin-1, their likeliest origin."""
    from anyascii import anyascii

    text = _RAW_BYTE.sub(lambda match: chr(ord(match[0]) - 0xDC00), text)
    return anyascii(unicodedata.normalize("NFKC", text.replace("’", "'")))


def _with_hash(base: str, path: str, attempt: int = 1) -> str:
    """Append the hash of ``path``; later attempts draw another one."""
    text = path if attempt == 1 else f"{attempt}:{path}"
    return f"{base}--{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def normalise_names(relative_paths: Iterable[str]) -> dict[str, str]:
    """Give every path a unique id.

    Parameters
    ----------
    relative_paths : paths relative to their source, with ``/`` between folders, in any order;
        repeated paths count once. To name part of a corpus, give whole buckets (`bucket_of`).

    Returns
    -------
    Path -> id, sorted by path. Ids normalise to themselves.
    """
    slugs = {path: slug(path) for path in sorted(set(relative_paths))}
    attempts = dict.fromkeys(slugs, 0)
    ids = dict(slugs)
    while True:
        wanted = defaultdict(list)
        for path, name in ids.items():
            wanted[name].append(path)
        clashes = [path for paths in wanted.values() if len(paths) > 1 for path in paths]
        if not clashes:
            return ids
        for path in clashes:
            attempts[path] += 1
            ids[path] = _with_hash(_base(slugs[path]), path, attempts[path])


def _base(name: str) -> str:
    return name.partition("--")[0]


def bucket_names(buckets: int) -> list[str]:
    """Return the names of all buckets: ``00``, ``01``, ..."""
    width = max(2, len(str(buckets - 1)))
    return [f"{number:0{width}d}" for number in range(buckets)]


def bucket_of(name: str, buckets: int) -> str:
    """Return the bucket of a slug (or id): its hash modulo ``buckets``, as ``07``."""
    number = int.from_bytes(hashlib.sha256(_base(name).encode()).digest()[:8], "big") % buckets
    return f"{number:0{max(2, len(str(buckets - 1)))}d}"
