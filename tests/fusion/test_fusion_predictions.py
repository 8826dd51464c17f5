"""Predictions come back as they were written."""

from dataclasses import replace

import numpy as np
import pytest
from fusion.toy_outputs import write_toy_outputs, write_toy_predictions

from soundmill.errors import InputError
from soundmill.fusion.predictions import pair_columns, read_predictions, write_predictions


def test_predictions_come_back(tmp_path):
    written = write_toy_predictions(tmp_path / "p")
    read = read_predictions(tmp_path / "p")
    for name in ("classes", "modalities", "cases", "temperatures", "entries"):
        assert getattr(read, name) == getattr(written, name)
    for name in ("targets", "groups", "probabilities", "weights"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    for name in read.modalities:
        assert list(read.ids[name]) == list(written.ids[name])
        assert list(read.lying[name]) == list(written.lying[name])
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_writing_again_replaces_all(tmp_path):
    write_toy_predictions(tmp_path / "p", pairs=60)
    write_toy_predictions(tmp_path / "p", pairs=20)
    assert len(read_predictions(tmp_path / "p").targets) == 20


def test_shapes_that_do_not_fit_are_refused_and_the_old_folder_stays(tmp_path):
    written = write_toy_predictions(tmp_path / "p")
    with pytest.raises(ValueError, match="do not fit"):
        write_predictions(tmp_path / "p", replace(written, weights=written.weights[:, :1]))
    assert read_predictions(tmp_path / "p").weights.shape == written.weights.shape


def test_names_of_columns_are_no_modalities():
    assert pair_columns(["a", "b"]) == ["target", "group", "a", "a_lying", "b", "b_lying"]
    with pytest.raises(InputError, match="'group' is taken"):
        pair_columns(["group", "b"])
    with pytest.raises(InputError, match="'a_lying' is taken"):
        pair_columns(["a", "a_lying"])


def test_toy_encoders_err_boldly_under_noise(tmp_path):
    found = write_toy_outputs(tmp_path / "o", conditions=("clean", "some", "more"))
    right = (found.logits.argmax(axis=2) == found.targets).mean(axis=1)
    assert right[0] > 0.9 and right[0] > right[1] > right[2] > 0.25
