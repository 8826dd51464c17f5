"""What ``evaluation.json`` of a fusion task says, in words and as the rows of tables.

The one place that knows its keys (see `soundmill.fusion.evaluation`); words are never stronger than
the figures: what a test does not tell apart is said to be not told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soundmill.report.pages import NARROW, number, words
from soundmill.report.results import Measure, read_measure

Json = Mapping[str, Any]
LEVEL = 0.05
"""Differences with a corrected p below are called differences."""
CLEAN, MISSING, LYING = "clean", "missing", "lying"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share for people: ``99.3 %``."""
    return "–" if value is None else f"{100 * value:.{digits}f}{NARROW}%"


def spelled(measure: Measure) -> str:
    """Return a share with its interval: ``99.3 % [98.9, 99.6]``."""
    if measure.value is None or measure.low is None or measure.high is None:
        return percent(measure.value)
    return f"{percent(measure.value)} [{100 * measure.low:.1f}, {100 * measure.high:.1f}]"


def points(measure: Measure) -> str:
    """Return a difference of shares in points, with its interval: ``+1.2 points [+0.3, +2.0]``."""
    if measure.value is None:
        return "–"
    said = f"{_signed(measure.value)} points"
    if measure.low is None or measure.high is None:
        return said
    return f"{said} [{_signed(measure.low)}, {_signed(measure.high)}]"


def _signed(share: float) -> str:
    """Return a difference in points; zero has no sign."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def p_words(value: float | None) -> str:
    """Return a p value as tables show it."""
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"


def cases_by_key(data: Json) -> dict[str, Json]:
    """Return the cases by key."""
    return {case["key"]: case for case in data["cases"]}


def accuracy(data: Json, key: str, entry: str) -> Measure:
    """Return the accuracy of an entry in a case."""
    return read_measure(cases_by_key(data)[key]["accuracy"].get(entry))


def case_words(case: Sequence[str], modalities: Sequence[str]) -> str:
    """Return what happens in a case: ``audio noise 0, image clean``."""
    return ", ".join(f"{m} {words(c)}" for m, c in zip(modalities, case, strict=True))


def share(value: float) -> str:
    """Return a share in three figures, as ``.987``; only what is 1 is shown as 1."""
    if value == 1:
        return "1"
    return f"{min(value, 0.999):.3f}".lstrip("0")


@dataclass(frozen=True)
class Cell:
    """One entry in one case, as the table shows it."""

    value: str
    interval: str
    best: bool
    """Whether it is the most accurate of the row, or shares that place."""
    use: bool


@dataclass(frozen=True)
class NamedRow:
    """A named case: what every entry does in it."""

    name: str
    detail: str
    cells: list[Cell]


def named_entries(data: Json) -> list[str]:
    """Return the entries in the order of the table: modalities alone, that in use, the others."""
    alone = [entry["name"] for entry in data["entries"] if entry["kind"] == "alone"]
    return list(dict.fromkeys([*alone, data["use"], *(e["name"] for e in data["entries"])]))


def named_rows(data: Json) -> list[NamedRow]:
    """Return the named cases as rows, entries in the order of `named_entries`."""
    known, rows = cases_by_key(data), []
    for name, key in data["named"].items():
        case, cells = known[key], []
        found = {e: read_measure(case["accuracy"].get(e)) for e in named_entries(data)}
        top = max((m.value for m in found.values() if m.value is not None), default=None)
        for entry, measure in found.items():
            bounds = (measure.low, measure.high)
            interval = "" if None in bounds else f"[{', '.join(share(b or 0) for b in bounds)}]"
            value = "–" if measure.value is None else share(measure.value)
            best = measure.value is not None and measure.value == top
            cells.append(Cell(value, interval, best, entry == data["use"]))
        rows.append(NamedRow(name, case_words(case["case"], list(data["modalities"])), cells))
    return rows


def lead(data: Json) -> str:
    """Return the page's first paragraph: the answer with figures."""
    use, named = data["use"], data["named"]
    first = next(iter(named))
    case = cases_by_key(data)[named[first]]
    alone = [f"{name} alone {spelled(read_measure(case['accuracy'][f'{name} alone']))}"
             for name in data["modalities"]]  # fmt: skip
    said = [
        f"On {data['pairs']:,} pairs of samples that nothing was learned from, the fusion in use "
        f"({words(use)}) is right in {spelled(accuracy(data, named[first], use))} when {first}; "
        f"{', '.join(alone)}."
    ]
    checks = data["checks"]
    if checks:
        held = sum(check["holds"] for check in checks)
        said.append(f"Of the {len(checks)} things asked of it, {held} hold.")
    return " ".join(said)


def check_rows(data: Json) -> list[tuple[str, str, str, str, str]]:
    """Return what was asked: case, rule, asked, reached, and whether it holds."""
    return [
        (
            check["name"], words(check["rule"]), number(check["wanted"]), number(check["reached"]),
            "yes" if check["holds"] else f"no, {abs(check['margin']):.3f} short",
        )
        for check in data["checks"]
    ]  # fmt: skip


