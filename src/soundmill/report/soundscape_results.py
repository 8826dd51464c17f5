"""What the result files of a soundscape model say, as its page needs it.

The one place that knows the keys of ``evaluation.json`` (see `soundmill.soundscape`); figures and
the page take what these functions return.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soundmill.report.pages import NARROW, duration, readable
from soundmill.report.results import Measure

Json = Mapping[str, Any]

KIND_NAMES = {
    "floor": "real against real",
    "real": "real, held out",
    "phase": "phases reconstructed",
    "reconstruction": "reconstruction",
    "variation": "variation",
    "sample": "new sample",
    "granular": "granular baseline",
    "noise": "pink noise",
}
"""Names for people, in the order of figures: from the real to what knows nothing."""
RECONSTRUCTED = ("phase", "reconstruction", "variation", "noise")
COMPARED = ("real", "sample", "granular")
DISTANCES = ("floor", "phase", "reconstruction", "variation", "sample", "granular", "noise")
EMBEDDINGS = {"texture": "texture statistics", "judge": "a classifier's embedding"}
RECONSTRUCTION_NAMES = {
    "log_spectral_distance": "log-spectral distance",
    "multi_scale_stft": "multi-scale STFT loss",
    "mel_l1": "mel L1",
    "loudness_error": "loudness error",
}
PROPERTIES = ("loudness", "brightness", "roughness", "events")
"""What the latents are correlated with."""
UNITS = {"mb": "MB", "db": "dB", "dbfs": "dBFS", "gb": "GB", "hz": "Hz", "lufs": "LUFS"}
LONG_NAMES = {"seconds": "length", "factor": "real-time factor"}
MEASURE_KEYS = ("value", "interval", "n", "unit", "reason")
ROW_NAMES = {
    "within_label": "within a label",
    "share_nearer_than_real": "share nearer than 95 % of the real ones",
}
SEAMS = {
    "seams": "where parts were joined",
    "loop_seam": "where the loop’s end meets its beginning",
}
FACTORS = ("factor", "real_time_factor")


@dataclass(frozen=True)
class Told(Measure):
    """A measured figure, or the reason why there is none."""

    reason: str = ""

    @property
    def text(self) -> str:
        """The value in three figures, or a dash."""
        return figures(self.value)

    @property
    def interval(self) -> str:
        """``[0.79, 0.87]``, or nothing."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"[{figures(self.low)}, {figures(self.high)}]"


def figures(value: float | None) -> str:
    """Return a value as tables and bars show it, two to four figures of it; a dash for None.

    >>> figures(312.4), figures(4.567), figures(0.00123), figures(None)
    ('312', '4.57', '0.0012', '–')
    """
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or not size:
        return f"{value:,.0f}"
    if size < 0.01:
        return f"{value:.2g}"
    return f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"


def percent(share: float | None) -> str:
    """Return a share in per cent."""
    return "–" if share is None else f"{100 * share:.0f}{NARROW}%"


def minus(value: float) -> str:
    """Return a value with its sign, two decimals and a true minus."""
    return f"{value:+.2f}".replace("-", "−")


def told(entry: Any) -> Told:
    """Read ``{"value", "interval", "n"}`` with an optional ``reason``, a plain number, or nothing.

    >>> told({"value": 2.0, "interval": [1.5, 2.5], "n": 8}).interval
    '[1.50, 2.50]'
    """
    if isinstance(entry, Mapping):
        low, high = entry.get("interval") or (None, None)
        reason = str(entry.get("reason") or "")
        return Told(entry.get("value"), low, high, entry.get("n"), reason)
    number = isinstance(entry, int | float) and not isinstance(entry, bool)
    return Told(entry if number else None)


def why_not(data: Json, key: str) -> str:
    """Return why a part of the evaluation is missing, where the file says it; "" otherwise.

    The reason stands in the part itself (``{"reason": ...}``), in ``reasons`` under its key, or
    beside it as ``<key>_reason``.
    """
    part = data.get(key)
    own = part.get("reason") if isinstance(part, Mapping) else None
    return str(own or (data.get("reasons") or {}).get(key) or data.get(f"{key}_reason") or "")


def part_of(data: Json, key: str) -> Json:
    """Return a part of the evaluation; an empty one where it is missing or holds but a reason."""
    part = data.get(key)
    there = isinstance(part, Mapping) and any(name != "reason" for name in part)
    return part if there and part is not None else {}


def reconstruction_rows(data: Json) -> list[tuple[str, list[Told]]]:
    """Return each figure of reconstruction with its unit, and a measure for `RECONSTRUCTED`."""
    rows = []
    for key, entry in part_of(data, "reconstruction").items():
        name = RECONSTRUCTION_NAMES.get(key, key.replace("_", " "))
        unit = f" ({entry['unit']})" if entry.get("unit") else ""
        rows.append((f"{name}{unit}", [told(entry.get(kind)) for kind in RECONSTRUCTED]))
    return rows


