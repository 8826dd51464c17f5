"""Trained learners that hear: sound in, the decision on stored features out."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from heard_task import CLASSES, DESCRIPTORS, RATE, SPECTRA, sound

from soundmill.classification.deciding import Decider, decide_file, hear, load_decider, phrase
from soundmill.classification.predictions import read_predictions, recordings_of, values_of
from soundmill.corpus.decode import decode_file
from soundmill.corpus.decode_options import DecodeOptions
from soundmill.errors import InputError
from soundmill.files import read_json


def decided(heard, name, ids, fold=None):
    folder = heard / f"learners/{name}"
    folder = folder / f"folds/{fold or 'all'}/model" if name == "net" else folder / "model"
    decider = load_decider(folder, None if name == "net" else fold)
    return np.stack([decide_file(heard / f"songs/wav/0/{key}.wav", decider) for key in ids])


@pytest.mark.parametrize("fold", ["0", "1"])
@pytest.mark.parametrize("name", ["forest", "parts", "net"])
def test_a_file_is_decided_on_as_its_stored_features_are(heard, name, fold):
    """The held-out predictions of the training are what the learner of that fold hears."""
    folder = heard / f"learners/{name}"
    folder = folder / f"folds/{fold}" if name == "net" else folder
    table = recordings_of(read_predictions([folder / "predictions.parquet"]))
    table = table[table["fold"] == fold]
    assert len(table) == 3
    found = decided(heard, name, table["id"], fold)
    np.testing.assert_allclose(found, values_of(table), atol=1e-3)
    assert np.ptp(found) > 0.3  # not three times the same


def test_the_model_for_use_is_not_that_of_a_fold(heard):
    ids = ["dan-bass", "dan-flute"]  # the model for use has learned from them
    whole, fold = decided(heard, "parts", ids), decided(heard, "parts", ids, "0")
    assert whole.argmax(axis=1).tolist() == [0, 1]
    assert np.abs(whole - fold).max() > 1e-3


def test_the_model_for_use_decides_on_stored_tables_as_on_files(heard):
    from soundmill.classification.classical_model import load_classical

    table = pd.read_parquet(heard / "songs/segments/default/0.parquet")
    ids, stored = load_classical(heard / "learners/parts/model").predict_recordings(table)
    np.testing.assert_allclose(decided(heard, "parts", ids), stored, atol=1e-3)


def test_any_format_and_sample_rate_is_heard(heard, tmp_path):
    samples = np.repeat(sound("flute", 77), 3)  # three times the rate: held, so a little harsher
    soundfile.write(tmp_path / "flute.flac", np.stack([samples] * 2, axis=1), 48_000)
    decider = load_decider(heard / "learners/net/folds/all/model")
    assert CLASSES[decide_file(tmp_path / "flute.flac", decider).argmax()] == "flute"


@pytest.mark.parametrize("hearing", [DESCRIPTORS, SPECTRA])
def test_samples_of_another_rate_are_resampled(hearing):
    samples = sound("flute", 5)
    taken = [hear(one, rate, hearing)
             for one, rate in ((samples, RATE), (np.repeat(samples, 2), 2 * RATE))]  # fmt: skip
    if hearing is SPECTRA:
        assert taken[0].shape == taken[1].shape and taken[0].dtype == np.float16
        levels = [spectrum.astype(float)[:, :12].mean(axis=0) for spectrum in taken]
        np.testing.assert_allclose(*levels, atol=1.5)
    else:
        assert taken[0].segments.shape == taken[1].segments.shape


def test_a_folder_without_a_model_is_named(heard, tmp_path):
    for folder in (tmp_path, heard / "learners/forest", tmp_path / "nowhere"):
        with pytest.raises(InputError, match="holds no model"):
            load_decider(folder)


def test_another_model_is_told_from_a_classifier(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"layers": 2, "width": 16}))
    with pytest.raises(InputError, match="no classifier"):
        load_decider(tmp_path)


def test_what_learned_from_a_table_cannot_hear(heard, tmp_path):
    shutil.copytree(heard / "learners/forest/model", tmp_path / "model")
    config = read_json(tmp_path / "model/config.json")
    (tmp_path / "model/config.json").write_text(json.dumps({**config, "descriptors": None}))
    with pytest.raises(InputError, match="ready table"):
        load_decider(tmp_path / "model")


def test_a_decision_in_words():
    values = np.array([0.2, 0.7, 0.1])

    def said(kind, top=3, values=values):
        return phrase(Decider(kind, ["a", "b", "c"], SPECTRA, lambda heard: heard), values, top)

    assert said("single") == "b 70 %, a 20 %, c 10 %"
    assert said("single", top=1) == "b 70 %"
    assert said("multi") == "b 70 %"
    assert said("multi", values=np.array([0.9, 0.2, 0.5])) == "a 90 %, c 50 %"
    assert said("multi", values=values / 2) == "b 35 %"  # none holds: the likeliest
    assert said("regression", values=np.array([-1.23456, 0, 20])) == "a -1.23, b 0, c 20"


@pytest.mark.parametrize("name", ["forest", "net"])
def test_a_file_is_decoded_as_the_corpus_was(heard, tmp_path, name):
    """What the corpus' decoding took away must not be heard from a new file either."""
    place = f"learners/{name}" + ("/folds/all/model" if name == "net" else "/model")
    model = tmp_path / "model"
    shutil.copytree(heard / place, model)
    config = read_json(model / "config.json")
    options = DecodeOptions(sample_rate=4000, trim_silence=True)
    (model / "config.json").write_text(json.dumps(config | {"decode": options.model_dump()}))
    padded = np.concatenate([sound("noise", 5), np.zeros(3 * RATE, np.float32)])
    soundfile.write(tmp_path / "noise.wav", padded, RATE)
    decode_file(tmp_path / "noise.wav", tmp_path / "decoded.wav", options)

    found = decide_file(tmp_path / "noise.wav", load_decider(model))
    plain = load_decider(heard / place)
    np.testing.assert_allclose(found, decide_file(tmp_path / "decoded.wav", plain), atol=1e-6)
    assert np.abs(found - decide_file(tmp_path / "noise.wav", plain)).max() > 1e-3


def test_a_file_the_corpus_would_reject_is_refused_with_the_reason(heard, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(heard / "learners/forest/model", model)
    config = read_json(model / "config.json")
    (model / "config.json").write_text(
        json.dumps(config | {"decode": DecodeOptions().model_dump()})
    )
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(InputError, match=r"silent\.wav.*silent"):
        decide_file(tmp_path / "silent.wav", load_decider(model))
