"""Does disagreement give a liar away? The modalities' probabilities as a detector of lying pairs.

Two modalities that look at the same thing agree: the chance 1 - sum_c p_a(c) p_b(c) that draws from
their probabilities name different classes is small. Where one lies it is near one, and where one is
damaged it grows too, so that damage is what hides lies.
"""

from itertools import permutations
from typing import Any

import numpy as np

from soundmill.classification.bootstrap import percentile_interval
from soundmill.classification.metrics import ranking_scores
from soundmill.fusion.clusters import Clusters, Floats
from soundmill.fusion.conditions import CLEAN, LYING, MISSING, Case
from soundmill.fusion.named_cases import case_key
from soundmill.fusion.predictions import alone_name
from soundmill.fusion.tallies import Pooled

MOST_DRAWS = 200
"""Draws behind an interval of an area: each sorts all pairs."""
BLOCK = 20


def disagreement(a: Floats, b: Floats) -> Floats:
    """Return 1 - sum_c a(c) b(c) of probabilities (n, c) of two modalities, (n,)."""
    return np.asarray(1 - (a * b).sum(axis=1), np.float64)


def judge_conflict(pooled: Pooled, clusters: Clusters) -> list[dict[str, Any]]:
    """Return the area under ROC with which disagreement tells lying pairs from true ones.

    One row for each modality that lies and each condition of another one, all others clean: what
    lies, the condition, the keys of both cases, the area and its interval, and the mean
    disagreement of true and of lying pairs.
    """
    places = {case: number for number, case in enumerate(pooled.cases)}
    rows = []
    for liar, witness in permutations(range(len(pooled.modalities)), 2):
        for condition in dict.fromkeys(case[witness] for case in pooled.cases):
            if condition in (MISSING, LYING):
                continue
            true, lie = (
                _case(len(pooled.modalities), {liar: state, witness: condition})
                for state in (CLEAN, LYING)
            )
            if true in places and lie in places:
                rows.append(_row(pooled, clusters, liar, witness, true, lie, places))
    return rows


def _case(length: int, states: dict[int, str]) -> Case:
    return tuple(states.get(place, CLEAN) for place in range(length))


def _row(
    pooled: Pooled, clusters: Clusters, liar: int, witness: int, true: Case, lie: Case,
    places: dict[Case, int],
) -> dict[str, Any]:  # fmt: skip
    entries = [pooled.rows[alone_name(pooled.modalities[place])][0] for place in (liar, witness)]
    scores = [
        disagreement(*(pooled.probabilities(row, places[case]) for row in entries))
        for case in (true, lie)
    ]
    area, interval = separation(scores[0], scores[1], clusters)
    return {
        "liar": pooled.modalities[liar],
        "witness": pooled.modalities[witness],
        "condition": true[witness],
        "true": case_key(true),
        "lie": case_key(lie),
        "auc": {"value": area, "interval": interval, "n": 2 * len(scores[0])},
        "disagreement": {
            "true": round(float(scores[0].mean()), 6),
            "lying": round(float(scores[1].mean()), 6),
        },
    }


def separation(
    negative: Floats, positive: Floats, clusters: Clusters
) -> tuple[float, list[float] | None]:
    """Return the area under ROC of scores of the same pairs told true and lying, and its interval.

    Parameters
    ----------
    negative, positive : (n,) scores of each pair as it is, and with a lie in it.
    """
    labels = np.repeat([0, 1], (len(negative), len(positive)))
    scores = np.r_[negative, positive]
    number = np.r_[clusters.number, clusters.number]
    area = float(ranking_scores(labels, scores, np.ones((len(scores), 1)))[0][0])
    draws: list[Floats] = []
    for start in range(0, min(MOST_DRAWS, clusters.counts.shape[1]), BLOCK):
        weights = clusters.counts[:, start : start + BLOCK][number]
        draws.append(ranking_scores(labels, scores, weights)[0])
    interval = percentile_interval(np.concatenate(draws)) if len(clusters) > 1 else None
    return round(area, 6), interval
