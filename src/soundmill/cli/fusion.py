"""`soundmill digits`: what a recording and an image say together, whom to trust, and why."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundmill.errors import InputError

if TYPE_CHECKING:
    from soundmill.fusion.decision import Decision

MODELS = "results/fusion/*/model"
FLAGS = {"audio": "sound", "image": "image"}
"""Kind of modality that each flag feeds."""


def digits(
    audio: Annotated[
        Path | None, typer.Option(help="Recording of one spoken digit, in any format.")
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image of one written digit, dark on bright or bright on dark."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help=f"Model folder; default the only one at {MODELS}.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes to show, the likeliest first.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Decide which digit is spoken and written; either may be missing."""
    given = {"audio": audio, "image": image}
    if all(path is None for path in given.values()):
        raise InputError("there is nothing to decide on; give --audio, --image or both")
    folder = model or find_model(Path())
    _check_files(given)

    from soundmill.fusion.model import load_fusion  # torch takes seconds: only once it is needed

    loaded = load_fusion(folder)
    decision = loaded.decide(by_modality(loaded.kinds, given))
    if as_json:
        typer.echo(json.dumps(decision.as_json(), indent=2, ensure_ascii=False))
        return
    for line in lines(decision, top):
        typer.echo(line)


def find_model(place: Path) -> Path:
    """Return the only model below a folder in which the workflow ran.

    Raises
    ------
    InputError
        When there is none, or more than one to choose from.
    """
    found = sorted(path.relative_to(place) for path in place.glob(MODELS) if path.is_dir())
    if len(found) == 1:
        return place / found[0]
    if not found:
        raise InputError(
            f"there is no model at {MODELS}; run `snakemake fusion` here first, or say with "
            "--model where one is"
        )
    choices = ", ".join(str(path) for path in found)
    raise InputError(f"there are {len(found)} models; choose with --model one of {choices}")


def _check_files(given: Mapping[str, Path | None]) -> None:
    """Complain of a wrong path before anything slow happens."""
    for flag, path in given.items():
        if path is not None and not path.is_file():
            what = "is a folder; name a file" if path.is_dir() else "does not exist"
            raise InputError(f"--{flag} {path}: {path} {what}")


def by_modality(
    kinds: Mapping[str, str], given: Mapping[str, Path | None]
) -> dict[str, Path | None]:
    """Return what was given by the name of the modality that it is for.

    Parameters
    ----------
    kinds : of the model's modalities by name.
    given : by flag; a flag feeds the modality of its own name, or else the only one of its kind.

    Raises
    ------
    InputError
        When something was given that the model cannot take.
    """
    inputs: dict[str, Path | None] = dict.fromkeys(kinds)
    for flag, path in given.items():
        if path is None:
            continue
        own = [name for name, kind in kinds.items() if kind == FLAGS[flag]]
        if flag in own:
            own = [flag]
        if len(own) != 1:
            known = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
            raise InputError(f"--{flag}: this model has no use for it; its modalities are {known}")
        inputs[own[0]] = path
    return inputs


def lines(decision: "Decision", top: int) -> list[str]:
    """Return a decision as lines of text: the answer, a table of the likeliest classes, why."""
    from soundmill.fusion.decision import percent

    columns = {"together": decision.probabilities} if len(decision.own) > 1 else {}
    columns |= {name: own.probabilities for name, own in decision.own.items()}
    order = sorted(decision.probabilities, key=lambda name: -decision.probabilities[name])[:top]
    # what a modality says by itself must not be hidden by what all say together
    order += sorted({own.answer for own in decision.own.values()} - set(order))
    left = max(len(name) for name in [*order, "weight"])
    width = max(len(name) for name in [*columns, "99.9 %"]) + 2
    rows = [["", *columns]]
    rows += [[name, *(percent(values[name]) for values in columns.values())] for name in order]
    if len(decision.weights) > 1:
        weights = [f"{decision.weights[c]:.2f}" if c in decision.weights else "" for c in columns]
        rows.append(["weight", *weights])
    table = [f"{row[0]:<{left}}" + "".join(f"{cell:>{width}}" for cell in row[1:]) for row in rows]
    said = decision.reason[0].upper() + decision.reason[1:]
    return [
        f"{decision.answer}  ({percent(decision.probability)})", "",
        *(line.rstrip() for line in table), "", f"{said}.",
    ]  # fmt: skip
