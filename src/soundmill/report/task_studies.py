"""What was looked into beyond the figures of a task: drawn, and put into words for its page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.files import read_json
from soundmill.report.results import Measure, read_measure
from soundmill.report.style import MUTED, canvas, save_figure
from soundmill.report.task_figures import Lines, plot_importance, plot_lines, plot_shares
from soundmill.report.task_results import metric_name

Part = dict[str, Any]
"""Title, words, and figures or tables of a part of the page."""
CHANGES = {"noise": "Noise", "pitch": "Pitch", "tempo": "Tempo", "mp3": "MP3"}
METHODS = {"scratch": "from scratch", "frozen": "first blocks frozen", "fine_tuned": "fine-tuned"}


def _span(row: Mapping[str, Any], key: str = "difference") -> Measure:
    """Read a difference and its interval."""
    low, high = row.get(f"{key}_interval") or (None, None)
    return Measure(row.get(key), low, high)


def _bounds(entry: Mapping[str, Any]) -> Measure:
    """Read ``value``, ``low``, ``high``."""
    return Measure(entry.get("value"), entry.get("low"), entry.get("high"))


def draw_importance(folder: Path, path: Path) -> Part:
    """Draw the importance of families and single descriptors for one classical learner."""
    data = read_json(path)
    name = path.stem
    figure = metric_name(data["figure"])
    figures = []
    for key, what in (("families", "families of descriptors"), ("features", "single descriptors")):
        file = f"importance-{name}-{key}.svg"
        rows = [(row["name"], _bounds(row["drop"])) for row in data[key]]
        plot_importance(folder / file, rows, f"loss of {figure} when dealt out anew")
        figures.append((file, f"The {what} that {name} needs, with 95 % intervals."))
    shap = data.get("shap")
    if shap:
        file = f"importance-{name}-shap.svg"
        rows = [(row["name"], Measure(row["value"])) for row in shap["features"]]
        plot_importance(folder / file, rows, f"mean |SHAP| ({shap['unit']})")
        figures.append((file, f"How far each descriptor moves a decision of {name} (SHAP)."))
    words = f"{data['recordings']} held-out recordings. {' '.join(data['remarks'])}"
    return {"title": f"Descriptors: {name}", "words": words, "figures": figures}


def draw_occlusion(folder: Path, path: Path) -> Part:
    """Draw spectra with what their decisions rest on laid over them."""
    data = np.load(path)
    rate = float(data["frame_rate"])
    ids, classes = data["ids"], data["classes"]
    columns = 2
    rows = -(-len(ids) // columns)
    with canvas(9, 2.3 * rows + 0.3) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for n, axes in enumerate(grid):
            if n >= len(ids):
                axes.set_visible(False)
                continue
            spectrum = data[f"spectrum_{n}"].astype(np.float32).T
            seconds = spectrum.shape[1] / rate
            extent = (0, seconds, 0, spectrum.shape[0])
            axes.imshow(spectrum, origin="lower", aspect="auto", cmap="gray_r", extent=extent)
            drop = data[f"drop_{n}"].T
            most = max(float(np.abs(drop).max()), 1e-6)
            image = axes.pcolormesh(
                data[f"frames_{n}"] / rate, data[f"bands_{n}"], drop, cmap="RdBu_r",
                vmin=-most, vmax=most, alpha=0.5, shading="flat",
            )  # fmt: skip
            figure.colorbar(image, ax=axes, shrink=0.8)
            axes.set_title(f"{classes[n]} ({float(data[f'probability_{n}']):.2f})")
            axes.set_xlabel("seconds", color=MUTED)
            axes.set_ylabel("band", color=MUTED)
        save_figure(figure, folder / "occlusion.png")
    words = (
        "A patch of the spectrum at a time is covered by its bands' mean level. Red: the "
        "probability of the class falls without it, so the decision rests on it; blue: it rises."
    )
    shown = f"{len(ids)} held-out recordings; in brackets the probability of the class."
    return {"title": "Parts of the spectrum", "words": words,
            "figures": [("occlusion.png", shown)]}  # fmt: skip


def draw_robustness(folder: Path, path: Path) -> Part:
    """Draw the metric of each learner against each kind of change."""
    data = read_json(path)
    names = list(dict.fromkeys(row["learner"] for row in data["rows"]))
    clean = {row["learner"]: read_measure(row["measure"]) for row in data["rows"]
             if row["kind"] is None}  # fmt: skip
    panels: list[tuple[str, str, Lines]] = []
    for kind, title in CHANGES.items():
        lines: dict[str, tuple[list[float], list[Measure]]] = {}
        for name in names:
            points = [(row["value"], read_measure(row["measure"])) for row in data["rows"]
                      if row["learner"] == name and row["kind"] == kind]  # fmt: skip
            unchanged = {"pitch": 0.0, "tempo": 1.0}.get(kind)
            if points and unchanged is not None:
                points.append((unchanged, clean[name]))
            points.sort(key=lambda point: point[0])
            if points:
                lines[name] = ([x for x, _ in points], [m for _, m in points])
        if lines:
            panels.append((title, data["units"][kind], lines))
    plot_lines(folder / "robustness.svg", panels, metric_name(data["metric"]))
    calm = "; ".join(f"{name} {measure}" for name, measure in clean.items())
    return {
        "anchor": "robustness", "title": "When recordings get worse",
        "words": f"{data['items']} held-out recordings, changed and heard anew. Unchanged: {calm}.",
        "figures": [("robustness.svg", f"The {metric_name(data['metric'])}, with 95 % intervals.")],
        "tables": [],
    }  # fmt: skip


def draw_transfer(folder: Path, path: Path) -> Part:
    """Draw the learning curve from scratch and from another task's network."""
    data = read_json(path)
    lines: dict[str, tuple[list[float], list[Measure]]] = {}
    for method, name in METHODS.items():
        rows = [row for row in data["rows"] if row["method"] == method]
        x = [float(row["examples"]) for row in rows]
        lines[name] = (x, [read_measure(row) for row in rows])
    metric = metric_name(data["metric"])
    plot_lines(folder / "transfer.svg", [("", "labelled recordings", lines)], metric, log=True)
    table = [
        (row["examples"], METHODS[row["method"]], read_measure(row), _span(row))
        for row in data["rows"]
    ]
    return {
        "anchor": "transfer", "title": "What another task's network is worth",
        "words": f"The same recordings and {data['seeds']} draws for all; the first "
        f"{data['freeze']} blocks are frozen, or all learn at {data['rate_factor']:g} of the rate.",
        "figures": [("transfer.svg", f"The {metric} over the number of labelled recordings.")],
        "tables": [("Learning curve", ["recordings", "start", metric, "against scratch"], table)],
    }  # fmt: skip


