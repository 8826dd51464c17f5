"""Judge a soundscape model beside real recordings, a baseline without a network, and noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.files import read_json, write_json
from soundmill.log import logger, progress
from soundmill.seeds import derive
from soundmill.soundscape.clip_sets import KINDS, NEW, PAIRED, REAL, TRAIN, Clip, ClipSets, evenly
from soundmill.soundscape.copying import beyond_real, nearest_distances, patch_similarities
from soundmill.soundscape.distances import UNITS, Original
from soundmill.soundscape.distribution import (
    diversity_measure,
    fit_embedding,
    frechet_measure,
    kernel_measure,
)
from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
from soundmill.soundscape.judging import (
    Judge,
    Judged,
    LearnerJudge,
    TextureJudge,
    check_labels,
    judge_clips,
)
from soundmill.soundscape.resampling import Measure, mean_measure, measure
from soundmill.soundscape.textures import texture_table
from soundmill.soundscape.training_sound import TrainingSound, count_recordings

Values = npt.NDArray[np.float64]
Sets = Mapping[str, Values]
"""Rows of the clips of each kind."""

LEAST_CLIPS = 5
"""A set of fewer clips has no Fréchet or kernel distance."""
COMPARED = ("phase", "reconstruction", "variation", "sample", "granular", "noise")
SPREAD = (REAL, *NEW)


def evaluate(
    clips: Path,
    output: Path,
    options: SoundscapeEvaluationOptions,
    *,
    seed: int,
    model: str = "",
    corpus: str = "",
    recordings: Path | None = None,
    metrics: Path | None = None,
    long: Path | None = None,
    judge: Path | None = None,
) -> None:
    """Write the evaluation of a model as JSON; None stands where a figure cannot be had.

    Figures are measures: value, 95 % interval from resampled recordings, number of clips.

    Parameters
    ----------
    clips : folder with ``clips.csv``, see `soundmill.soundscape.clip_sets`.
    output : JSON to write: ``reconstruction``, distances of clips from their real counterparts
        (`soundmill.soundscape.distances`); ``distribution``, Fréchet and kernel distance of each
        kind from the real training clips, as texture statistics and as the judge hears them, the
        floor being real held-out clips (``fad_held_out`` and ``kad_held_out``: from these instead);
        ``fidelity`` to labels; ``diversity``; ``copying``; and what the other files say.
    recordings : ``recordings.csv`` of the model, in whose training parts copies are searched for;
        default in the training clips alone.
    metrics : ``metrics.json`` of the training, with ``latents`` and ``controls``.
    long : ``long.json``.
    judge : model folder of the learner that ``options.judge`` names.

    Raises
    ------
    InputError
        When the clips are no set that can be compared, or the judge does not know their labels.
    """
    sets = ClipSets(clips)
    logger.info("%d clips at %d Hz: %s", len(sets), sets.sample_rate, sets.counts())
    by_kind = {kind: sets.of(kind) for kind in KINDS}
    textures = {
        kind: texture_table((sets.read(c.file) for c in found), sets.sample_rate)
        for kind, found in by_kind.items()
    }
    named = _named_judge(sets, by_kind, options, judge)
    by_labels = named if named and _knows_labels(options) else _own_judge(by_kind, textures)
    judged = _judged(by_labels, sets, by_kind, textures)
    listened = judged if named is by_labels else _judged(named, sets, by_kind, textures)
    compare = _Comparison(by_kind, options, seed)
    written = read_json(metrics) if metrics else {}
    counts, held_out = count_recordings(recordings) if recordings else ({}, None)
    heard = {kind: one.embeddings for kind, one in listened.items() if one.embeddings is not None}
    write_json(
        output,
        {
            "model": model,
            "corpus": corpus,
            "held_out": held_out,
            "clip_seconds": options.clip_seconds,
            "sample_rate": sets.sample_rate,
            "channels": sets.channels,
            "clips": sets.counts(),
            "recordings": counts,
            "labels": sets.labels(),
            "seed": seed,
            "options": options.model_dump(mode="json"),
            "reconstruction": _reconstruction(sets, by_kind, options, seed),
            "distribution": {
                "texture": compare.distribution(textures),
                "judge": compare.distribution(heard) if heard else None,
                "judge_name": named.name if named and heard else None,
            },
            "fidelity": _fidelity(by_labels, judged, by_kind, options, seed),
            "diversity": compare.diversity(textures),
            "copying": compare.nearest(textures)
            | {"patches": _patches(sets, by_kind, recordings, options, seed)},
            "long": read_json(long) if long else None,
            "latents": written.get("latents"),
            "controls": written.get("controls", []),
        },
    )


def _reconstruction(
    sets: ClipSets,
    by_kind: Mapping[str, list[Clip]],
    options: SoundscapeEvaluationOptions,
    seed: int,
) -> dict[str, Any]:
    """Return the distances of each paired kind; each real clip's spectra are computed once."""
    found: dict[str, dict[str, list[tuple[float, str]]]] = {
        name: {kind: [] for kind in PAIRED} for name in UNITS
    }
    pairs = [clip for kind in PAIRED for clip in by_kind[kind] if clip.reference]
    pairs.sort(key=lambda clip: clip.reference)
    original, of = None, ""
    for clip in progress(pairs, total=len(pairs), unit="clips", label="comparing"):
        if original is None or clip.reference != of:
            original, of = Original(sets.read(clip.reference), sets.sample_rate), clip.reference
        for name, value in original.compare(sets.read(clip.file)).items():
            found[name][clip.kind].append((value, clip.source))
    return {
        name: {"unit": UNITS[name]}
        | {
            kind: mean_measure(
                [value for value, _ in values],
                [source for _, source in values],
                options.resamples,
                derive(seed, "pairs"),
            )
            for kind, values in kinds.items()
        }
        for name, kinds in found.items()
    }


