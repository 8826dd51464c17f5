"""The page of a fusion task: who decides best when, whom to trust, and what a split hides."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from soundmill.files import read_json
from soundmill.report.fusion_figures import (
    Curves,
    plot_heat,
    plot_learning,
    plot_named,
    plot_practical,
    plot_reliability,
    plot_weights,
    read_curves,
)
from soundmill.report.fusion_results import (
    COST_HEADS,
    Json,
    accuracy,
    alone_rows,
    answers,
    check_rows,
    comparison_rows,
    conflict_rows,
    cost_rows,
    lead,
    named_entries,
    named_rows,
    part_rows,
    percent,
    remarks,
    spelled,
)
from soundmill.report.pages import words, write_page
from soundmill.report.results import read_measure

Figures = list[tuple[str, str]]
"""File name beside the page, and what it shows."""
LONGEST_TABLE = 200
RIVALS = ("product", "mean", "weighted", "stacked")
"""Kinds the fusion in use is drawn beside, the first there is."""
CALIBRATED = 3
"""Named cases in the figure of calibration."""


def write_fusion_page(
    folder: str | os.PathLike[str],
    *,
    name: str,
    evaluation: str | os.PathLike[str],
    curves: Mapping[str, Sequence[str | os.PathLike[str]]] | None = None,
    practical_curves: str | os.PathLike[str] | None = None,
    samples: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write ``index.html`` and its figures into a folder that needs nothing outside it.

    Parameters
    ----------
    name : of the task. evaluation : its ``evaluation.json``.
    curves : tables of curves (CSV with ``epoch`` and ``<part>_loss``, ``<part>_accuracy``) by the
        title they are drawn under; several tables, such as one a fold, are drawn together.
    practical_curves : ``practical_curves.csv``, where the practical's network was trained.
    samples : what `soundmill.report.fusion_samples.show_samples` drew into the same folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = read_json(evaluation)
    plot_named(folder / "named.svg", data)
    rival = _rival(data)
    learning = _learning(folder, curves or {})
    practical = _practical(folder, data, practical_curves)
    weights = _weights(folder, data)
    folds = part_rows(data)
    chapters = (
        ("results", "Who decides best, when", True),
        ("answers", "The questions, answered", True),
        ("heat", "Accuracy over all damage", True),
        ("weights", "Whom it leans on", bool(weights)),
        ("trust", "Confidence and conflict", True),
        ("practical", "The network of the practical", bool(practical)),
        ("samples", "Pairs to see and to hear", bool(samples)),
        ("split", "Who learned from what", True),
        ("learning", "How it learned", bool(learning)),
        ("cost", "Cost beside accuracy", True),
        ("all", "All figures", True),
    )
    write_page(
        folder / "index.html",
        "fusion.html",
        name=name,
        data=data,
        use=data["use"],
        lead=lead(data),
        contents=[(anchor, title) for anchor, title, there in chapters if there],
        entries=[entry["name"] for entry in data["entries"]],
        named_entries=named_entries(data),
        named=named_rows(data),
        checks=check_rows(data),
        remarks=remarks(data),
        answers=answers(data),
        heat_figures=_heat(folder, data, rival),
        weight_figures=weights,
        trust_figures=_trust(folder, data, rival),
        conflict=conflict_rows(data),
        practical=practical,
        samples=samples,
        folds=folds,
        learning=learning,
        costs=cost_rows(data),
        cost_heads=list(COST_HEADS),
        alone=alone_rows(data),
        comparisons=comparison_rows(data),
        cases=_all_cases(data),
        longest=LONGEST_TABLE,
    )


def _rival(data: Json) -> str:
    """Return the fusion that the one in use is drawn beside."""
    others = {entry["kind"]: entry["name"] for entry in data["entries"]
              if entry["kind"] != "alone" and entry["name"] != data["use"]}  # fmt: skip
    for kind in RIVALS:
        if kind in others:
            return str(others[kind])
    return str(next(iter(others.values()), data["use"]))


def _heat(folder: Path, data: Json, rival: str) -> Figures:
    figures: Figures = []
    names = list(data["modalities"])
    for a, b in combinations(range(len(names)), 2):
        file = f"heat-{a + 1}-{b + 1}.svg"
        plot_heat(folder / file, data, (a, b), rival)
        rest = ", the others clean" if len(names) > 2 else ""
        shown = f"Accuracy by what happens to {names[a]} (rows) and {names[b]} (columns){rest}"
        beside = f", beside {words(rival)} and the difference" if rival != data["use"] else ""
        figures.append((file, f"{shown}, of {words(data['use'])}{beside}. Dash: not tested."))
    return figures


def _weights(folder: Path, data: Json) -> Figures:
    figures: Figures = []
    for number, entry in enumerate(data["entries"], 1):
        file = f"weights-{number}.svg"
        if entry["kind"] == "alone" or not plot_weights(folder / file, data, entry["name"]):
            continue
        shown = (
            f"Mean weight that {words(entry['name'])} gives each modality, by what happens to it"
        )
        figures.append((file, f"{shown} (across) and to the other (lines); bands: 95 %."))
    # that of the fusion in use first
    figures.sort(key=lambda figure: f"that {words(data['use'])} gives" not in figure[1])
    return figures


def _trust(folder: Path, data: Json, rival: str) -> Figures:
    entries = [f"{name} alone" for name in data["modalities"]]
    entries += list(dict.fromkeys([rival, data["use"]]))
    damaged = [name for name in data["named"] if name.endswith("damaged")]
    cases = [next(iter(data["named"])), *damaged][: CALIBRATED + 1]
    plot_reliability(folder / "calibration.svg", data, entries, cases)
    shown = "How often each is right at each level of confidence; on the dotted line confidence "
    return [("calibration.svg", shown + "means what it says.")]


def _learning(folder: Path, curves: Mapping[str, Sequence[str | os.PathLike[str]]]) -> Figures:
    figures: Figures = []
    for number, (title, paths) in enumerate(curves.items(), 1):
        found: Curves = {}
        for place, path in enumerate(paths):
            for quantity, lines in read_curves(Path(path)).items():
                many = f"table {place + 1}, " if len(paths) > 1 else ""
                found.setdefault(quantity, {}).update({many + k: v for k, v in lines.items()})
        if found:
            file = f"learning-{number}.svg"
            plot_learning(folder / file, found)
            figures.append((file, f"{title}. Dashed: what it learns from."))
    return figures


def _practical(
    folder: Path, data: Json, curves: str | os.PathLike[str] | None
) -> dict[str, Any] | None:
    """Return what the page says of the practical's network, or None where it was not trained."""
    found = data["practical"]
    if not found:
        return None
    figures: Figures = []
    if curves is not None:
        plot_practical(folder / "practical.svg", Path(curves))
        shown = (
            "Loss and accuracy of the practical's network by epoch: with a random split, and on "
        )
        figures.append(("practical.svg", shown + "folds that hold whole groups out (thin: each)."))
    random, honest = (
        read_measure(found["random"]["accuracy"]),
        read_measure(found["honest"]["accuracy"]),
    )
    rows: list[tuple[str, str]] = [
        ("random split", spelled(random)), ("groups held out, all folds", spelled(honest)),
    ]  # fmt: skip
    for name, measure in (found["honest"].get("groups") or {}).items():
        rows.append((f"held out: {name}", percent(measure["value"])))
    shared = found["random"].get("shared_groups") or {}
    facts = [
        f"{found[key]:,} {text}" if isinstance(found[key], int) else f"{text} {found[key]:g}"
        for key, text in (
            ("parameters", "parameters"), ("epochs", "epochs"),
            ("learning_rate", "learning rate"), ("momentum", "momentum"),
        )
        if found.get(key) is not None
    ]  # fmt: skip
    return {"figures": figures, "rows": rows, "shared": shared, "facts": ", ".join(facts)}


def _all_cases(data: Json) -> list[tuple[str, ...]]:
    """Return the accuracy of every entry in every case."""
    return [
        (
            ", ".join(map(words, case["case"])),
            *(accuracy(data, case["key"], entry["name"]).brief(3) for entry in data["entries"]),
        )
        for case in data["cases"]
    ]
