"""The questions of the practical, answered with figures: trust, gain, and what a split hides."""

from collections.abc import Mapping, Sequence
from typing import Any

from soundmill.fusion.clusters import Clusters
from soundmill.fusion.conditions import CLEAN, LYING, MISSING
from soundmill.fusion.named_cases import case_key
from soundmill.fusion.predictions import ALONE, alone_name
from soundmill.fusion.tallies import Pooled, Tally

LATE = ("mean", "product", "weighted", "stacked")
"""Fusions of probabilities alone, without a look at how reliable they are in this case."""
TOLERANCE = 0.01
"""What a fusion may lose to the modality it should trust when the other one lies or is missing."""
LEVEL = 0.05
"""From this p on, uncorrected, it is left open which modality is the better one."""
Json = dict[str, Any]
Tallies = Sequence[Mapping[str, Tally]]
"""By case, then by entry."""


def reliability(pooled: Pooled, tallies: Tallies, clusters: Clusters) -> Json:
    """Return which modality alone is more often right, condition by condition.

    ``order``: each case in which none is missing or lies, with the better modality, the next one
    and the difference of their accuracies; ``better`` is None where its interval holds zero or its
    p is not below `LEVEL`. ``flips``: whether different modalities are better in different cases.
    """
    order: list[Json] = []
    for number, case in enumerate(pooled.cases):
        if MISSING in case or LYING in case:
            continue
        ranked = _ranked(pooled, tallies[number])
        if len(ranked) < 2:
            continue
        first, second = ranked[:2]
        difference, p = _against(tallies[number], alone_name(first), alone_name(second), clusters)
        order.append({
            "case": list(case),
            "key": case_key(case),
            "first": first,
            "second": second,
            "better": first if _sure(difference, p) else None,
            "difference": difference,
            "p": p,
        })  # fmt: skip
    winners = {row["better"] for row in order if row["better"]}
    return {"order": order, "flips": len(winners) > 1}


def _sure(difference: Json, p: float | None) -> bool:
    """Ask both: with few groups the interval is too narrow, which the test allows for."""
    bounds = difference["interval"]
    return p is not None and p < LEVEL and bounds is not None and bounds[0] * bounds[1] > 0


def _ranked(pooled: Pooled, tallies: Mapping[str, Tally]) -> list[str]:
    """Return the modalities that have something to say in a case, the most accurate first."""
    sums = {name: tallies[alone_name(name)].right for name in pooled.modalities}
    known = {name: float(values.sum()) for name, values in sums.items() if values is not None}
    return sorted(known, key=lambda name: -known[name])


def _against(
    tallies: Mapping[str, Tally], a: str, b: str, clusters: Clusters
) -> tuple[Json, float | None]:
    right, other = tallies[a].right, tallies[b].right
    if right is None or other is None:
        return clusters.measure(clusters.sizes * float("nan")), None
    return clusters.difference(right, other)


def gain(
    pooled: Pooled, tallies: Tallies, clusters: Clusters, named: Mapping[str, str], use: str
) -> list[Json]:
    """Return what the fusion in use gains in each named case.

    Against the better modality alone, and against the best late fusion. Both are chosen by these
    very test figures, which favours them, not the fusion in use.
    """
    places = {case_key(case): number for number, case in enumerate(pooled.cases)}
    late = [name for name, kind in pooled.kinds.items() if kind in LATE and name != use]
    rows = []
    for name, key in named.items():
        found = tallies[places[key]]
        row: Json = {"name": name, "key": key, "use": clusters.measure(_right(found[use]))}
        ranked = _ranked(pooled, found)
        if ranked:
            row["alone"] = _rival(found, use, alone_name(ranked[0]), clusters)
        if late:
            best = max(late, key=lambda other: _right(found[other]).sum())
            row["late"] = _rival(found, use, best, clusters)
        rows.append(row)
    return rows


def _right(found: Tally) -> Any:
    if found.right is None:
        raise ValueError("a fusion answers in every case")
    return found.right


def _rival(found: Mapping[str, Tally], use: str, other: str, clusters: Clusters) -> Json:
    difference, p = _against(found, use, other, clusters)
    accuracy = clusters.measure(_right(found[other]))
    return {"entry": other, "accuracy": accuracy, "difference": difference, "p": p}


def checks(
    pooled: Pooled,
    tallies: Tallies,
    clusters: Clusters,
    named: Mapping[str, str],
    use: str,
    asked: Mapping[str, float],
) -> list[Json]:
    """Return what one may ask of the fusion in use in each named case, and whether it holds.

    Not below the better modality alone; where one lies, is missing or is noise, at most `TOLERANCE`
    below the best of the clean ones. Nothing is asked where the most reliable one lies: of two that
    are sure and contradict each other, who is believed is the one that errs less otherwise.

    Parameters
    ----------
    asked : least accuracy by name of case, on top of that.

    Returns
    -------
    Rows of name, key, rule (words), wanted, reached, margin (reached - wanted) and holds.
    """
    places = {case_key(case): number for number, case in enumerate(pooled.cases)}
    rows: list[Json] = []
    all_clean = tallies[places[case_key((CLEAN,) * len(pooled.modalities))]]
    most_reliable = _ranked(pooled, all_clean)[0]
    for name, key in named.items():
        case, found = pooled.cases[places[key]], tallies[places[key]]
        reached = _accuracy(found[use], clusters)
        clean = [m for m, condition in zip(pooled.modalities, case, strict=True)
                 if condition == CLEAN]  # fmt: skip
        absent = any(name.endswith(words) for words in ("lying", "missing", "pure noise"))
        trusted = [m for m in _ranked(pooled, found) if m in clean or not absent]
        if trusted and case[pooled.modalities.index(most_reliable)] != LYING:
            least = _accuracy(found[alone_name(trusted[0])], clusters)
            loss = TOLERANCE if absent else 0.0
            rule = f"not below {alone_name(trusted[0])}" + (f" minus {loss:g}" if loss else "")
            rows.append(_check(name, key, rule, least - loss, reached))
        if name in asked:
            rows.append(_check(name, key, f"at least {asked[name]:g}", asked[name], reached))
    return rows


def _accuracy(found: Tally, clusters: Clusters) -> float:
    return float(_right(found).sum() / clusters.sizes.sum())


def _check(name: str, key: str, rule: str, wanted: float, reached: float) -> Json:
    margin = reached - wanted
    return {
        "name": name,
        "key": key,
        "rule": rule,
        "wanted": round(wanted, 6),
        "reached": round(reached, 6),
        "margin": round(margin, 6),
        "holds": margin > -1e-9,
    }


def fusions_of(pooled: Pooled) -> list[str]:
    """Return the entries that are fusions, in their order."""
    return [name for name, kind in pooled.kinds.items() if kind != ALONE]
