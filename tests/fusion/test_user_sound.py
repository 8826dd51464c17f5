import numpy as np
import pytest
import soundfile
from heard_task import RATE, sound

from soundmill.corpus.decode import decode_file
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.errors import InputError
from soundmill.features.spectra_bucket import compute_spectra_bucket
from soundmill.features.spectra_options import SpectraOptions
from soundmill.features.spectra_store import SpectraStore
from soundmill.fusion.user_sound import NothingThereError, Sound, hear_user
from soundmill.status import write_table

DECODE = DecodeOptions(sample_rate=8000)
SPECTRA = SpectraOptions(sample_rate=8000, n_fft=256, hop=80, bands=20)


def test_what_is_heard_is_what_is_stored_of_a_corpus(tmp_path):
    stereo = np.stack([sound("bass", 1), sound("noise", 1)], 1)
    soundfile.write(tmp_path / "a.flac", stereo, RATE)
    decode_file(tmp_path / "a.flac", tmp_path / "a.wav", DECODE)
    rows = [{"id": "a", "source": "a.flac", "status": "ok", "reason": ""}]
    write_table(tmp_path / "r.csv", rows, list(rows[0]))
    pair = (tmp_path / "s.npy", tmp_path / "s.csv")
    compute_spectra_bucket(
        tmp_path / "r.csv", tmp_path, *pair, options=SPECTRA, cache=tmp_path / "cache", code=""
    )
    stored = SpectraStore([pair])["a"]
    heard = hear_user(tmp_path / "a.flac", DECODE, SPECTRA, 5)
    assert heard.dtype == np.float16 and np.array_equal(heard, stored)
    # flac has 16 bits, the samples have more: what differs is a rounding
    given = hear_user(Sound(stereo.T, RATE), DECODE, SPECTRA, 5)
    assert np.abs(given.astype(float) - stored).max() < 1


def test_two_minutes_are_refused_with_what_to_do(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(sound("bass", 1), 100), RATE)
    with pytest.raises(InputError, match=r"long.wav lasts longer than 10 s.*cut out"):
        hear_user(tmp_path / "long.wav", DECODE, SPECTRA, 10)
    soundfile.write(tmp_path / "quiet.wav", np.zeros(120 * RATE), RATE)
    with pytest.raises(InputError, match="longer than 10 s"):
        hear_user(tmp_path / "quiet.wav", DECODE, SPECTRA, 10)


@pytest.mark.parametrize("level", [0, 5e-5])
def test_silence_is_nothing_not_an_error(tmp_path, level):
    samples = level * np.sin(np.arange(RATE))
    soundfile.write(tmp_path / "hush.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(NothingThereError, match=r"nothing was heard in hush\.wav"):
        hear_user(tmp_path / "hush.wav", DECODE, SPECTRA, 5)
    with pytest.raises(NothingThereError, match="nothing was heard in it"):
        hear_user(Sound(samples, RATE), DECODE, SPECTRA, 5)


def test_what_cannot_be_read_is_an_error_that_names_it(tmp_path):
    (tmp_path / "words.wav").write_text("no music at all\n" * 90)
    soundfile.write(tmp_path / "click.wav", np.ones(9), RATE)
    for name, said in [("words.wav", "not audio"), ("nowhere.wav", "cannot be read"),
                       ("click.wav", "minimum_seconds")]:  # fmt: skip
        with pytest.raises(InputError, match=rf"{name}.*{said}"):
            hear_user(tmp_path / name, DECODE, SPECTRA, 5)
    broken = np.full(RATE, np.nan, np.float32)
    with pytest.raises(InputError, match=r"^the recording.*NaN"):
        hear_user(Sound(broken, RATE), DECODE, SPECTRA, 5)
    with pytest.raises(InputError, match="no sound"):
        hear_user(Sound(np.zeros((900, 2)), RATE), DECODE, SPECTRA, 5)
