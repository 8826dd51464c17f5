"""Options of a soundscape model."""

from typing import Literal, Self

from pydantic import Field, model_validator

from soundmill.options import Options
from soundmill.soundscape.autoencoder_options import AutoencoderOptions
from soundmill.soundscape.condition_options import ConditionOptions
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.generation_options import GenerationOptions
from soundmill.soundscape.granular_options import GranularOptions
from soundmill.soundscape.prior_options import PriorOptions
from soundmill.soundscape.recordings_options import HeldOutOptions


class SoundscapeOptions(Options):
    """One soundscape model: what it learns from, what it can be asked for, what it makes."""

    corpus: str
    """Name of the corpus it learns."""
    conditions: dict[str, ConditionOptions] = Field(default_factory=dict)
    """Labels that choose what is made, by the name of their column; default none."""
    channels: Literal[1, 2] = 1
    """Channels of what is made; for 2 the corpus must be decoded with `channels: stereo`."""
    held_out: HeldOutOptions = HeldOutOptions()
    """What is held out to validate and to test on."""
    autoencoder: AutoencoderOptions = AutoencoderOptions()
    """What reads recordings and writes sound."""
    prior: PriorOptions = PriorOptions()
    """What knows which sound follows which."""
    granular: GranularOptions = GranularOptions()
    """The baseline that puts pieces of recordings together."""
    generation: GenerationOptions = GenerationOptions()
    """What is made."""
    evaluation: SoundscapeEvaluationOptions = SoundscapeEvaluationOptions()
    """How it is compared with real recordings."""
    seed: int = Field(1, ge=0)
    """Everything random in this model derives from it."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in self.conditions:
            if name == "at":
                raise ValueError("conditions.at: scripts use this word for the time; rename it")
        return self
