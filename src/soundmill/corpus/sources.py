"""Where the recordings of a corpus come from: folders, or a demo the project makes itself.

Read while the workflow is parsed, so it imports nothing heavy.
"""

from soundmill.corpus.options import CorpusOptions, LabelOptions
from soundmill.corpus.remote import is_remote
from soundmill.errors import InputError

DEMOS = ("ambient", "songs", "soundscapes", "digits")
DEMOS_WITHOUT_TRUTH = ("soundscapes", "digits")
"""Demos in which no notes are played."""
PREFIX = "demo:"


def is_demo(options: CorpusOptions) -> bool:
    """Tell whether a corpus is made by the project itself."""
    return isinstance(options.source, str) and options.source.startswith(PREFIX)


def demo_name(options: CorpusOptions) -> str | None:
    """Return which demo a corpus is ("ambient" of "demo:ambient"), or None when it is none."""
    return str(options.source).removeprefix(PREFIX) if is_demo(options) else None


def has_remote_labels(options: CorpusOptions) -> bool:
    """Tell whether a corpus has a table of labels that lies on a server."""
    return bool(options.labels and options.labels.csv and is_remote(options.labels.csv))


def resolve_corpus(name: str, options: CorpusOptions) -> CorpusOptions:
    """Return the options with a ``demo:`` source replaced by the folder it is made in.

    Labels and truth (of a demo that has notes) are its own unless the options name others.
    A table of labels on a server becomes the file that it is fetched to.

    Raises
    ------
    InputError
        For a demo that does not exist.
    """
    if options.labels and has_remote_labels(options):
        labels = options.labels.model_copy(update={"csv": f"results/{name}/source/labels.csv"})
        options = options.model_copy(update={"labels": labels})
    demo = demo_name(options)
    if demo is None:
        return options
    if demo not in DEMOS:
        known = ", ".join(PREFIX + known for known in DEMOS)
        raise InputError(f"corpora.{name}.source: there is no {options.source!r}, only {known}")
    folder = f"results/{name}/demo"
    labels = options.labels or LabelOptions(csv=f"{folder}/labels.csv", key="file")
    truth = None if demo in DEMOS_WITHOUT_TRUTH else f"{folder}/truth"
    changes = {
        "source": f"{folder}/audio",
        "labels": labels,
        "truth": options.truth or truth,
    }
    return options.model_copy(update=changes)
