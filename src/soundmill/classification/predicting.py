"""Decisions on the recordings of a corpus that has no labels."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soundmill.classification.predictions import make_predictions, write_predictions
from soundmill.classification.task import ALL, TEST
from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.log import logger, progress

PathLike = str | os.PathLike[str]
Decisions = dict[str, Any]
"""Probabilities or values (c,) by the identifier of the recording."""


def predict_recordings(
    output: PathLike,
    learner: str,
    models: Mapping[str, PathLike],
    *,
    tables: Sequence[PathLike] = (),
    spectra: Sequence[tuple[PathLike, PathLike]] = (),
    ensembles: PathLike | None = None,
) -> None:
    """Decide on every recording that could be described, and write the predictions.

    Parameters
    ----------
    output : Parquet to write, see `soundmill.classification.predictions`; recordings only.
    learner : name of a learner, or of an ensemble in ``ensembles``.
    models : model folder of the learner, or of each member of the ensemble.
    tables : of descriptors of the corpus, of recordings and of segments, as the models need.
    spectra : (array, index) of its spectra, where a network decides.
    ensembles : ``ensembles.json`` of the evaluation.

    Raises
    ------
    InputError
        When a model does not fit, or no recording could be decided on.
    """
    by_model = {name: _decide(Path(folder), tables, spectra) for name, folder in models.items()}
    common = [name for name in next(iter(by_model.values())) if all(name in d for d in
                                                                    by_model.values())]  # fmt: skip
    if not common:
        raise InputError(f"no recording could be decided on by {', '.join(models)}")
    stacked = {
        name: np.stack([decisions[key] for key in common]) for name, decisions in by_model.items()
    }
    if learner in stacked:
        values = stacked[learner]
    else:
        from soundmill.classification.ensembles import Combination

        values = Combination.from_json(read_json(ensembles or "")[learner]).combine(stacked)
    logger.info("%d recordings decided on by %s", len(common), learner)
    write_predictions(output, [make_predictions(common, values, fold=ALL, part=TEST)])


def _decide(
    folder: Path,
    tables: Sequence[PathLike],
    spectra: Sequence[tuple[PathLike, PathLike]],
) -> Decisions:
    """Return the decisions of one model on all recordings it can decide on."""
    if "spectra" in read_json(folder / "config.json"):
        from soundmill.classification.network_model import load_network
        from soundmill.features.spectra_store import SpectraStore

        network, store = load_network(folder), SpectraStore(spectra)
        names = progress(store, total=len(store), unit="recordings", label="deciding")
        return {name: network.predict(store[name])[2] for name in names}
    import pyarrow.parquet as pq

    from soundmill.classification.classical_model import load_classical
    from soundmill.classification.feature_table import check_columns

    model = load_classical(folder)
    own = "segments" if model.level == "segment" else "features"  # the folder says which they are
    paths = [path for path in map(Path, tables) if path.parent.parent.name == own]
    decisions: Decisions = {}
    for path in progress(paths, total=len(paths), unit="tables", label="deciding"):
        check_columns(pq.read_schema(path).names, model.columns)
        # a table at a time, since all rows of a recording are in one
        table = pd.read_parquet(path, columns=["id", *model.columns])
        if len(table):
            decisions |= zip(*model.predict_recordings(table), strict=True)
    return decisions
