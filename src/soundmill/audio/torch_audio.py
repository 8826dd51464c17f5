"""The one import of torchaudio: ``from soundmill.audio.torch_audio import torchaudio``.

PyPI's Linux wheel of torchaudio links a CUDA library, so that its import fails beside a torch for
processors alone. Its parts written in torch (transforms, filter banks, resampling), all that this
project needs, work when the module that loads the compiled part is replaced. That is done only
where the native import fails.
"""

import importlib
import sys
import types
from typing import Any


def import_torchaudio() -> types.ModuleType:
    """Import torchaudio, also where its compiled part does not fit the torch installed.

    Raises
    ------
    ImportError
        When torchaudio is not installed at all.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stand_in: Any = types.ModuleType("torchaudio._extension")
        stand_in.fail_if_no_align = lambda function: function
        stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = False
        sys.modules["torchaudio._extension"] = stand_in
        return importlib.import_module("torchaudio")


torchaudio: Any = import_torchaudio()
