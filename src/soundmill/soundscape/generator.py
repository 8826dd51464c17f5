"""What everything that makes soundscapes looks like."""

from collections.abc import Iterator
from typing import Protocol

from soundmill.audio.files import Samples
from soundmill.soundscape.conditions import Script, Vocabulary


class Generator(Protocol):
    """A maker of endless sound, on request by labels."""

    sample_rate: int
    """Hz."""
    channels: int
    vocabulary: Vocabulary
    """What it can be asked for."""

    def stream(self, script: Script, seconds: float, seed: int) -> Iterator[Samples]:
        """Yield blocks (channels, n), in all round(seconds * sample_rate) samples.

        The memory needed does not grow with ``seconds``; the same script, seconds and seed give
        the same samples.
        """
        ...