def remarks(data: Json) -> list[str]:
    """Return what is to be said about the table of named cases, failures first."""
    said = []
    for check in data["checks"]:
        if not check["holds"]:
            said.append(
                f"{check['name'].capitalize()}: {words(data['use'])} reaches "
                f"{check['reached']:.3f}, asked was {check['wanted']:.3f} ({words(check['rule'])})."
            )
    for row in data["answers"]["gain"]:
        rival = row.get("late")
        if rival and _worse(data, row["name"], rival["entry"]):
            said.append(
                f"{row['name'].capitalize()}: {words(rival['entry'])} does better "
                f"({rival['accuracy']['value']:.3f} against {row['use']['value']:.3f})."
            )
    return [*said, *data["notes"]]


def _comparison(data: Json, name: str, other: str) -> Json | None:
    return next(
        (row for row in data["comparisons"] if (row["name"], row["b"]) == (name, other)), None
    )


def _told(data: Json, name: str, other: str) -> bool:
    row = _comparison(data, name, other)
    return row is not None and row["p_holm"] is not None and row["p_holm"] < LEVEL


def _worse(data: Json, name: str, other: str) -> bool:
    row = _comparison(data, name, other)
    return _told(data, name, other) and row is not None and row["difference"]["value"] < 0


def comparison_rows(data: Json) -> list[tuple[str, ...]]:
    """Return the comparisons of the fusion in use, case by case."""
    rows: list[tuple[str, ...]] = []
    for row in data["comparisons"]:
        found, exact = read_measure(row["difference"]), row["mcnemar"]
        bounds = f"[{found.low:+.3f}, {found.high:+.3f}]" if found.low is not None else "–"
        rows.append((
            row["name"], row["b"], f"{found.value:+.3f}", bounds, p_words(row["p"]),
            p_words(row["p_holm"]), f"{exact['only_a']} : {exact['only_b']}", p_words(exact["p"]),
        ))  # fmt: skip
    return rows


def cost_rows(data: Json) -> list[tuple[Any, ...]]:
    """Return cost beside accuracy: one row an entry."""
    named = data["named"]
    first = cases_by_key(data)[next(iter(named.values()))]
    rows = []
    for entry in data["entries"]:
        name = entry["name"]
        values = [accuracy(data, key, name).value for key in named.values()]
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if len(known) == len(values) else None
        rows.append((
            name, words(entry["kind"]), first["accuracy"][name]["value"], mean,
            first["ece"][name], first["log_loss"][name], entry["parameters"],
            entry["parameters_all"], entry["milliseconds"], entry["milliseconds_all"],
            ", ".join(f"{value:.3f}" for value in first["spread"][name]),
        ))  # fmt: skip
    return rows


COST_HEADS = (
    "who decides", "kind", "accuracy, all clean", "mean of named cases", "calibration error",
    "log loss (nats)", "parameters, own", "with encoders", "ms a pair, own", "with encoders",
    "accuracy of each training",
)  # fmt: skip


def conflict_rows(data: Json) -> list[tuple[Any, ...]]:
    """Return how well disagreement gives each liar away."""
    return [
        (
            f"{row['liar']} lies, {row['witness']} {words(row['condition'])}",
            read_measure(row["auc"]).brief(3),
            row["disagreement"]["true"],
            row["disagreement"]["lying"],
        )
        for row in data["conflict"]
    ]