class _Comparison:
    """Compares sets of clips in an embedding that is fitted to the training clips."""

    def __init__(
        self,
        by_kind: Mapping[str, list[Clip]],
        options: SoundscapeEvaluationOptions,
        seed: int,
    ) -> None:
        self._clips, self._options, self._seed = by_kind, options, seed
        self._draws = (options.resamples, derive(seed, "draws"))

    def _points(self, rows: Sets) -> dict[str, Values] | None:
        """Return the clips as points; None with fewer than two training clips."""
        if len(rows.get(TRAIN, ())) < 2:
            return None
        embedding = fit_embedding(rows[TRAIN], self._options.dimensions)
        return {kind: embedding(rows[kind]) for kind in rows if len(rows[kind])}

    def distribution(self, rows: Sets) -> dict[str, Any]:
        """Return the distances from training clips and from held-out ones.

        The Fréchet distance grows as sets shrink, so all sets are brought to the size of the
        smallest (of those that have the least number of clips). The kernel distance needs no such
        thing and takes all clips.
        """
        points = self._points(rows) or {}
        sizes = [len(points[k]) for k in (REAL, *COMPARED) if len(points.get(k, ())) >= LEAST_CLIPS]
        size = min(sizes, default=0)
        against_train = {"floor": REAL} | {kind: kind for kind in COMPARED}
        against_real = {"floor": TRAIN} | {kind: kind for kind in (*NEW, "noise")}
        found: dict[str, Any] = {"dimensions": points[TRAIN].shape[1] if points else 0}
        for end, reference, kinds in (
            ("", TRAIN, against_train),
            ("_held_out", REAL, against_real),
        ):
            for name, compare, most in (
                ("fad", frechet_measure, size),
                ("kad", kernel_measure, None),
            ):
                found[name + end] = {
                    key: self._distance(points, reference, kind, compare, most)
                    for key, kind in kinds.items()
                }
        return found

    def _distance(
        self, points: Sets, reference: str, kind: str, compare: Any, most: int | None
    ) -> Measure:
        clips, own = self._clips[kind], points.get(kind)
        known = points.get(reference)
        if own is None or known is None or min(len(own), len(known)) < LEAST_CLIPS:
            return measure(None, None, len(clips))
        chosen = evenly(clips, most or len(clips), self._seed)
        origins = [clips[i].source for i in chosen]
        result: Measure = compare(known, own[chosen], origins, *self._draws)
        return result

    def diversity(self, rows: Sets) -> dict[str, Any]:
        """Return the mean distance of two clips, over all and within labels."""
        points = self._points(rows) or {}

        def entry(kind: str, within: bool) -> Measure:
            clips = self._clips[kind]
            if kind not in points:
                return measure(None, None, len(clips))
            labels = [clip.label for clip in clips] if within else None
            return diversity_measure(
                points[kind], [clip.source for clip in clips], labels, *self._draws
            )

        return {kind: entry(kind, False) for kind in SPREAD} | {
            "within_label": {kind: entry(kind, True) for kind in SPREAD}
        }

    def nearest(self, rows: Sets) -> dict[str, Any]:
        """Return the mean distance to the nearest training clip, and how many are too near."""
        points = self._points(rows) or {}
        found = {
            kind: nearest_distances(points[kind], points[TRAIN])
            for kind in SPREAD
            if kind in points
        }
        return _copy_entries(found, self._clips, "share_nearer_than_real", True, self._draws)


