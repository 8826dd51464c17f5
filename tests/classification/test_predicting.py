"""Decisions on recordings without labels, by one learner and by an ensemble."""

import numpy as np
import pandas as pd
import pytest
from heard_task import CLASSES

from soundmill.classification.classical_model import load_classical
from soundmill.classification.network_model import load_network
from soundmill.classification.predicting import predict_recordings
from soundmill.classification.predictions import read_predictions, values_of
from soundmill.errors import InputError
from soundmill.features.spectra_store import SpectraStore
from soundmill.files import write_json
from soundmill.status import read_table, write_table


@pytest.fixture
def files(heard):
    """What the rule gives: models by name, tables of both levels, spectra."""
    songs = heard / "songs"
    return {
        "models": {
            "forest": heard / "learners/forest/model",
            "parts": heard / "learners/parts/model",
            "net": heard / "learners/net/folds/all/model",
        },
        "tables": [songs / f"{kind}/default/0.parquet" for kind in ("segments", "features")],
        "spectra": [(songs / "spectra/default/0.npy", songs / "spectra/default/0.csv")],
    }


def predict(folder, learner, files, names, **more):
    models = {name: files["models"][name] for name in names}
    sources = {"tables": files["tables"], "spectra": files["spectra"], **more}
    predict_recordings(folder / "p.parquet", learner, models, **sources)
    return read_predictions([folder / "p.parquet"])


def direct(files):
    """The decisions of each learner (recordings, classes), asked one by one."""
    segments, features = (pd.read_parquet(path) for path in files["tables"])
    models = files["models"]
    store = SpectraStore(files["spectra"])
    network = load_network(models["net"])
    ids = list(features["id"])
    whole = load_classical(models["forest"]).predict(features)
    parts = dict(zip(*load_classical(models["parts"]).predict_recordings(segments), strict=True))
    return ids, {
        "forest": whole,
        "parts": np.stack([parts[key] for key in ids]),
        "net": np.stack([network.predict(store[key])[2] for key in ids]),
    }


@pytest.mark.parametrize("name", ["forest", "parts", "net"])
def test_a_learner_reads_the_files_of_its_kind_among_all(files, tmp_path, name):
    table = predict(tmp_path, name, files, [name])
    ids, wanted = direct(files)
    assert list(table["id"]) == ids
    assert set(table["fold"]) == {"all"} and set(table["part"]) == {"test"}
    np.testing.assert_allclose(values_of(table), wanted[name], atol=1e-6)
    assert values_of(table).shape[1] == len(CLASSES)


@pytest.mark.parametrize("name", ["forest", "parts"])
def test_each_bucket_is_read_by_itself_and_may_be_empty(files, tmp_path, name):
    split = []
    for path in files["tables"]:
        table = pd.read_parquet(path)
        first = set(sorted(set(table["id"]))[:5])
        parts = (table[table["id"].isin(first)], table[:0], table[~table["id"].isin(first)])
        for number, part in enumerate(parts):
            split.append(tmp_path / path.parent.parent.name / "default" / f"{number}.parquet")
            split[-1].parent.mkdir(parents=True, exist_ok=True)
            part.to_parquet(split[-1])
    table = predict(tmp_path, name, {**files, "tables": split}, [name]).set_index("id")
    ids, wanted = direct(files)
    np.testing.assert_allclose(values_of(table.loc[ids]), wanted[name], atol=1e-6)


def test_an_ensemble_is_the_mean_of_its_members(files, tmp_path):
    mean = {"members": ["net", "forest"], "method": "mean", "weights": [0.25, 0.75],
            "kind": "single", "offsets": []}  # fmt: skip
    write_json(tmp_path / "ensembles.json", {"both": mean})
    table = predict(
        tmp_path, "both", files, ["forest", "net"], ensembles=tmp_path / "ensembles.json"
    )
    _, wanted = direct(files)
    by_hand = 0.25 * wanted["net"] + 0.75 * wanted["forest"]
    np.testing.assert_allclose(values_of(table), by_hand, atol=1e-6)


def test_stacked_weights_pool_the_logarithms(files, tmp_path):
    stacking = {"members": ["forest", "parts"], "method": "stacking", "weights": [0.5, 1.5],
                "kind": "single", "offsets": []}  # fmt: skip
    write_json(tmp_path / "ensembles.json", {"both": stacking})
    table = predict(
        tmp_path, "both", files, ["forest", "parts"], ensembles=tmp_path / "ensembles.json"
    )
    _, wanted = direct(files)
    logs = sum(
        weight * np.log(np.clip(wanted[name], 1e-15, 1))
        for name, weight in (("forest", 0.5), ("parts", 1.5))
    )
    inner = (np.stack([wanted["forest"], wanted["parts"]]) > 1e-6).all(axis=(0, 2))
    pooled = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    assert inner.any()
    np.testing.assert_allclose(values_of(table)[inner], pooled[inner], atol=1e-5)


def test_what_one_member_could_not_hear_is_left_to_the_prior(files, tmp_path):
    array, index = files["spectra"][0]
    rows = read_table(index)
    rows[1] |= {"status": "rejected", "reason": "damaged", "first": "", "frames": ""}
    write_table(tmp_path / "index.csv", rows, list(rows[0]))
    write_json(
        tmp_path / "ensembles.json",
        {"both": {"members": ["forest", "net"], "method": "mean", "weights": [0.5, 0.5],
                  "kind": "single", "offsets": []}},
    )  # fmt: skip
    table = predict(
        tmp_path, "both", files, ["forest", "net"],
        spectra=[(array, tmp_path / "index.csv")], ensembles=tmp_path / "ensembles.json",
    )  # fmt: skip
    assert list(table["id"]) == [row["id"] for n, row in enumerate(rows) if n != 1]


def test_nothing_to_decide_on_is_an_error(files, tmp_path):
    empty = pd.read_parquet(files["tables"][1]).head(0)
    path = tmp_path / "features/default/0.parquet"
    path.parent.mkdir(parents=True)
    empty.to_parquet(path)
    with pytest.raises(InputError, match="no recording could be decided on by forest"):
        predict(tmp_path, "forest", files, ["forest"], tables=[path])


def test_tables_without_the_descriptors_of_the_model_are_named(files, tmp_path):
    path = tmp_path / "features/default/0.parquet"
    path.parent.mkdir(parents=True)
    pd.read_parquet(files["tables"][1]).iloc[:, :5].to_parquet(path)
    with pytest.raises(InputError, match="mfcc"):
        predict(tmp_path, "forest", files, ["forest"], tables=[path])
