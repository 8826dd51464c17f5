"""The figures of a fusion task: accuracy over damages, weights, calibration, learning curves."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundmill.report.fusion_results import CLEAN, LYING, MISSING, Json, cases_by_key, share, words
from soundmill.report.results import Measure, read_measure
from soundmill.report.style import BLUE, INK, MUTED, SERIES, VERMILLION, canvas, save_figure
from soundmill.report.task_figures import DASHES, short
from soundmill.status import read_table

MARKERS = "osD^vXP*"
COLUMNS = 3
"""Panels beside each other."""


def plot_named(path: Path, data: Json) -> None:
    """Plot the accuracy of every entry in every named case, a panel each."""
    entries = [entry["name"] for entry in data["entries"]]
    known, named = cases_by_key(data), data["named"]
    columns = min(COLUMNS, len(named))
    rows = math.ceil(len(named) / columns)
    with canvas(10.4, rows * (0.9 + 0.22 * len(entries))) as figure:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (name, key) in zip(grid, named.items(), strict=False):
            measures = [read_measure(known[key]["accuracy"].get(entry)) for entry in entries]
            _draw_bars(axes, entries, measures, data["use"])
            axes.set_title(short(name))
        for axes in grid[len(named) :]:
            axes.set_visible(False)
        for axes in grid[max(0, len(named) - columns) : len(named)]:
            axes.set_xlabel("accuracy, 95 % interval", color=MUTED)
            axes.tick_params(labelbottom=True)
        save_figure(figure, path)


def _draw_bars(axes: Any, entries: Sequence[str], measures: Sequence[Measure], use: str) -> None:
    """Draw bars with intervals; the entry in use is filled, the modalities alone are hatched."""
    for y, (entry, measure) in enumerate(zip(entries, measures, strict=True)):
        if measure.value is None:
            axes.text(0.01, y, "missing", va="center", fontsize=7.5, color=MUTED)
            continue
        alone = entry.endswith(" alone")
        colour = BLUE if entry == use else "#c7ccd3"
        axes.barh(y, measure.value, 0.72, color=colour, hatch="////" if alone else None,
                  edgecolor="white" if alone else colour, lw=0)  # fmt: skip
        if measure.low is not None and measure.high is not None:
            axes.plot([measure.low, measure.high], [y, y], color=INK, lw=1.3)
        axes.text(1.02, y, f"{measure.value:.3f}", va="center", fontsize=7.5,
                  color=BLUE if entry == use else INK,
                  fontweight="bold" if entry == use else None)  # fmt: skip
    axes.set_yticks(range(len(entries)), [short(words(name)) for name in entries], fontsize=8)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def grid_of(
    data: Json, places: tuple[int, int], value: Any
) -> tuple[list[str], list[str], np.ndarray[Any, Any]]:
    """Return conditions of two modalities and what ``value`` gives of each case, the rest clean.

    Cases that were not tested are NaN.
    """
    kept = [
        case for case in data["cases"]
        if all(c == CLEAN for place, c in enumerate(case["case"]) if place not in places)
    ]  # fmt: skip
    rows, columns = (list(dict.fromkeys(case["case"][p] for case in kept)) for p in places)
    rows, columns = (_ordered(names) for names in (rows, columns))
    found = np.full((len(rows), len(columns)), np.nan)
    for case in kept:
        at = rows.index(case["case"][places[0]]), columns.index(case["case"][places[1]])
        number = value(case)
        found[at] = np.nan if number is None else number
    return rows, columns, found


def _ordered(conditions: Sequence[str]) -> list[str]:
    """Return conditions as they were given, absence and lie last."""
    last = [name for name in (MISSING, LYING) if name in conditions]
    return [name for name in conditions if name not in last] + last


def plot_heat(path: Path, data: Json, places: tuple[int, int], other: str) -> None:
    """Plot accuracy over the conditions of two modalities: in use, another fusion, difference."""
    names = list(data["modalities"])
    use = data["use"]
    panels: list[tuple[str, Any, str, float, float]] = [
        (f"{words(use)} (in use)", lambda case: case["accuracy"][use]["value"], "viridis", 0, 1)
    ]
    if other != use:
        panels += [
            (words(other), lambda case: case["accuracy"][other]["value"], "viridis", 0, 1),
            (f"{words(use)} minus {words(other)}", lambda case: _difference(case, use, other),
             "RdBu", -1, 1),
        ]  # fmt: skip
    rows, columns, _ = grid_of(data, places, panels[0][1])
    width = 1.6 + len(panels) * (0.55 * len(columns) + 0.5)
    with canvas(max(width, 4.5), 1.9 + 0.42 * len(rows)) as figure:
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, value, colours, low, high) in zip(grid, panels, strict=True):
            values = grid_of(data, places, value)[2]
            if colours == "RdBu":
                most = max(float(np.nanmax(np.abs(values), initial=0)), 0.02)
                low, high = -most, most
            _draw_heat(axes, values, colours, low, high)
            axes.set_title(title)
            axes.set_xticks(range(len(columns)), [short(words(c)) for c in columns],
                            rotation=40, ha="right", rotation_mode="anchor")  # fmt: skip
            axes.set_xlabel(short(names[places[1]]), color=MUTED)
        grid[0].set_yticks(range(len(rows)), [short(words(c)) for c in rows])
        grid[0].set_ylabel(short(names[places[0]]), color=MUTED)
        save_figure(figure, path)


def _difference(case: Json, a: str, b: str) -> float | None:
    values = [case["accuracy"][name]["value"] for name in (a, b)]
    return None if None in values else values[0] - values[1]


def _draw_heat(
    axes: Any, values: np.ndarray[Any, Any], colours: str, low: float, high: float
) -> None:
    axes.set_facecolor("#eceef1")
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    signed = low < 0
    for (i, j), value in np.ndenumerate(values):
        if math.isnan(value):
            axes.text(j, i, "–", ha="center", va="center", color=MUTED, fontsize=8)
            continue
        r, g, b, _ = image.cmap(image.norm(value))
        dark = 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.5
        said = f"{value:+.2f}".replace("0.", ".") if signed else share(value)
        axes.text(j, i, said, ha="center", va="center", fontsize=8,
                  color="white" if dark else INK)  # fmt: skip
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def plot_weights(path: Path, data: Json, entry: str) -> bool:
    """Plot how much a fusion leans on each modality by its condition; False where it has no weight.

    Lines: conditions of the others, as far as one other is not clean.
    """
    names = list(data["modalities"])
    if not any(entry in case["weight"] for case in data["cases"]):
        return False
    with canvas(min(10.4, 5.4 * len(names)), 4.8) as figure:
        grid = figure.subplots(2, len(names), squeeze=False, height_ratios=[4, 1])
        panels = grid[0]
        for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
            _draw_weights(axes, data, entry, place)
            axes.set_title(f"weight on {short(name)}")
            axes.set_xlabel(f"what happens to {short(name)}", color=MUTED)
            axes.set_ylim(-0.02, 1.02)
            axes.grid(axis="y")
            grid[1, place].set_axis_off()
            handles, labels = axes.get_legend_handles_labels()
            grid[1, place].legend(handles, labels, fontsize=8, loc="upper center", ncols=3)
        panels[0].set_ylabel("mean weight, 95 % interval", color=MUTED)
        save_figure(figure, path)
    return True


def _draw_weights(axes: Any, data: Json, entry: str, place: int) -> None:
    names = list(data["modalities"])
    ticks = _ordered(list(dict.fromkeys(case["case"][place] for case in data["cases"])))
    ticks = [tick for tick in ticks if tick != MISSING]
    lines: dict[str, list[tuple[int, Measure]]] = {}
    for case in data["cases"]:
        others = [(n, c) for i, (n, c) in enumerate(zip(names, case["case"], strict=True))
                  if i != place and c != CLEAN]  # fmt: skip
        if (
            len(others) > 1
            or any(c == MISSING for _, c in others)
            or case["case"][place] == MISSING
        ):
            continue
        if entry in case["weight"]:
            label = f"{others[0][0]} {words(others[0][1])}" if others else "others clean"
            label = label if others or len(names) > 2 else f"{names[1 - place]} clean"
            at = ticks.index(case["case"][place])
            measure = read_measure(case["weight"][entry][names[place]])
            lines.setdefault(label, []).append((at, measure))
    for number, (label, marks) in enumerate(lines.items()):
        marks.sort(key=lambda mark: mark[0])
        places = [at for at, _ in marks]
        look = {"color": SERIES[number % len(SERIES)], "ls": DASHES[number // len(SERIES) % 4]}
        axes.plot(places, [m.value for _, m in marks], marker=MARKERS[number % len(MARKERS)],
                  ms=5, lw=1.6, label=label, **look)  # fmt: skip
        if all(m.low is not None for _, m in marks):
            axes.fill_between(places, [m.low for _, m in marks], [m.high for _, m in marks],
                              color=look["color"], alpha=0.13, lw=0)  # fmt: skip
    axes.set_xticks(range(len(ticks)), [short(words(tick)) for tick in ticks],
                    rotation=30, ha="right", rotation_mode="anchor")  # fmt: skip


def plot_reliability(path: Path, data: Json, entries: Sequence[str], cases: Sequence[str]) -> None:
    """Plot how often some entries are right at each level of confidence, a panel a named case."""
    with canvas(min(10.4, 3.5 * len(cases) + 0.6), 3.9) as figure:
        panels = figure.subplots(1, len(cases), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, cases, strict=True):
            key = data["named"][name]
            axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
            for number, entry in enumerate(entries):
                bins = data["reliability"][key].get(entry)
                if not bins:
                    continue
                error = cases_by_key(data)[key]["ece"][entry]
                axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins],
                          marker=MARKERS[number % len(MARKERS)], ms=4.5, lw=1.3, clip_on=False,
                          color=SERIES[number % len(SERIES)],
                          ls=DASHES[number // len(SERIES) % 4],
                          label=f"{short(words(entry))}: {error:.3f}")  # fmt: skip
            axes.set_title(short(name))
            axes.set_xlim(0, 1.01)
            axes.set_ylim(0, 1.02)
            axes.set_xlabel("confidence", color=MUTED)
            axes.grid()
            axes.legend(fontsize=7.5, title="calibration error", title_fontsize=7.5,
                        loc="upper center", bbox_to_anchor=(0.5, -0.2))  # fmt: skip
        panels[0].set_ylabel("share that is right", color=MUTED)
        save_figure(figure, path)


Curves = dict[str, dict[str, tuple[list[float], list[float]]]]
"""By panel (a quantity), by line, x and y."""


def read_curves(path: str | Path, x: str = "epoch") -> Curves:
    """Return loss and accuracy by part of a table of curves, a line for each training in it.

    Parameters
    ----------
    path : CSV with a column ``x`` and columns ``<part>_loss`` and ``<part>_accuracy``; all other
        columns that are no numbers name the training.
    """
    rows = read_table(path)
    measured = [c for c in (rows[0] if rows else ()) if c.endswith(("_loss", "_accuracy"))]
    named = [c for c in (rows[0] if rows else ()) if c in NAMING]
    found: Curves = {}
    for column in measured:
        part, _, quantity = column.rpartition("_")
        for row in rows:
            if row[column] == "":
                continue
            line = ", ".join([*(_named(c, row[c]) for c in named if row[c]), part])
            xs, ys = found.setdefault(quantity, {}).setdefault(line, ([], []))
            xs.append(float(row[x]))
            ys.append(float(row[column]))
    return found


COPIES = ("seed ", "fold ", "table ")
"""How names begin that tell trainings of the same thing apart."""
NAMING = ("fusion", "entry", "name", "split", "fold", "seed")
"""Columns of curves that say whose they are."""


def _named(column: str, cell: str) -> str:
    return f"{column} {cell}" if column in ("seed", "fold") else cell


def plot_learning(path: Path, curves: Curves) -> None:
    """Plot curves of loss and accuracy: solid on what was not learned from, dashed on what was.

    Trainings that differ by fold, seed or table alone are thin lines around their mean.
    """
    quantities = [name for name in ("loss", "accuracy") if name in curves]
    with canvas(5.2 * len(quantities), 4.3) as figure:
        panels = figure.subplots(1, len(quantities), squeeze=False)[0]
        for axes, quantity in zip(panels, quantities, strict=True):
            alike: dict[tuple[str, str], list[tuple[list[float], list[float]]]] = {}
            for line, xy in curves[quantity].items():
                *names, part = line.split(", ")
                label = ", ".join(name for name in names if not name.startswith(COPIES))
                alike.setdefault((label, part), []).append(xy)
            labels = list(dict.fromkeys(label for label, _ in alike))
            for (label, part), own in alike.items():
                look = {"color": SERIES[labels.index(label) % len(SERIES)],
                        "ls": "--" if part == "train" else "-"}  # fmt: skip
                for xs, ys in own if len(own) > 1 else ():
                    axes.plot(xs, ys, lw=0.7, alpha=0.3, **look)
                said = " ".join(filter(None, (words(label), part)))
                axes.plot(*_mean_line(own), lw=2, label=said, **look)
            _finish(axes, quantity)
        save_figure(figure, path)


def _mean_line(lines: Sequence[tuple[list[float], list[float]]]) -> tuple[list[float], list[float]]:
    """Return the mean of lines at each x that all of them have."""
    values: dict[float, list[float]] = {}
    for xs, ys in lines:
        for x, y in zip(xs, ys, strict=True):
            values.setdefault(x, []).append(y)
    shared = sorted(x for x, ys in values.items() if len(ys) == len(lines))
    return shared, [float(np.mean(values[x])) for x in shared]


def _finish(axes: Any, quantity: str) -> None:
    axes.set_xlabel("epoch", color=MUTED)
    axes.set_ylabel(f"{quantity} (nats)" if quantity == "loss" else quantity, color=MUTED)
    axes.set_ylim(0, 1.02 if quantity == "accuracy" else None)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid()
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)


def plot_practical(path: Path, curves: str | Path, random: str = "random") -> None:
    """Plot loss and accuracy of the practical's network: random split, and honest folds' mean."""
    found = read_curves(curves)
    looks = ((True, VERMILLION, "random split"), (False, BLUE, "honest folds, mean"))
    with canvas(10.4, 3.9) as figure:
        for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for is_random, colour, title in looks:
                for part, dashes in (("train", "--"), ("test", "-")):
                    own = [
                        xy for name, xy in found.get(quantity, {}).items()
                        if name.endswith(f", {part}")
                        and (name.removesuffix(f", {part}") == random) == is_random
                    ]  # fmt: skip
                    for xs, ys in own if len(own) > 1 and part == "test" else ():
                        axes.plot(xs, ys, color=colour, lw=0.7, alpha=0.35)
                    if own:
                        axes.plot(*_mean_line(own), color=colour, lw=2, ls=dashes,
                                  label=f"{title}: {part}")  # fmt: skip
            _finish(axes, quantity)
        save_figure(figure, path)