def _copy_entries(
    found: Sets,
    clips: Mapping[str, list[Clip]],
    share: str,
    nearer: bool,
    draws: tuple[int, int],
) -> dict[str, Any]:
    """Return the mean of each kind, and the share that is likelier a copy than real clips are."""
    none = np.zeros(0)
    entries: dict[str, Any] = {}
    shares = {}
    for kind in SPREAD:
        values = found.get(kind, none)
        origins = [clip.source for clip in clips[kind]][: len(values)]
        entries[kind] = mean_measure(values, origins, *draws)
        if kind != REAL:
            labels = [clip.label for clip in clips[kind]][: len(values)]
            real = found.get(REAL, none)
            real_labels = [clip.label for clip in clips[REAL]][: len(real)]
            beyond = beyond_real(values, labels, real, real_labels, nearer=nearer)
            shares[kind] = mean_measure(beyond, origins, *draws)
    return entries | {share: shares}


def _patches(
    sets: ClipSets,
    by_kind: Mapping[str, list[Clip]],
    recordings: Path | None,
    options: SoundscapeEvaluationOptions,
    seed: int,
) -> dict[str, Any]:
    """Search for copied patches in the training recordings, or in the training clips."""
    wanted = [clip for kind in SPREAD for clip in by_kind[kind]]
    training: Any
    if recordings:
        training = TrainingSound(
            recordings, options.real_seconds, sets.sample_rate, sets.channels, seed
        )
        searched, available = training.searched, training.available
    else:
        training = [sets.read(clip.file) for clip in by_kind[TRAIN]]
        searched = available = sum(one.shape[1] for one in training) / sets.sample_rate
    values = patch_similarities(
        (sets.read(clip.file) for clip in wanted),
        training,
        sets.sample_rate,
        options.patch_seconds,
        options.patches,
    )
    kinds = np.array([clip.kind for clip in wanted], dtype=str)
    found = {kind: values[kinds == kind] for kind in SPREAD}
    draws = (options.resamples, derive(seed, "draws"))
    return _copy_entries(found, by_kind, "share_above_real", False, draws) | {
        "searched_seconds": round(searched, 1),
        "training_seconds": round(available, 1),
    }


def _knows_labels(options: SoundscapeEvaluationOptions) -> bool:
    return options.judge is None or options.judge.labels


def _named_judge(
    sets: ClipSets,
    by_kind: Mapping[str, list[Clip]],
    options: SoundscapeEvaluationOptions,
    folder: Path | None,
) -> LearnerJudge | None:
    """Return the learner that the options name."""
    if folder is None:
        if options.judge is not None:
            raise InputError("evaluation.judge names a learner, but its model folder was not given")
        return None
    named = options.judge
    name = f"{named.learner} of the task {named.task}" if named else str(folder)
    learner = LearnerJudge(folder, name, sets.sample_rate)
    if _knows_labels(options):
        labels = {clip.label for kind in (TRAIN, *SPREAD) for clip in by_kind[kind]} - {""}
        check_labels(learner, sorted(labels))
    elif not learner.embeds:
        raise InputError(
            f"evaluation.judge: {name} is no network, so that it has no last layer to compare by; "
            "name a network, or set labels: true if its classes are the labels"
        )
    return learner


def _own_judge(by_kind: Mapping[str, list[Clip]], textures: Sets) -> TextureJudge | None:
    """Return a judge that learns from the training clips; None where labels are too few."""
    try:
        return TextureJudge(textures[TRAIN], [clip.label for clip in by_kind[TRAIN]])
    except ValueError as error:
        logger.info("no judge of labels: %s", error)
        return None


def _judged(
    judge: Judge | None,
    sets: ClipSets,
    by_kind: Mapping[str, list[Clip]],
    textures: Sets,
) -> dict[str, Judged]:
    def samples(kind: str) -> list[Samples]:
        return [sets.read(clip.file) for clip in by_kind[kind]]

    if judge is None:
        return {}
    return {kind: judge.judge(samples(kind), textures[kind]) for kind in KINDS if by_kind[kind]}


def _fidelity(
    judge: Judge | None,
    judged: Mapping[str, Judged],
    by_kind: Mapping[str, list[Clip]],
    options: SoundscapeEvaluationOptions,
    seed: int,
) -> dict[str, Any] | None:
    """Return how often the judge finds the label of the clips that have one it knows."""
    if judge is None:
        return None
    entry: dict[str, Any] = {"judge": judge.name, "classes": judge.classes, "confusion": {}}
    for kind in SPREAD:
        rows = [i for i, clip in enumerate(by_kind[kind]) if clip.label in judge.classes]
        if not rows:
            entry[kind] = measure(None, None, 0)
            continue
        clips: Sequence[Clip] = [by_kind[kind][i] for i in rows]
        verdicts = judge_clips(
            judge, judged[kind].probabilities[rows], [clip.label for clip in clips]
        )
        entry[kind] = mean_measure(
            verdicts.right,
            [clip.source for clip in clips],
            options.resamples,
            derive(seed, "fidelity"),
        )
        entry["confusion"][kind] = verdicts.confusion.tolist()
        if kind == REAL:
            entry["chance"] = round(float(verdicts.confusion.sum(axis=1).max() / len(clips)), 6)
    return entry
