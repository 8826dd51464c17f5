"""The cases people ask for by name: all clean, one modality damaged, lying, missing, noise."""

from collections.abc import Mapping, Sequence

from soundmill.fusion.conditions import CLEAN, LYING, MISSING, Case
from soundmill.fusion.image_options import ImageModality
from soundmill.fusion.options import FusionTaskOptions

SEPARATOR = "/"
PURE_NOISE = 0.99
"""Noise of this share of each pixel or more leaves nothing of the image."""


def case_key(case: Sequence[str]) -> str:
    """Return a case as one word: ``clean/energy_25``."""
    return SEPARATOR.join(case)


def pure_noise(options: FusionTaskOptions) -> dict[str, list[str]]:
    """Return the damages of each modality that leave nothing but noise.

    Those of images say so; a damage of a sound is known by its name alone, ``noise``.
    """
    found: dict[str, list[str]] = {}
    for name, modality in options.modalities.items():
        if isinstance(modality, ImageModality):
            found[name] = [d for d, o in modality.damages.items() if (o.noise or 0) >= PURE_NOISE]
        else:
            found[name] = []  # whatever the noise, the recording is still in it
    return found


def named_cases(
    modalities: Sequence[str],
    cases: Sequence[Case],
    noise: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Return key of case by its name, for those among the tested cases.

    Parameters
    ----------
    modalities : names, in the order of the cases. cases : what was tested.
    noise : damages of each modality that are nothing but noise (`pure_noise`). The last of the
        others is the hardest, since damages are given from mild to hard.
    """
    damages = [_damages(cases, place) for place in range(len(modalities))]
    hard = [
        next((d for d in reversed(found) if d not in noise.get(name, ())), None)
        for name, found in zip(modalities, damages, strict=True)
    ]
    clean = [CLEAN] * len(modalities)
    wanted: dict[str, list[str | None]] = {}
    wanted["both clean" if len(modalities) == 2 else "all clean"] = [*clean]
    for place, name in enumerate(modalities):
        pure = next((d for d in reversed(damages[place]) if d in noise.get(name, ())), None)
        conditions = {
            "damaged": hard[place],
            "pure noise": pure,
            "missing": MISSING,
            "lying": LYING,
        }
        for words, condition in conditions.items():
            wanted[f"{name} {words}"] = [*clean[:place], condition, *clean[place + 1 :]]
    wanted["both damaged" if len(modalities) == 2 else "all damaged"] = [*hard]
    tested = set(cases)
    return {
        name: case_key([c for c in case if c is not None])
        for name, case in wanted.items()
        if None not in case and tuple(map(str, case)) in tested
    }


def _damages(cases: Sequence[Case], place: int) -> list[str]:
    seen = dict.fromkeys(case[place] for case in cases)
    return [name for name in seen if name not in (CLEAN, MISSING, LYING)]