def draw_ablation(folder: Path, path: Path) -> Part:
    """Tabulate a network with and without each augmentation."""
    data = read_json(path)
    metric = metric_name(data["metric"])
    table = [(row["variant"], read_measure(row), _span(row)) for row in data["rows"]]
    return {
        "anchor": "ablation", "title": "What each augmentation is worth",
        "words": f"The same network, folds and {data['seeds']} seed"
        f"{'s' if data['seeds'] > 1 else ''}; differences are paired.",
        "figures": [],
        "tables": [("Augmentations", ["variant", metric, "against all"], table)],
    }  # fmt: skip


def draw_prior(folder: Path, path: Path) -> Part:
    """Draw the share of each class among what was learned from and what was predicted."""
    data = read_json(path)
    rows = [(name, row["training"], row["predicted"]) for name, row in data["classes"].items()]
    part: Part = {
        "anchor": "prediction", "title": "Decisions on recordings without labels",
        "words": f"{data['recordings']} recordings, {data['heard']} of them heard.",
        "figures": [], "tables": [],
    }  # fmt: skip
    if "interval" not in data:  # of a regression: means, which are no shares
        heads = ["value", "mean learned from", "mean predicted"]
        return {**part, "tables": [("Mean values", heads, rows)]}
    plot_shares(folder / "prior.svg", rows)
    part["words"] += " A class far more frequent than in training is a reason to listen to some."
    return {**part, "figures": [("prior.svg", "Share of the recordings that have each class.")]}


STUDIES = {
    "robustness.json": draw_robustness,
    "transfer.json": draw_transfer,
    "ablation.json": draw_ablation,
    "prior.json": draw_prior,
}


def draw_studies(folder: Path, paths: Sequence[str]) -> tuple[list[Part], list[Part]]:
    """Draw all there is into a folder; return the parts on importance, and the other chapters."""
    folder.mkdir(parents=True, exist_ok=True)
    importance = [
        draw_occlusion(folder, path) if path.suffix == ".npz" else draw_importance(folder, path)
        for path in map(Path, paths)
        if path.suffix == ".npz" or path.parent.name == "importance"
    ]
    named = {Path(path).name: Path(path) for path in paths}
    chapters = [draw(folder, named[name]) for name, draw in STUDIES.items() if name in named]
    return importance, chapters


def read_card(path: str) -> list[tuple[str, list[str]]]:
    """Read the headings and paragraphs of a model card."""
    sections = read_json(path)["sections"]
    return [(section["heading"], section["paragraphs"]) for section in sections]
