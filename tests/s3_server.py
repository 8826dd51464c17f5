"""A local S3 server (moto's) with what it was asked for, and access to what it holds."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3

KEYS = {
    "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "AKIAFORTHETESTSALONE",
    "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "a/secret+nobody.should/ever=see",
}


class S3Server:
    """One running server."""

    def __init__(self, url, log):
        self.url = url
        self._log = Path(log)
        self._seen = 0
        self.environment = {**KEYS, "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": url}
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="someone",
            aws_secret_access_key="else",
        )

    def create(self, bucket):
        """Make a bucket, or empty it and lift what was forbidden."""
        self.client.create_bucket(Bucket=bucket)
        self.client.delete_bucket_policy(Bucket=bucket)
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", ()):
                self.client.delete_object(Bucket=bucket, Key=item["Key"])

    def forbid(self, bucket, key):
        """Let nobody read an object."""
        rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
        policy = {
            "Version": "2012-10-17",
            "Statement": [rule | {"Resource": f"arn:aws:s3:::{bucket}/{key}"}],
        }
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def put(self, bucket, **contents):
        """Put objects by key; a slash in a key is written as in the dictionary ``**{...}``."""
        for key, body in contents.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def upload(self, bucket, prefix, folder):
        """Put all files of a folder under a prefix."""
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                self.put(bucket, **{key: path.read_bytes()})

    def require_credentials(self, wanted):
        """Let the server check signatures from now on, or no more."""
        count, kind = b"0" if wanted else b"inf", {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", count, kind)
        urllib.request.urlopen(request).close()

    def asked(self):
        """Return how many listings and transfers there were since the last call."""
        text = self._log.read_text()
        new, self._seen = text[self._seen :], len(text)
        listings = re.findall(r'"GET /[^/ ]+\?[^ ]*list-type=2', new)
        transfers = re.findall(r'"GET /(?!moto-api)[^/? ]+/([^ ?]+) ', new)
        return len(listings), len(transfers)


@contextmanager
def s3_server(folder):
    """Run a server on a free port while the block lasts; its log is in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = Path(folder) / "s3.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=file, stderr=file
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/moto-api/data.json").close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
        yield S3Server(url, log)
    finally:
        server.terminate()
        server.wait()
