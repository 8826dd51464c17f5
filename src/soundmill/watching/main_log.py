"""What Snakemake's own log says of jobs that failed: also those that never came to write a log."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TIME = re.compile(r"\[(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\]$")
FIELD = re.compile(r" {4}(message|jobid|log): (.*)")
AGAIN = re.compile(r"(?:Trying to restart job |Finished jobid: )(\d+)")


@dataclass
class Failure:
    """A job that failed and was not tried again."""

    time: float
    """Seconds since 1970."""
    message: str = ""
    log: str = ""


def read_failures(path: str | Path) -> dict[str, Failure]:
    """Return the failures in a log of Snakemake by the log of the job; none where it is gone."""
    found: dict[str, Failure] = {}
    now = 0.0
    current: Failure | None = None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if stamp := TIME.match(line):
                    now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").timestamp()
                elif line.startswith("Error in "):
                    current = Failure(now)
                elif again := AGAIN.match(line):
                    found.pop(again[1], None)
                elif current and (told := FIELD.match(line)):
                    if told[1] == "jobid":
                        found[told[2].strip()] = current
                    elif told[1] == "log":
                        current.log = told[2].split(" (check")[0].strip()
                        current = None  # the last field of a failure
                    else:
                        current.message = told[2].strip()
    except OSError:
        return {}
    return {failure.log: failure for failure in found.values() if failure.log}
