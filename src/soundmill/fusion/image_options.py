"""Options of a modality that is seen: images, split, network, how the images are damaged."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from soundmill.classification.task_options import SplitOptions
from soundmill.fusion.image_encoder_options import ImageEncoderOptions
from soundmill.options import Options

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]


class ImageDamage(Options):
    """One way in which images are worse than they were."""

    energy: float | None = Field(None, gt=0, le=1)
    """Share of the variance kept: the image is rebuilt from the leading principal components of
    the training images that together hold at least so much of it."""
    noise: float | None = Field(None, gt=0, le=1)
    """Share of each pixel replaced by noise, which is uniform between black and white; 1: nothing
    but noise is left."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.energy is None) == (self.noise is None):
            raise ValueError("give energy or noise, one of them")
        return self


class ImageModality(Options):
    """What is seen: an image corpus, split once, and a network trained on it."""

    kind: Literal["image"] = "image"
    """What this modality is."""
    images: str
    """Name from the section `images`."""
    target: str = "label"
    """Label column of the images."""
    group: str | None = None
    """Label column whose images stay together in the split, such as the writer."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Spelling of a label to the class it means, where the modalities spell differently."""
    split: SplitOptions = SplitOptions(test=0.25)
    """Which images train, validate and test: one fold, with a validation part."""
    encoder: ImageEncoderOptions = ImageEncoderOptions()
    """The network and its training."""
    damages: dict[Name, ImageDamage] = Field(default_factory=dict)
    """Damages by name, from mild to hard."""
    most: int = Field(6000, ge=10)
    """Images of each part that the fusion uses at most; the encoder learns from all."""
