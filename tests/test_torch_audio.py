"""torchaudio is imported whether or not its compiled part fits the torch installed."""

import subprocess
import sys

import torch


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_imported_works():
    from soundmill.audio.torch_audio import torchaudio

    tone = torch.sin(torch.arange(16000) * 2 * torch.pi * 440 / 16000)
    resampled = torchaudio.functional.resample(tone, 16000, 8000)
    wanted = torch.sin(torch.arange(8000) * 2 * torch.pi * 440 / 8000)
    assert (resampled - wanted)[100:-100].abs().max() < 1e-2


def test_the_stand_in_is_used_only_where_the_native_import_fails():
    fails = """
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "torchaudio._extension":
            raise OSError("libc10_cuda.so: cannot open shared object file")
sys.meta_path.insert(0, Refuse())
from soundmill.audio.torch_audio import torchaudio
print(torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE, torchaudio._extension.__spec__)
torchaudio.transforms.MelSpectrogram()
"""
    assert run(fails) == "False None"
    fits = """
import sys, types
native = types.ModuleType("torchaudio")
sys.modules["torchaudio"] = native
from soundmill.audio.torch_audio import torchaudio
print(torchaudio is native, "torchaudio._extension" in sys.modules)
"""
    assert run(fits) == "True False"
