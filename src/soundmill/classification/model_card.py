"""A task's model card, after Mitchell et al., "Model cards for model reporting" (2019).

Every figure comes from the evaluation and the task's files; what no file knows (purpose, licence,
people) comes from the options, and a card says so where they are silent.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundmill.classification.model_card_options import ModelCardOptions
from soundmill.files import atomic_path, read_json, write_json

Json = Mapping[str, Any]
Section = tuple[str, list[str]]

KINDS = {
    "single": "one of {count} classes",
    "multi": "any number of {count} tags",
    "regression": "the values of {count} targets",
}
NAMES = {
    "map": "mean average precision", "macro_f1": "macro F1", "macro_auc": "macro AUC",
    "micro_auc": "micro AUC", "r2": "R²", "mae": "mean absolute error", "rmse": "RMSE",
    "ccc": "concordance correlation", "log_loss": "log-loss", "top3_accuracy": "top-3 accuracy",
    "macro_f1_fitted": "macro F1 with fitted thresholds",
}  # fmt: skip
"""Metrics in the words of the card, where their names are abbreviations."""
MOST_NAMES = 60
"""Class names a card lists at most."""
NOT_STATED = "Not stated. Fill in 'card.{option}' of the task's options."
WEAK = 5
"""Classes named as the weakest, at most."""


def write_model_card(
    evaluation: Path, task: Path, markdown: Path, output: Path, options: ModelCardOptions
) -> None:
    """Write the model card of a task as Markdown and as JSON.

    Parameters
    ----------
    evaluation : ``evaluation.json``, see `soundmill.classification.evaluation`.
    task : folder of the task.
    markdown, output : files to write; the JSON has ``title``, ``model``, ``sections`` (``heading``
        and ``paragraphs``, plain text) and ``figures`` (by metric, of the best learner).
    options : what only a person can say.
    """
    data, facts = read_json(evaluation), read_json(task / "task.json")
    best = data["best"]["overall"]
    title = f"Model card: {data['task']}"
    sections = card_sections(data, facts, options)
    write_json(
        output,
        {
            "title": title,
            "model": best,
            "sections": [{"heading": h, "paragraphs": texts} for h, texts in sections],
            "figures": data["learners"][best]["recording"],
        },
    )
    lines = [f"# {_escape(title)}", ""]
    for heading, texts in sections:
        lines += [f"## {heading}", ""]
        for text in texts:
            lines += [_escape(text), ""]
    with atomic_path(markdown) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def card_sections(data: Json, facts: Json, options: ModelCardOptions) -> list[Section]:
    """Return headings and paragraphs of the card, plain text."""
    return [
        ("Model details", _details(data, options)),
        ("Intended use", _use(data, options)),
        ("Data", _data(data, facts, options)),
        ("Protocol", _protocol(data)),
        ("Figures", _figures(data)),
        ("Confidence", _confidence(data)),
        ("Limits", _limits(data, facts, options)),
        ("Cost", _cost(data)),
        ("Law and ethics", _ethics(options)),
    ]


def _details(data: Json, options: ModelCardOptions) -> list[str]:
    best = data["best"]["overall"]
    entry, names = data["learners"][best], data["classes"]
    decides = KINDS[data["kind"]].format(count=len(names))
    listed = ", ".join(names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    texts = [
        f"From a recording the model decides on {decides}: {listed}{more}.",
        f"This card is about {best} ({entry['kind']}, {entry['family']}), the best of "
        f"{len(data['learners'])} learners compared by {_word(data['main_metric'])}.",
    ]
    if entry.get("members"):
        folds = next(iter(entry["members"].values()))
        texts.append(f"It is an ensemble of {len(folds['weights'])} learners.")
    return [*texts, f"Contact: {options.contact}"] if options.contact else texts


def _use(data: Json, options: ModelCardOptions) -> list[str]:
    texts = [options.intended_use or NOT_STATED.format(option="intended_use")]
    if options.out_of_scope:
        texts.append(f"Not meant for: {options.out_of_scope}")
    if data["kind"] != "regression":
        texts.append(
            "It answers with the classes it was taught, whatever it hears: a recording of "
            "something else is given one of them, or their absence, all the same."
        )
    return texts


def _data(data: Json, facts: Json, options: ModelCardOptions) -> list[str]:
    texts = [options.data or NOT_STATED.format(option="data")]
    texts.append(f"Licence: {options.licence or NOT_STATED.format(option='licence')}")
    counts = facts.get("folds", {}).get("all")
    if isinstance(counts, Mapping) and isinstance(counts.get("train"), int):
        texts.append(f"The model to use learned from {counts['train'] + counts.get('valid', 0)} "
                     "recordings.")  # fmt: skip
    support = data["learners"][data["best"]["overall"]].get("per_class")
    if support:
        rows = sorted(((row["support"], name) for name, row in support.items()), reverse=True)
        alike = rows[0][0] == rows[-1][0]
        words = (
            f"{rows[0][0]} of each"
            if alike
            else (f"from {rows[0][0]} ({rows[0][1]}) to {rows[-1][0]} ({rows[-1][1]})")
        )
        texts.append(f"Held-out recordings by class: {words}.")
    return texts


def _protocol(data: Json) -> list[str]:
    protocol = data.get("protocol")
    texts = [str(protocol)] if protocol else []
    groups = f" from {data['groups']} groups" if data["groups"] else ""
    texts.append(
        f"All figures are of {data['items']} recordings{groups} that the learner did not learn "
        f"from, in brackets the {data['interval']}."
    )
    texts.append(
        f"The best of {len(data['learners'])} learners was chosen by the same recordings, so its "
        "own figures are a little too good."
    )
    return texts


def _figures(data: Json) -> list[str]:
    learners, best = data["learners"], data["best"]["overall"]
    own = learners[best]["recording"]
    texts = [f"{_word(m)}: {_measure(own[m])}" for m in data["metrics"] if m in own]
    main = data["main_metric"]
    for floor in data["floors"]:
        if floor != best:
            value = _measure(learners[floor]["recording"][main])
            texts.append(f"Floor {floor}: {_word(main)} {value}")
    spread = learners[best].get("seeds_std", {}).get(main)
    if spread is not None:
        count = len(learners[best]["seeds"][main])
        texts.append(f"Standard deviation over {count} trainings: {spread:.3f}")
    return texts + _leak(data, best)


def _leak(data: Json, best: str) -> list[str]:
    entry = ((data.get("leaky") or {}).get("learners") or {}).get(best)
    if entry is None:
        return []
    main = data["main_metric"]
    leaky, gap = entry[main]["leaky"], entry[main]["gap"]
    return [
        f"A split that ignores groups would have claimed {_word(main)} {_measure(leaky)}, a "
        f"difference of {_measure(gap)}."
    ]


def _confidence(data: Json) -> list[str]:
    calibration = data["learners"][data["best"]["overall"]].get("calibration")
    if not calibration:
        return ["It gives values without a confidence."]
    texts = [f"Expected calibration error {calibration['ece_before']:.3f} as it comes."]
    if calibration["ece_after"] is not None:
        texts.append(
            f"After temperature scaling fitted on other recordings {calibration['ece_after']:.3f}; "
            f"temperature for use {calibration['use']:.2f} (above 1: too bold as it comes)."
        )
    return texts


def _limits(data: Json, facts: Json, options: ModelCardOptions) -> list[str]:
    texts = [options.caveats] if options.caveats else []
    classes = data["learners"][data["best"]["overall"]].get("per_class") or {}
    known = sorted((row["f1"], name) for name, row in classes.items() if row["f1"] is not None)
    weakest = [(f1, name) for f1, name in known[: min(WEAK, len(known) // 2)] if f1 < 1]
    if weakest:
        words = ", ".join(f"{name} {f1:.2f}" for f1, name in weakest)
        texts.append(f"The weakest classes, by F1: {words}.")
    texts.append(
        "The figures hold for recordings like those tested. Others (another microphone, room, "
        "codec, time or place) were not part of this evaluation."
    )
    return [*texts, *map(str, facts.get("remarks", ())), *data.get("notes", ())]


def _cost(data: Json) -> list[str]:
    cost = data["learners"][data["best"]["overall"]]["cost"]
    words = {
        "parameters": ("{:,.0f} parameters", cost["parameters"]),
        "train_seconds": ("{:.1f} s of training in all", cost["train_seconds"]),
        "seconds_a_recording": ("{:.3f} s a recording in use", cost["seconds_a_recording"]),
    }
    known = [text.format(value) for text, value in words.values() if value is not None]
    return [", ".join(known) + "."] if known else ["Not measured."]


def _ethics(options: ModelCardOptions) -> list[str]:
    licence = options.licence or "not stated here"
    return [
        f"Recordings may be protected by copyright and related rights (licence: {licence}). "
        "Whether a model may be trained on them, published or sold depends on the licence and the "
        "country. Ask before passing on either.",
        "Recordings of people are personal data, voices above all. Do not use the model to "
        "identify or judge persons without their consent and a legal basis.",
        "Labels are someone's judgement: genres, moods and tags carry the view of those who "
        "gave them. Let a person decide where a wrong answer harms someone.",
    ]


def _word(metric: str) -> str:
    return NAMES.get(metric, metric.replace("_", " "))


def _measure(entry: Json) -> str:
    if entry["value"] is None:
        return "not defined"
    if entry["interval"] is None:
        return f"{entry['value']:.3f}"
    low, high = entry["interval"]
    return f"{entry['value']:.3f} [{low:.3f}, {high:.3f}]"


def _escape(text: str) -> str:
    """Return text that Markdown shows as it is: labels are other people's words."""
    escaped = re.sub(r"([\\`*_<>\[\]|#])", r"\\\1", text)
    return " ".join(escaped.split())
