"""How notes become sound: instrument, effects, level."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from soundmill.errors import InputError
from soundmill.options import Options
from soundmill.synthesis.instruments import program_number
from soundmill.synthesis.presets import Effect, preset


class RenderOptions(Options):
    """Options of `soundmill.synthesis.render`."""

    instrument: str | int | tuple[str | int, ...] = "piano"
    """General MIDI name or number (0 to 127), a short name ("pad", "choir", "harp"), or a list from which pieces take turns."""  # noqa: E501
    soundfont: Path | None = None
    """A SoundFont file (.sf2); by default the small General MIDI set that pretty_midi carries."""
    preset: str = "meadow"
    """Effects by name: dry, room, meadow, cathedral, underwater, tape, night."""
    effects: tuple[Effect, ...] = ()
    """Further effects after the preset's, in order; with the preset "dry" a chain of one's own."""
    loudness: float = Field(-16.0, ge=-40.0, le=-6.0)
    """Integrated loudness to aim at (ITU-R BS.1770), LUFS."""
    peak: float = Field(-1.0, ge=-20.0, le=0.0)
    """Highest peak allowed, dBFS; it wins over the loudness."""
    sample_rate: int = Field(44100, ge=8000, le=48000)
    """Samples a second of the audio written, Hz."""

    # pydantic adds the option's place to a ValueError, which an InputError would lose

    @field_validator("preset")
    @classmethod
    def _preset_exists(cls, name: str) -> str:
        try:
            preset(name)
        except InputError as error:
            raise ValueError(str(error)) from error
        return name

    @model_validator(mode="after")
    def _instruments_exist(self) -> Self:
        try:
            if not self.instruments:
                raise InputError("instrument is an empty list: name at least one.")
            if self.soundfont is None:  # a SoundFont of one's own has names of its own
                for instrument in self.instruments:
                    program_number(instrument)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def instruments(self) -> tuple[str | int, ...]:
        """The instruments that take turns: one or more."""
        return self.instrument if isinstance(self.instrument, tuple) else (self.instrument,)
