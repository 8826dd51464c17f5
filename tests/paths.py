"""Where tests find the checkout and, where it is there, real data."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def real_data(name: str) -> Path:
    """Return a folder or file of real data, or skip the test that asks for it."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs the recordings in {path}, which are not part of the project")
    return path