@dataclass(frozen=True)
class Distance:
    """A distance between distributions: what was set against held-out real clips, and how far."""

    embedding: str
    name: str
    measures: Mapping[str, Told]
    """By kind, in the order of `DISTANCES`."""

    @property
    def title(self) -> str:
        """``FAD, texture statistics``."""
        return f"{self.name}, {self.embedding}"

    def place(self, kind: str) -> float | None:
        """Return where a kind lies between real against real (0) and pink noise (1).

        None where something was not measured, or noise lies no further off than the real.
        """
        floor, noise = self.measures["floor"].value, self.measures["noise"].value
        value = self.measures[kind].value
        if floor is None or noise is None or value is None or noise <= floor:
            return None
        return (value - floor) / (noise - floor)


def distances(data: Json) -> list[Distance]:
    """Return the distances measured, by embedding."""
    found = []
    judge = part_of(data, "distribution").get("judge_name")
    for key, embedding in EMBEDDINGS.items():
        if key == "judge" and judge:
            embedding = f"the last layer of {readable(str(judge))}"
        for name, entry in part_of(part_of(data, "distribution"), key).items():
            if isinstance(entry, Mapping):
                measures = {kind: told(entry.get(kind)) for kind in DISTANCES}
                found.append(Distance(embedding, name.upper(), measures))
    return found


def standing(found: Sequence[Distance]) -> str:
    """Return in plain words where the samples lie between real recordings and noise."""
    for distance in found:
        sample, granular = distance.place("sample"), distance.place("granular")
        if sample is None:
            continue
        words = (
            f"By {distance.name} on {distance.embedding}, new samples lie {percent(sample)} of the "
            f"way from real recordings ({percent(0)}: real against real) to pink noise "
            f"({percent(1)})"
        )
        beside = "" if granular is None else f"; the granular baseline lies at {percent(granular)}"
        return f"{words}{beside}."
    return ""


Compared = list[tuple[str, list[Told]]]
"""Name of a row, and a measure for each of `COMPARED`."""


def comparison_rows(part: Json, name: str) -> tuple[Compared, list[tuple[str, str, str]]]:
    """Return the measures of `COMPARED` in a part, and whatever else it holds as `long_rows`.

    Parameters
    ----------
    name : of the row of the part's own measures; the parts nested in it have the names of their
        keys.
    """
    rows: Compared = []
    rest: dict[str, Any] = {}
    if any(kind in part for kind in COMPARED):
        rows.append((name, [told(part.get(kind)) for kind in COMPARED]))
    for key, entry in part.items():
        if key in COMPARED or key == "reason":
            continue
        words = ROW_NAMES.get(key, key.replace("_", " "))
        if isinstance(entry, Mapping) and "value" not in entry:
            nested, others = comparison_rows(entry, words)
            rows += [(n if n == words else f"{words}, {n}", values) for n, values in nested]
            rest |= {f"{words}, {n}": text for n, text, _ in others}
        else:
            rest[key] = entry
    return rows, long_rows(rest)


def recognised(data: Json) -> str:
    """Return in plain words how often what was asked for is recognised; "" if not measured."""
    part = part_of(data, "fidelity")
    real, sample, granular = (told(part.get(kind)).value for kind in COMPARED)
    if real is None or sample is None:
        return ""
    words = f"An independent classifier recognises {percent(sample)} of them as what was asked for"
    share = f"{percent(sample / real)} of " if real else ""
    beside = "" if granular is None else f" (granular baseline: {percent(granular)})"
    return f"{words}: {share}its accuracy on real held-out clips, {percent(real)}{beside}."


def copied(data: Json) -> str:
    """Return in plain words how many samples lie suspiciously near to what was learned from.

    The share is of clips nearer than 95 % of real held-out ones
    (`soundmill.soundscape.copying.share_beyond`).
    """
    shares = part_of(part_of(data, "copying"), "share_nearer_than_real")
    sample, granular = (told(shares.get(kind)).value for kind in ("sample", "granular"))
    if sample is None:
        return ""
    beside = "" if granular is None else f"; of the granular baseline’s, {percent(granular)}"
    return (
        f"{percent(sample)} of the new samples lie nearer to a clip learned from than 95{NARROW}% "
        f"of real held-out clips do{beside}. By chance it is 5{NARROW}%."
    )


def diverse(data: Json) -> str:
    """Return in plain words how diverse samples are beside real clips."""
    part = part_of(data, "diversity")
    real, sample = told(part.get("real")).value, told(part.get("sample")).value
    if not real or sample is None:
        return ""
    return f"New samples are {sample / real:.2f} times as diverse as real clips."


