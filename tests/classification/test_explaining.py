"""Occlusion maps: which held-out recordings are shown, and what is stored of each."""

import numpy as np
import pytest
from classification.network_toys import MemoryStore

from soundmill.classification.explaining import choose_examples, explain_network
from soundmill.classification.network_model import load_network
from soundmill.classification.occlusion import occlusion_map
from soundmill.classification.study_options import OcclusionOptions
from soundmill.classification.task import Task
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.status import read_table, write_table


class Oracle:
    """A network that says what it is told of each spectrum, told apart by its first number."""

    def __init__(self, values):
        self.values = values

    def predict(self, spectrum):
        return None, None, self.values[int(spectrum[0, 0])]


def made(kind, targets, values):
    """A task whose fold 0 tests all but the last recording, its store, and an oracle."""
    count = len(targets)
    examples = [{"id": f"r{i}", "source": "", "bucket": "0", "seconds": "1", "group": ""}
                for i in range(count)]  # fmt: skip
    part = np.array(["test"] * (count - 1) + ["train"])
    targets = np.array(targets) if kind == "single" else np.array(targets, np.float32)
    task = Task(kind, ["a", "b"], examples, targets, {"0": part})
    store = MemoryStore({f"r{i}": np.full((4, 2), i, np.float16) for i in range(count)})
    return task, store, Oracle(np.array(values, float))


def test_the_surest_right_decisions_are_shown_the_classes_in_turn():
    confidence = [0.6, 0.9, 0.7, 0.8, 0.2, 0.99]
    task, store, oracle = made(
        "single", [0, 0, 0, 1, 1, 1], [[p, 1 - p] for p in confidence[:3]] +
        [[1 - p, p] for p in confidence[3:]],
    )  # fmt: skip
    # r5 is in the training part; r4 is of b but sounds like a
    assert choose_examples(task, store, oracle, 9) == [(1, 0), (3, 1), (2, 0), (0, 0)]
    assert choose_examples(task, store, oracle, 2) == [(1, 0), (3, 1)]
    del store["r1"]
    assert choose_examples(task, store, oracle, 2) == [(2, 0), (3, 1)]


def test_of_a_network_that_is_never_right_the_recordings_of_each_class():
    task, store, oracle = made("single", [1, 0, 1], [[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    assert choose_examples(task, store, oracle, 4) == [(1, 0), (0, 1)]


def test_of_tags_those_a_recording_has_and_gets():
    task, store, oracle = made(
        "multi", [[1, 1], [0, 1], [0, 0]], [[0.3, 0.8], [0.9, 0.7], [0.9, 0.9]]
    )
    assert choose_examples(task, store, oracle, 4) == [(0, 1), (1, 1)]


def test_of_values_the_first_recordings():
    task, store, oracle = made("regression", [[1, 1], [0, 1], [0, 0]], [[0, 0]] * 3)
    assert choose_examples(task, store, oracle, 1) == [(0, 0)]


def explain(heard, path, pair, **options):
    chosen = OcclusionOptions(learner="net", seconds=0.3, bands=8, **options)
    model = heard / "learners/net/folds/0/model"
    explain_network(heard / "task", [pair], model, path, chosen)
    return np.load(path)


def test_the_file_holds_maps_of_what_the_fold_tests(heard, tmp_path):
    pair = (heard / "songs/spectra/default/0.npy", heard / "songs/spectra/default/0.csv")
    found = explain(heard, tmp_path / "o.npz", pair, recordings=2)
    network = load_network(heard / "learners/net/folds/0/model")
    store = SpectraStore([pair])
    assert len(found["ids"]) >= 1
    assert found["frame_rate"] == pytest.approx(16_000 / 512)
    for n, name in enumerate(found["ids"]):
        assert name.startswith("dan-") and name.removeprefix("dan-") == found["classes"][n]
        np.testing.assert_array_equal(found[f"spectrum_{n}"], store[name])
        number = network.classes.index(found["classes"][n])
        assert found[f"probability_{n}"] == pytest.approx(
            network.predict(store[name])[2][number], abs=1e-6
        )
        drop, frames, bands = (found[f"{key}_{n}"] for key in ("drop", "frames", "bands"))
        assert drop.shape == (len(frames) - 1, len(bands) - 1)
        assert frames[0] == bands[0] == 0
        assert frames[-1] == len(store[name]) and bands[-1] == 24
        wanted = occlusion_map(network, store[name], number, round(0.3 * 16_000 / 512), 8)
        np.testing.assert_allclose(drop, wanted.drop, atol=1e-6)


def test_without_spectra_of_held_out_recordings_it_stops(heard, tmp_path):
    array, index = heard / "songs/spectra/default/0.npy", heard / "songs/spectra/default/0.csv"
    rows = [row for row in read_table(index) if not row["id"].startswith("dan")]
    write_table(tmp_path / "i.csv", rows, list(rows[0]))
    with pytest.raises(InputError, match="no recording that fold 0 tests"):
        explain(heard, tmp_path / "o.npz", (array, tmp_path / "i.csv"))
