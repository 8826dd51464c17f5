"""The S3 server on which remote corpora lie, reached with the settings of Snakemake's plugin.

The client is that of snakemake-storage-plugin-s3: its options and environment variables hold. Its
storage objects are not used: they take ``#`` and ``?`` in a key for parts of an address, and list
the bucket once more for each object.
"""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from soundmill.errors import InputError

PLUGIN = "snakemake-storage-plugin-s3==0.3.6"
VARIABLE = "SNAKEMAKE_STORAGE_S3_"
"""What the plugin's settings begin with in the environment."""
CREDENTIALS = (
    f"set {VARIABLE}ACCESS_KEY and {VARIABLE}SECRET_KEY (or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE) in the environment"
)
ENDPOINT = (
    f"check the network and the server's address, {VARIABLE}ENDPOINT_URL in the environment or "
    "--storage-s3-endpoint-url (none means Amazon's)"
)
_SECRET = ("access_key", "secret_key", "token")
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "TokenRefreshRequired", "AuthFailure", "InvalidClientTokenId",
}  # fmt: skip


def share_settings(settings: Any) -> None:
    """Put what Snakemake was told about the server into the environment, where jobs find it.

    Parameters
    ----------
    settings : what Snakemake has gathered for the plugin, from the command line, a profile and the
        environment; None when the plugin is not installed.

    Raises
    ------
    InputError
        When keys come from elsewhere than the environment: Snakemake writes its command line into
        its log.
    """
    untagged = settings.get_settings() if settings is not None else None
    for field in fields(untagged) if untagged is not None else ():
        value, variable = getattr(untagged, field.name), VARIABLE + field.name.upper()
        if value is None or value == field.default:
            continue
        if field.name in _SECRET and os.environ.get(variable) != value:
            option = f"--storage-s3-{field.name.replace('_', '-')}"
            raise InputError(
                f"{option} stands on the command line, which is written to logs, or in a profile: "
                f"take it out, make a new key, and {CREDENTIALS}"
            )
        os.environ[variable] = str(value)


def open_store(place: str) -> Any:
    """Return an S3 client (of boto3) with the settings and credentials of the environment.

    Parameters
    ----------
    place : the option that named a remote source, for messages.

    Raises
    ------
    InputError
        When the plugin is not installed, or the address of the server is none.
    """
    try:
        from snakemake_storage_plugin_s3 import StorageProvider, StorageProviderSettings
    except ImportError as error:
        raise InputError(
            f"{place}: s3:// needs Snakemake's storage plugin ({error}): pip install {PLUGIN}"
        ) from error
    found = {field.name: os.environ.get(VARIABLE + field.name.upper()) for field in
             fields(StorageProviderSettings)}  # fmt: skip
    settings = StorageProviderSettings(**{name: text for name, text in found.items() if text})
    settings.retries = int(settings.retries)
    try:
        # the folder is the plugin's own, which it makes in any case; nothing is put there
        provider = StorageProvider(Path(".snakemake/storage/s3"), logger=None, settings=settings)
    except ValueError as error:  # boto3 names what is wrong with the address
        raise InputError(f"{place}: {error}; {ENDPOINT}") from error
    return provider.s3c.meta.client


def error_code(error: Exception) -> str:
    """Return the code of a server's answer, such as ``NoSuchKey`` or ``404``, or nothing."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def store_error(error: Exception, source: str, place: str) -> InputError:
    """Return what to tell people when ``source`` cannot be reached.

    Parameters
    ----------
    error : what boto3 raised (`botocore.exceptions.BotoCoreError` or ``ClientError``).
    source : the ``s3://`` address asked for.
    place : the option that named it.
    """
    code, kind = error_code(error), type(error).__name__
    bucket = source.removeprefix("s3://").partition("/")[0]
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        story = f"there are no credentials for it: {CREDENTIALS}"
    elif kind == "ProfileNotFound":
        story = f"{error}: {CREDENTIALS}"
    elif code in _BAD_CREDENTIALS:
        story = f"the server refuses the credentials ({code}): {CREDENTIALS}"
    elif code in ("AccessDenied", "AllAccessDisabled", "403"):
        story = (
            f"the credentials do not allow it ({code}): listing the bucket {bucket!r} and reading "
            f"its objects must be allowed (s3:ListBucket, s3:GetObject), or {CREDENTIALS}"
        )
    elif code in ("NoSuchBucket", "404", "InvalidBucketName"):
        story = f"there is no bucket {bucket!r} on this server: correct the name; {ENDPOINT}"
    elif code in ("PermanentRedirect", "301", "AuthorizationHeaderMalformed"):
        story = f"the bucket is in another region ({error}): set {VARIABLE}REGION"
    elif code:
        story = f"the server answers {code} ({error}); try again, or {ENDPOINT}"
    else:
        story = f"the server cannot be reached ({error}); {ENDPOINT}"
    return InputError(f"{place}: {source!r}: {story}")