def lasting(long: Json) -> list[str]:
    """Return what the figures of the long piece say in plain words, of those that are there.

    Drift, repetition and seams as `soundmill.soundscape.long_term.measure_long` has them.
    """
    said = []
    factor = next((v for k, v in _walk(long) if k in FACTORS and told(v).value is not None), None)
    if factor is not None:
        memory = next((told(v).value for k, v in _walk(long) if k.endswith("_mb")), None)
        beside = "" if memory is None else f", in {memory:,.0f}{NARROW}MB of memory"
        said.append(f"It is made at {told(factor).text}{NARROW}× real time{beside}.")
    for name, entry in _find(long, "drift").items():
        if isinstance(entry, Mapping) and entry.get("change") is not None:
            unit = f"{NARROW}{entry['unit']}" if entry.get("unit") else ""
            word = "more than" if entry.get("beyond") else "within what"
            changed = f"{minus(entry['change'])}{unit}"
            said.append(f"From end to end its {name} changes by {changed}, {word} real recordings "
                        "vary.")  # fmt: skip
    repetition = _find(long, "repetition")
    highest = repetition.get("highest")
    if highest is not None and repetition.get("beyond_real") is not None:
        real = told(part_of(repetition, "real").get("highest")).text
        word = "more than real recordings do" if repetition["beyond_real"] else "no more than those"
        said.append(f"Its two most alike stretches have a similarity of {figures(highest)}, those "
                    f"of real recordings up to {real}: it repeats itself {word}.")  # fmt: skip
    for key, place in SEAMS.items():
        heard = _find(long, key).get("detected")
        if heard is not None:
            said.append(f"{'A' if heard else 'No'} seam stands out {place}.")
    return said


def _find(part: Json, key: str) -> Json:
    """Return the first mapping under a key, wherever in a part it is; an empty one without any."""
    return next((v for k, v in _walk(part) if k == key and isinstance(v, Mapping)), {})


def _walk(part: Json) -> Iterator[tuple[str, Any]]:
    yield from part.items()
    for value in part.values():
        if isinstance(value, Mapping):
            yield from _walk(value)


def long_rows(long: Json) -> list[tuple[str, str, str]]:
    """Return the figures of the long piece and the loop: name, value with unit, why there is none.

    Whatever the file holds is shown: names are its keys, joined where they are nested; a key's
    last word is its unit if it is one (``memory_mb``, ``seam_db``, ``loop_seconds``).
    """
    rows = ((name.replace("_", " "), text, why) for name, text, why in _flat(long, ()))
    return [(LONG_NAMES.get(name, name), text, why) for name, text, why in rows]


def _flat(part: Json, place: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for key, value in part.items():
        if key in ("reason", "unit") and place:
            continue
        here = (*place, str(key))
        if isinstance(value, Mapping) and "value" not in value:
            unit = f" ({value['unit']})" if value.get("unit") else ""
            yield from _flat(value, (*place, f"{key}{unit}"))
        elif isinstance(value, str):
            yield ", ".join(here), value, ""
        elif isinstance(value, bool):
            yield ", ".join(here), "yes" if value else "no", ""
        elif isinstance(value, Mapping | int | float | None):
            yield _line(here, value)
            beside = value.items() if isinstance(value, Mapping) else ()
            yield from _flat({k: v for k, v in beside if k not in MEASURE_KEYS}, here)
        elif isinstance(value, list | tuple) and len(value) <= 8:
            yield ", ".join(here), ", ".join(map(_item, value)) or "none", ""
        else:
            yield ", ".join(here), f"{len(value):,} values", ""


def _item(value: Any) -> str:
    return figures(value) if isinstance(value, float) else str(value)


def _line(place: tuple[str, ...], value: Any) -> tuple[str, str, str]:
    measure = told(value)
    *_, last = place[-1].split("_")
    unit = value.get("unit") if isinstance(value, Mapping) else None
    name = ", ".join(place)
    if measure.value is None:
        return name, "–", measure.reason
    if last == "seconds" and not measure.interval:
        return name.removesuffix("_seconds"), duration(measure.value), ""
    text = f"{measure.value:,}" if isinstance(measure.value, int) else measure.text
    if place[-1] in FACTORS:
        return name, f"{text}{NARROW}×", ""
    if unit is None and last in UNITS:
        name, unit = name.removesuffix(f"_{last}"), UNITS[last]
    text = f"{text}{NARROW}{unit}" if unit else text
    return name, f"{text} {measure.interval}".strip(), ""


@dataclass(frozen=True)
class Control:
    """A latent and its correlation with each of `PROPERTIES`."""

    name: str
    correlations: list[float | None]

    @property
    def strength(self) -> float:
        """The largest correlation, without its sign."""
        return max((abs(r) for r in self.correlations if r is not None), default=0.0)


def controls(data: Json, metrics: Json) -> list[Control]:
    """Return the latents, the strongest correlation first."""
    entries = data.get("controls") or metrics.get("controls") or ()
    if isinstance(entries, Mapping):
        entries = [{"name": name, **entry} for name, entry in entries.items()]
    rows = [
        Control(str(entry["name"]), [told(entry.get(key)).value for key in PROPERTIES])
        for entry in entries
    ]
    return sorted(rows, key=lambda row: -row.strength)


def meanings(rows: Sequence[Control], least: float = 0.3) -> list[str]:
    """Return for each property the latent that goes with it most, if by ``least`` or more."""
    found = []
    for place, name in enumerate(PROPERTIES):
        known = [(row.correlations[place] or 0.0, row.name) for row in rows]
        r, latent = max(known, key=lambda pair: abs(pair[0]), default=(0.0, ""))
        if abs(r) >= least:
            found.append(f"{name}: {latent} (r = {minus(r)})")
    return found
