"""The encoders of a fusion in use: each takes what someone gives it, and says what it is.

A third modality is one more class with the methods of `Encoder`, named in `KINDS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from soundmill.classification.network_model import TrainedNetwork, load_network
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.corpus.image_options import Method
from soundmill.errors import InputError
from soundmill.features.spectra_options import SpectraOptions
from soundmill.fusion.encoded import Encoded
from soundmill.fusion.image_model import ImageModel, load_image_model
from soundmill.fusion.sound_encoding import encode_sound
from soundmill.fusion.user_image import see_user
from soundmill.fusion.user_sound import hear_user

LONGER = 5
"""A recording may last so many times as long as the longest that the network learned from."""
CHUNKS = 15
"""Where that is not known: so many times as long as what the network hears at once."""


class Encoder(Protocol):
    """One modality in use."""

    @property
    def kind(self) -> str:
        """What this modality is: a key of `KINDS`."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""

    def take(self, source: Any) -> Any:
        """Return a sample in the form the encoder learned from.

        Raises
        ------
        NothingThereError
            When the source can be read but holds nothing.
        InputError
            When it cannot be read or used.
        """

    def encode(self, sample: Any) -> Encoded:
        """Return what the encoder says of a sample."""


@dataclass(frozen=True)
class SoundEncoder:
    """A network that hears.

    Attributes
    ----------
    decode : how its recordings were decoded; None where that is not known.
    longest : seconds that a recording may last.
    """

    network: TrainedNetwork
    decode: DecodeOptions | None
    spectra: SpectraOptions
    longest: float
    kind: str = "sound"

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        return self.network.classes

    def take(self, source: Any) -> Any:
        """Return the spectrum (frames, bands) of a file or `soundmill.fusion.user_sound.Sound`."""
        return hear_user(source, self.decode, self.spectra, self.longest)

    def encode(self, sample: Any) -> Encoded:
        """Return what the network says of a spectrum."""
        return encode_sound(self.network, sample)


@dataclass(frozen=True)
class ImageEncoder:
    """A network that sees; ``preparation`` is how its images were brought to their size."""

    model: ImageModel
    preparation: Method
    kind: str = "image"

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        return self.model.classes

    def take(self, source: Any) -> Any:
        """Return the image (size, size) uint8, ink bright on black, of a file or an array."""
        return see_user(source, self.model.size, self.preparation)

    def encode(self, sample: Any) -> Encoded:
        """Return what the network says of an image."""
        return self.model.encode_one(sample)


def _load_sound(folder: Path, facts: Mapping[str, Any]) -> Encoder:
    network = load_network(folder)
    config = network.config
    if config["kind"] != "single":
        raise InputError(f"{folder} decides on {config['kind']}, not on one class a recording")
    decode = DecodeOptions(**config["decode"]) if config.get("decode") else None
    known = facts.get("longest_seconds")
    chunk = network.frames / float(config["frame_rate"])
    longest = LONGER * float(known) if known else CHUNKS * chunk
    return SoundEncoder(network, decode, SpectraOptions(**config["spectra"]), longest)


def _load_image(folder: Path, facts: Mapping[str, Any]) -> Encoder:
    return ImageEncoder(load_image_model(folder), facts.get("preparation", "digit"))


KINDS: dict[str, Callable[[Path, Mapping[str, Any]], Encoder]] = {
    "sound": _load_sound,
    "image": _load_image,
}
"""How each kind of modality is loaded from its folder and what the fusion's config says of it."""


def load_encoder(folder: Path, facts: Mapping[str, Any]) -> Encoder:
    """Load the encoder of one modality.

    Parameters
    ----------
    facts : ``kind``; of an image ``preparation``, default ``digit``; of a sound, where known,
        the ``longest_seconds`` that it learned from.

    Raises
    ------
    InputError
        When the folder is none of this kind, or damaged.
    """
    if facts["kind"] not in KINDS:
        raise InputError(
            f"{folder}: this soundmill knows no modality of kind {facts['kind']!r}, only "
            f"{', '.join(KINDS)}"
        )
    return KINDS[facts["kind"]](folder, facts)
