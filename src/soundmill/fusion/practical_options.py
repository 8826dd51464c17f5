"""Options of the network of the practical."""

from pydantic import Field

from soundmill.options import Options


class PracticalOptions(Options):
    """The network of the practical, trained as it was there: SGD, with and without honest folds."""

    epochs: int = Field(30, ge=1, le=1000)
    """Passes over the training recordings."""
    batch: int = Field(4, ge=1, le=4096)
    """Recordings a step."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Of SGD."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of SGD."""
    seconds: float = Field(1.0, gt=0, le=60)
    """Recordings are cut or padded with silence to this length."""
