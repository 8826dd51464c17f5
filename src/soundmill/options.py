"""The base of every options model: unknown keys are errors, values do not change."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """A frozen pydantic model that refuses unknown keys. Each line keeps its own in options.py."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
