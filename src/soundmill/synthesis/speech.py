"""Speech: words spoken by eSpeak NG, a formant synthesiser with many voices.

The library comes with the package espeakng-loader, installed separately, and is used through its
C interface (``speak_lib.h``). It is free software under the GNU GPL, version 3 or later, and no
part of this project.
"""

import contextlib
import ctypes
import difflib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from soundmill.errors import InputError

Floats = npt.NDArray[np.float32]

SYNCHRONOUS, UTF_8 = 2, 1
RATE, PITCH, RANGE = 1, 3, 4
"""Numbers of ``espeak_AUDIO_OUTPUT``, the flags and ``espeak_PARAMETER``."""
_ONE_AT_A_TIME = threading.Lock()
"""The library keeps its state in static variables."""
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Say(Protocol):
    """Speaks; see `open_speech`."""

    def __call__(
        self, text: str, voice: str, *, rate: int = 170, pitch: int = 50, inflection: int = 50
    ) -> tuple[Floats, int]:
        """Return samples float32 (n,) and their rate in Hz."""


@contextlib.contextmanager
def open_speech() -> Iterator[Say]:
    """Yield a function that speaks: ``say(text, voice, rate, pitch, inflection)``.

    It takes the text, a voice such as ``en-us`` or ``en-gb-scotland+m2`` (a language, and a
    variant: a throat), words a minute (80 to 450), the pitch and its range (both 0 to 100), and
    returns samples float32 (n,), full scale -1 to 1, and their rate in Hz. The same arguments
    give the same samples, whatever was said before: the synthesiser goes on with the phases and
    random numbers of its last words, so a fresh copy of the library is loaded for each call.

    Raises
    ------
    InputError
        When the library is missing, or (from ``say``) a voice or variant is unknown or breathes:
        that noise is read from memory nobody has set.
    """
    library, data = _find_library()
    with tempfile.TemporaryDirectory(prefix="soundmill-speech-") as folder:
        # a file of its own: one that someone else holds open would not be loaded afresh
        private = Path(folder, library.name)
        shutil.copyfile(library, private)

        def say(
            text: str, voice: str, *, rate: int = 170, pitch: int = 50, inflection: int = 50
        ) -> tuple[Floats, int]:
            _check_variant(voice, data)
            with _ONE_AT_A_TIME:
                return _speak(
                    private, data, text, voice, {RATE: rate, PITCH: pitch, RANGE: inflection}
                )

        yield say


def _find_library() -> tuple[Path, Path]:
    """Return the paths of the shared library and of its data."""
    try:
        import espeakng_loader  # type: ignore[import-untyped]
    except ImportError as error:
        raise InputError(
            "spoken words need eSpeak NG, which is not installed: pip install espeakng-loader"
        ) from error
    library = Path(espeakng_loader.get_library_path())
    data = Path(espeakng_loader.get_data_path())
    for path in (library, data):
        if not path.exists():
            raise InputError(
                f"{path} of eSpeak NG is missing: pip install --force-reinstall espeakng-loader"
            )
    return library, data


def _check_variant(voice: str, data: Path) -> None:
    """Refuse an unknown variant, which the library would pass over in silence."""
    _, plus, variant = voice.partition("+")
    known = {path.name for path in (data / "voices" / "!v").iterdir()}
    if plus and variant not in known:
        close = difflib.get_close_matches(variant, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"voice {voice!r}: eSpeak NG has no variant {variant!r}{hint}")
    if plus and "\nbreath" in (data / "voices" / "!v" / variant).read_text(errors="replace"):
        raise InputError(
            f"voice {voice!r}: the breath of variant {variant!r} differs from call to call; "
            "take another variant, such as f1, f4, m2 or steph"
        )


def _speak(
    path: Path, data: Path, text: str, voice: str, parameters: dict[int, int]
) -> tuple[Floats, int]:
    heard: list[bytes] = []

    @_Callback
    def hear(samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, 2 * count))
        return 0

    with _loaded(path) as library:
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(data).encode(), 0)
        if rate <= 0:
            raise InputError(f"eSpeak NG does not start with its data in {data}; install it again")
        try:
            library.espeak_SetSynthCallback(hear)
            if library.espeak_SetVoiceByName(voice.encode()):
                raise InputError(f"voice {voice!r}: eSpeak NG has no such language")
            for parameter, value in parameters.items():
                library.espeak_SetParameter(parameter, value, 0)
            words = text.encode() + b"\0"
            error = library.espeak_Synth(words, len(words), 0, 0, 0, UTF_8, None, None)
            if error or library.espeak_Synchronize():
                raise RuntimeError(f"eSpeak NG cannot say {text!r}: error {error}")
        finally:
            library.espeak_Terminate()
    samples = np.frombuffer(b"".join(heard), np.int16).astype(np.float32) / np.float32(32768)
    return samples, rate


@contextlib.contextmanager
def _loaded(path: Path) -> Iterator[ctypes.CDLL]:
    """Load a library, its random numbers from their start, and unload it."""
    import _ctypes

    library = ctypes.CDLL(str(path))
    ctypes.CDLL(None).srand(1)  # C's own generator, from which voices take their breath
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
        ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    try:
        yield library
    finally:
        _ctypes.dlclose(library._handle)
