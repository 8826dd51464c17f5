"""The listening page: every piece of every model in one page that needs no server."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundmill.files import link_or_copy, read_json
from soundmill.report.costs import read_costs
from soundmill.report.gallery import Programme, read_gallery
from soundmill.report.pages import write_page
from soundmill.report.results import Corpus, Measure, read_corpus, read_measure
from soundmill.report.scores import copy_summary, likelihoods, overall_overlap, transcription_score
from soundmill.report.soundscape_results import distances, recognised, standing
from soundmill.report.task_results import metric_name

OVERLAPS = ("this model", "floor: a Markov chain", "ceiling: the corpus against itself")
DOWNLOADS = (("mp3", "MP3"), ("wav", "WAV"), ("mid", "MIDI"))


@dataclass(frozen=True)
class ModelResults:
    """Where the results of one music model lie, and the names of what it learned from."""

    name: str
    corpus: str
    transcriber: str
    manifest: Path
    gallery: Path
    generated: Path
    rendered: Path
    metrics: Path
    evaluation: Path
    transcription: Path | None = None
    """Scores of the transcriber; None where the corpus has no true notes."""


def find_results(
    root: Path, *, name: str, corpus: str, transcriber: str, scores: str | None
) -> ModelResults:
    """Return where the results of a model lie under ``root``, the folder of all results."""
    folder = root / "music" / name
    return ModelResults(
        name=name,
        corpus=corpus,
        transcriber=transcriber,
        manifest=root / corpus / "manifest.csv",
        gallery=folder / "gallery",
        generated=folder / "generated",
        rendered=folder / "rendered",
        metrics=folder / "metrics.json",
        evaluation=folder / "evaluation.json",
        transcription=Path(scores) if scores else None,
    )


@dataclass(frozen=True)
class TaskResults:
    """Where the results of a task (classification, fusion) lie: evaluation, folder of its page."""

    name: str
    evaluation: Path
    report: Path


@dataclass(frozen=True)
class SoundscapeResults:
    """Where the results of a soundscape model lie: its evaluation, the folder of its page.

    The folder holds ``pieces.json`` and what it names (`soundmill.report.soundscape_sounds`).
    """

    name: str
    evaluation: Path
    report: Path


@dataclass(frozen=True)
class Bar:
    """A figure as a bar: its name, its value, and its share of the full width."""

    label: str
    value: float
    share: float


@dataclass(frozen=True)
class Chapter:
    """What the page says and plays of one model."""

    name: str
    corpus_name: str
    transcriber: str
    corpus: Corpus
    programme: Programme
    transcription: Measure | None
    losses: list[Bar]
    overlaps: list[Bar]
    suspected: int
    """Pieces that share more with a training piece than chance explains."""
    longest_copy: int
    """Notes in the longest run, with its rhythm, that a piece shares with a training piece."""


def write_listening_page(
    models: Sequence[ModelResults],
    page: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    costs: str | os.PathLike[str],
    tasks: Sequence[TaskResults] = (),
    soundscapes: Sequence[SoundscapeResults] = (),
    fusions: Sequence[TaskResults] = (),
    report: str = "report.zip",
) -> None:
    """Write the page and the folder of its sounds and pictures, beside each other.

    Parameters
    ----------
    models : the models in the order to show them.
    tasks : classification tasks; the page links to theirs.
    soundscapes : soundscape models; the page plays their pieces and links to theirs.
    fusions : tasks that several modalities decide together; the page links to theirs.
    page, folder : ``results/index.html`` and ``results/listen``: the page names files in the
        folder relative to itself, so that both can be moved or sent together.
    costs : the CSV that `soundmill.report.costs.tabulate_costs` wrote.
    report : link to Snakemake's report, relative to the page.
    """
    page, folder = Path(page), Path(folder)
    chapters = [_chapter(model) for model in models]
    for model in models:
        _fill(folder / model.name, model)
    rows = read_costs(Path(costs))
    write_page(
        page,
        "listening.html",
        chapters=chapters,
        folder=folder.relative_to(page.parent).as_posix(),
        downloads=DOWNLOADS,
        costs=rows,
        total=sum(row.wall for row in rows),
        recordings=_count_recordings(models, chapters, soundscapes),
        soundscapes=[_soundscape(model, page.parent, folder) for model in soundscapes],
        tasks=[_decision(task, page.parent) for task in tasks],
        fusions=[_fusion(task, page.parent) for task in fusions],
        report=report,
    )


def _decision(task: TaskResults, home: Path) -> dict[str, Any]:
    """Return what the page says of a classification task: how good it is, beside its floors."""
    data = read_json(task.evaluation)
    main = data["main_metric"]
    best = data["best"]["overall"]
    shown = [name for name in (best, *data["floors"]) if name in data["learners"]]
    rows = [(name, read_measure(data["learners"][name]["recording"][main])) for name in shown]
    bounded = all((measure.value or 0) <= 1 for _, measure in rows)
    return {
        "name": task.name,
        "page": (task.report.relative_to(home) / "index.html").as_posix(),
        "metric": metric_name(main),
        "recordings": data["items"],
        "kind": data["kind"],
        "classes": len(data["classes"]),
        "bars": bars(rows, full=1.0 if bounded else None),
    }


def _fusion(task: TaskResults, home: Path) -> dict[str, Any]:
    """Return what the page says of a fusion: how right it is beside each modality alone."""
    data = read_json(task.evaluation)
    case = next(iter(data["named"]))
    accuracy = next(c["accuracy"] for c in data["cases"] if c["key"] == data["named"][case])
    shown = [data["use"], *(f"{name} alone" for name in data["modalities"])]
    return {
        "name": task.name,
        "page": (task.report.relative_to(home) / "index.html").as_posix(),
        "case": case,
        "pairs": data["pairs"],
        "bars": bars([(name, read_measure(accuracy[name])) for name in shown], full=1.0),
    }


def _soundscape(model: SoundscapeResults, home: Path, folder: Path) -> dict[str, Any]:
    """Put the sounds of a soundscape model into the folder; return what the page says of it."""
    data = read_json(model.evaluation)
    place = folder / "soundscapes" / model.name
    place.mkdir(parents=True, exist_ok=True)
    pieces = read_json(model.report / "pieces.json")
    for piece in pieces:
        files = [part[key] for part in piece["parts"] for key in ("sound", "picture")]
        for file in filter(None, [*files, piece["overview"]]):
            link_or_copy(model.report / file, place / file)
    return {
        "name": model.name,
        "corpus": data["corpus"],
        "recordings": data["recordings"].get("train", 0),
        "words": standing(distances(data)) or recognised(data),
        "pieces": pieces,
        "folder": f"{place.relative_to(home).as_posix()}/",
        "page": (model.report.relative_to(home) / "index.html").as_posix(),
    }


def _count_recordings(
    models: Sequence[ModelResults],
    chapters: Sequence[Chapter],
    soundscapes: Sequence[SoundscapeResults],
) -> int:
    """Return how many recordings all models learned from; a shared corpus counts once."""
    corpora: dict[str, int] = {}
    for soundscape in soundscapes:
        data = read_json(soundscape.evaluation)
        used = sum(data["recordings"].values())
        corpora[data["corpus"]] = max(used, corpora.get(data["corpus"], 0))
    for model, chapter in zip(models, chapters, strict=True):
        corpora[model.corpus] = len(chapter.corpus.accepted)
    return sum(corpora.values())


def _chapter(model: ModelResults) -> Chapter:
    score = transcription_score(read_json(model.transcription)) if model.transcription else None
    evaluation: dict[str, Any] = read_json(model.evaluation)
    return Chapter(
        name=model.name,
        corpus_name=model.corpus,
        transcriber=model.transcriber,
        corpus=read_corpus(model.manifest),
        programme=read_gallery(model.gallery),
        transcription=score,
        losses=bars(likelihoods(read_json(model.metrics))),
        overlaps=bars(zip(OVERLAPS, overall_overlap(evaluation), strict=True), full=1.0),
        suspected=len(evaluation["copying"]["suspected"]),
        longest_copy=copy_summary(evaluation)[0].generated_longest,
    )


def bars(rows: Iterable[tuple[str, Measure]], full: float | None = None) -> list[Bar]:
    """Return what was measured as bars; the full width is ``full``, or else the largest value."""
    known = [(label, measure.value) for label, measure in rows if measure.value is not None]
    width = full or max((value for _, value in known), default=1.0) or 1.0
    return [
        Bar(label, value, round(min(max(value / width, 0.0), 1.0), 4)) for label, value in known
    ]


def _fill(folder: Path, model: ModelResults) -> None:
    """Put the sound, notes and pictures of each piece of a model into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    programme = read_gallery(model.gallery)
    pieces = [*programme.new]
    for primer, continuations in programme.continued:
        pieces += [primer, *continuations]
    for piece in pieces:
        for source, suffixes in (
            (model.gallery, ("mp3", "svg", "png")),
            (model.rendered, ("wav",)),
            (model.generated, ("mid",)),
        ):
            for suffix in suffixes:
                link_or_copy(source / f"{piece.id}.{suffix}", folder / f"{piece.id}.{suffix}")
