"""Seeds: one number in the options, an independent sub-seed for each use."""

import hashlib


def derive(seed: int, *names: str) -> int:
    """Return a 63-bit sub-seed for the use named by ``names``; the same on every machine.

    Uses with different names draw independent numbers, so adding a use changes no other.
    """
    text = "\x1f".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