def part_rows(data: Json) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return folds as columns, and samples (and groups) of each modality and part as rows."""
    folds = data["folds"]
    heads = [f"{name}: {', '.join(f['tests'][:2])}" if f["tests"] else f"fold {name}"
             for name, f in folds.items()]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for modality in data["modalities"]:
        for part in ("train", "valid", "test"):
            counts = [fold["parts"][modality][part] for fold in folds.values()]
            cells = [
                f"{c['samples']:,}" + (f" ({c['groups']:,} groups)" if c["groups"] else "")
                for c in counts
            ]
            rows.append((f"{modality}, {part}", *cells))
    rows.append(("test pairs", *(f"{fold['pairs']:,}" for fold in folds.values())))
    return heads, rows


def alone_rows(data: Json) -> list[tuple[str, Measure]]:
    """Return each modality under each condition, on all its test samples."""
    return [
        (f"{name}, {words(condition)}", read_measure(measure))
        for name, modality in data["modalities"].items()
        for condition, measure in modality["accuracy"].items()
    ]


def hidden_words(data: Json) -> list[str]:
    """Say what a random split hides."""
    found = data["answers"]["random_split"]
    if not found:
        return ["The network of the practical was not trained here, so this was not measured."]
    random, honest = read_measure(found["random"]), read_measure(found["honest"])
    shared = (data["practical"]["random"].get("shared_groups") or {}) if data["practical"] else {}
    known = (
        f" ({shared['also_trained']} of its {shared['tested']} groups were also trained on)"
        if shared
        else ""
    )
    said = (
        f"On the random split{known} the network of the practical is right in {spelled(random)}; "
        f"on groups it never met, such as other speakers, in {spelled(honest)}."
    )
    if None in (random.low, random.high, honest.low, honest.high):
        return [said, f"The gap is {100 * found['gap']:.1f} points; no interval is known."]
    if found["gap"] > 0 and (honest.high or 0) < (random.low or 0):
        more = (
            f"That is what the random split hides: {100 * found['gap']:.1f} points less on "
            "strangers. One training a split; a second would differ somewhat."
        )
    else:
        more = (
            f"The gap is {100 * found['gap']:+.1f} points, but the intervals overlap: that the "
            "random split flatters is not shown here."
        )
    return [said, more]


def reliable_words(data: Json) -> list[str]:
    """Say which modality is more reliable when, and whether the order flips."""
    found, modalities = data["answers"]["reliable"], list(data["modalities"])
    rows = found["order"]
    if not rows:
        return ["No case without a missing or lying modality was tested."]
    said = []
    for modality in modalities:
        won = [row for row in rows if row["better"] == modality]
        if won:
            listed = "; ".join(case_words(row["case"], modalities) for row in won)
            said.append(
                f"{words(modality).capitalize()} alone is more often right in {len(won)} of "
                f"{len(rows)} cases without absence or lie: {listed}."
            )
    open_ones = [case_words(row["case"], modalities) for row in rows if not row["better"]]
    if open_ones:
        said.append(
            f"Not told apart (p not below {LEVEL}, or an interval with zero) in "
            f"{len(open_ones)}: {'; '.join(open_ones)}."
        )
    said.append(
        "So the order flips with the damage: no fixed choice of one of them is right everywhere."
        if found["flips"]
        else "That the order flips was not shown: no two of them each were the better one."
    )
    return said


def reliable_rows(data: Json) -> list[tuple[str, ...]]:
    """Return for each case without absence or lie the more accurate modality, and by how much."""
    modalities = list(data["modalities"])
    return [
        (
            case_words(row["case"], modalities), row["first"], row["second"],
            points(read_measure(row["difference"])), p_words(row["p"]),
            "yes" if row["better"] else "no",
        )
        for row in data["answers"]["reliable"]["order"]
    ]  # fmt: skip


def gain_words(data: Json) -> list[str]:
    """Say what the fusion in use gains, against the better modality alone and the best late one."""
    said, use = [], words(data["use"])
    for kind, title in (("alone", "the better modality alone"), ("late", "the best late fusion")):
        rows = [row for row in data["answers"]["gain"] if row.get(kind)]
        if not rows:
            continue
        told = [row for row in rows if _told(data, row["name"], row[kind]["entry"])]
        more = [row["name"] for row in told if row[kind]["difference"]["value"] > 0]
        less = [row["name"] for row in told if row[kind]["difference"]["value"] < 0]
        said.append(
            f"Against {title} of each case, {use} is better in {_counted(more)} of {len(rows)} "
            f"named cases, worse in {_counted(less)}, and not told apart in "
            f"{len(rows) - len(told)} (p < {LEVEL} after Holm's correction)."
        )
    if said:
        said.append(
            "The rival of each case was chosen by these very test figures, which favours it."
        )
    return said or ["Nothing to compare with was tested."]


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "0"


def gain_rows(data: Json) -> list[tuple[str, ...]]:
    """Return what the fusion in use gains in each named case, in points."""
    rows = []
    for row in data["answers"]["gain"]:
        cells = [row["name"], percent(row["use"]["value"])]
        for kind in ("alone", "late"):
            rival = row.get(kind)
            cells += (
                [words(rival["entry"]), points(read_measure(rival["difference"]))]
                if rival
                else ["–", "–"]
            )
        rows.append(tuple(cells))
    return rows


Table = tuple[str, list[str], list[tuple[str, ...]]]
"""Caption, heads and rows."""


def answers(data: Json) -> list[tuple[str, list[str], Table | None]]:
    """Return the practical's questions, each with paragraphs that answer it, and a table."""
    order: Table = (
        "Which modality alone is more often right, case by case",
        ["case", "more often right", "than", "by", "p, uncorrected", "told apart"],
        reliable_rows(data),
    )  # fmt: skip
    heads = ["case", words(data["use"]), "better alone", "gain", "best late fusion", "gain"]
    gains: Table = ("What the fusion in use gains, case by case", heads, gain_rows(data))
    return [
        ("What does the random split hide?", hidden_words(data), None),
        ("Which modality is more reliable, when?", reliable_words(data), order),
        ("What does fusion gain?", gain_words(data), gains),
    ]
