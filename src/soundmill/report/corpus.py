"""The corpus page: what was found, what was accepted, and what was not and why."""

import os

from soundmill.report.pages import write_page
from soundmill.report.results import read_corpus, split_folder

LONGEST_TABLE = 200


def describe_corpus(
    manifest: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    name: str,
    longest: int = LONGEST_TABLE,
) -> None:
    """Write a page with the recordings of a corpus, the rejected ones first, and the totals.

    Parameters
    ----------
    manifest : ``results/<corpus>/manifest.csv``.
    longest : rows a table shows at most; the page says how many there are and where.
    """
    corpus = read_corpus(manifest)
    folder, names = split_folder([row["source"] for row in corpus.rows])
    values: dict[str, dict[str, int]] = {}
    for label in corpus.labels:
        counts: dict[str, int] = {}
        for row in corpus.accepted:
            counts[row[label] or "none"] = counts.get(row[label] or "none", 0) + 1
        values[label] = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    write_page(
        output,
        "corpus.html",
        name=name,
        corpus=corpus,
        folder=folder,
        names={row["source"]: name for row, name in zip(corpus.rows, names, strict=True)},
        labels=values,
        longest=longest,
        manifest=os.fspath(manifest),
    )
