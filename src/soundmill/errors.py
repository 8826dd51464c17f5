"""The one exception whose message is written for the person who runs the pipeline."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message says what went wrong, with which file or option, and what to do.
    Programs show it without a traceback; anything else is a defect and keeps its traceback.
    """
