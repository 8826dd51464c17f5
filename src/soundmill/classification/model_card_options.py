"""What only a person can say on the model card of a task."""

from soundmill.options import Options


class ModelCardOptions(Options):
    """The parts of a model card that no figure can fill."""

    intended_use: str = ""
    """What the model is meant for, and by whom."""
    out_of_scope: str = ""
    """Uses it is not meant for."""
    data: str = ""
    """Where the recordings and labels come from."""
    licence: str = ""
    """Licence of the recordings, which also binds what is learned from them in some countries."""
    contact: str = ""
    """Who answers questions."""
    caveats: str = ""
    """Known weaknesses beyond those the figures show."""
