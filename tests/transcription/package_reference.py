"""The basic-pitch package's own code, to compare with.

Importing it needs resampy, which needs pkg_resources, which setuptools no longer has. Nothing
that is called here uses resampy, so an empty module takes its place while the package is imported.
"""

import contextlib
import functools
import io
import logging
import sys
import types
from unittest import mock

import numpy as np


@functools.cache
def load():
    """Return the package's (inference, note_creation) modules."""
    logging.disable(logging.WARNING)  # it warns of each model format that is not installed
    try:
        with mock.patch.dict(sys.modules, resampy=types.ModuleType("resampy")):
            from basic_pitch import inference, note_creation
    finally:
        logging.disable(logging.NOTSET)
    return inference, note_creation


def predict(path):
    """Return (onset, offset, pitch, amplitude) rows of the package's `predict`, sorted."""
    from soundmill.transcription.posteriorgram import model_path

    inference, _ = load()
    with contextlib.redirect_stdout(io.StringIO()):
        events = inference.predict(path, model_path())[2]
    return np.array(sorted((e[0], e[1], e[2], e[3]) for e in events))


def decode(frame, onset, **settings):
    """Return the (start, end, pitch) frames of the package's decoding, sorted."""
    _, note_creation = load()
    settings = {"max_freq": None, "min_freq": None, "melodia_trick": True} | settings
    with np.errstate(invalid="ignore"):
        found = note_creation.output_to_notes_polyphonic(frame.copy(), onset.copy(), **settings)
    return sorted((int(a), int(b), int(p)) for a, b, p, _ in found)
