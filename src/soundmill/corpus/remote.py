"""Names of remote sources: ``s3://bucket/prefix``, and the recordings under it."""

import re

S3 = "s3://"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_remote(source: str) -> bool:
    """Tell whether a source lies on an S3 server."""
    return source.startswith(S3)


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``; the key is taken letter by letter."""
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return bucket, key


def check_scheme(source: str) -> None:
    """Refuse what looks like an address and is none that soundmill can read.

    Raises
    ------
    ValueError
        With what is allowed. An address with credentials in it is not repeated.
    """
    scheme = _SCHEME.match(source)
    if scheme is None:
        return
    if not is_remote(source):
        raise ValueError(
            f"what lies on {scheme[1]}: cannot be read; give a path here, or s3://bucket/prefix"
        )
    bucket = split_uri(source)[0]
    if "@" in bucket:
        raise ValueError(
            "an s3:// address holds no credentials; they come from the environment: set "
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY and SNAKEMAKE_STORAGE_S3_SECRET_KEY"
        )
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{source!r} names no bucket; write s3://bucket/prefix")


def check_local(path: str) -> None:
    """Refuse an address where only a path can be read.

    Raises
    ------
    ValueError
        With what may lie on a server.
    """
    if is_remote(path):
        raise ValueError("only recordings and their labels can lie on s3://; give a path here")
    check_scheme(path)
