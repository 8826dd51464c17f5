"""The transkun transcriber: piano alone, with exact offsets and velocities. An optional extra.

Yan and Duan, "Scoring Time Intervals using Non-Hierarchical Transformer for Automatic Piano
Transcription" (ISMIR 2024); the model comes inside the transkun package. It is imported when first
used, so that nobody else waits for torch.
"""

import functools
import importlib
import importlib.util
import os
import threading
import warnings
from pathlib import Path
from typing import Any

from soundmill.audio.files import read_audio
from soundmill.errors import InputError
from soundmill.notes import Notes, make_notes
from soundmill.transcription.options import TranscriberOptions

INSTALL = "pip install --no-deps transkun==2.0.1 moduleconf ncls"
NEEDED = ("transkun", "moduleconf", "ncls")


class Transkun:
    """Transcribe piano recordings. One instance serves many files, one at a time.

    Raises
    ------
    InputError
        When the package is not installed.
    """

    def __init__(self, options: TranscriberOptions, threads: int = 1) -> None:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise InputError(
                f"the transcriber transkun is an optional extra and {', '.join(missing)} is not "
                f"installed. Run: {INSTALL}  (or choose method: basic_pitch)"
            )
        self.options = options
        self.threads = threads
        self._lock = threading.Lock()

    def transcribe(self, path: str | os.PathLike[str]) -> Notes:
        """Return the notes of a recording.

        Raises
        ------
        InputError
            When the recording cannot be read.
        """
        import torch

        with self._lock:
            torch.set_num_threads(self.threads)
            model = self._model
            samples, _ = read_audio(path, sample_rate=model.fs)
            with torch.inference_mode(), warnings.catch_warnings():
                # transkun checkpoints activations for training, which torch warns is for nothing
                warnings.simplefilter("ignore", UserWarning)
                events = model.transcribe(torch.from_numpy(samples.T.copy()))
        # negative pitches are the pedals
        kept = [event for event in events if event.pitch > 0 and event.end > event.start]
        return make_notes(
            [event.start for event in kept],
            [event.end for event in kept],
            [event.pitch for event in kept],
            [min(max(event.velocity, 1), 127) for event in kept],
        )

    @functools.cached_property
    def _model(self) -> Any:
        import moduleconf
        import torch

        # makes torchaudio importable for the package; it must come first
        import soundmill.audio.torch_audio  # noqa: F401

        spec = importlib.util.find_spec("transkun")
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent / "pretrained"
        configuration = moduleconf.parseFromFile(str(folder / "2.0.conf"))["Model"]
        checkpoint = torch.load(folder / "2.0.pt", map_location="cpu", weights_only=True)
        weights = checkpoint.get("best_state_dict", checkpoint.get("state_dict"))
        model = configuration.module.TransKun(conf=configuration.config)
        model.load_state_dict(weights, strict=False)
        return model.eval()
