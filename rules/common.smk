"""What every rule file needs: the checked options, the buckets of a corpus, code fingerprints."""

import sys

ROOT = Path(workflow.basedir)

# scripts import the package from this checkout, in a conda environment and on a cluster node too
sys.path.insert(0, str(ROOT / "src"))
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
)

from soundmill.config import load_config
from soundmill.corpus.sources import bucket_names, is_demo, resolve_corpus
from soundmill.errors import InputError
from soundmill.fingerprint import fingerprint

try:
    CONFIG = load_config(config)
except InputError as error:
    raise WorkflowError(str(error))

CORPORA = {name: resolve_corpus(name, options) for name, options in CONFIG.corpora.items()}
DEMO_CORPORA = [name for name, options in CONFIG.corpora.items() if is_demo(options)]


def choice(names):
    """Return a wildcard constraint that allows just these names (none: matches nothing)."""
    return "|".join(sorted(names)) or "(?!)"


wildcard_constraints:
    corpus=choice(CORPORA),
    transcriber=choice(CONFIG.transcribers),
    model=choice(CONFIG.music),
    bucket=r"\d+",


def code(script):
    """Return the fingerprint of a script and of all it imports from the package."""
    return fingerprint(f"scripts/{script}.py", ROOT)


def buckets(pattern, corpus, **wildcards):
    """Return ``pattern`` for every bucket of a corpus."""
    names = bucket_names(CORPORA[corpus].buckets)
    return expand(pattern, bucket=names, corpus=corpus, **wildcards)


def minutes(amount):
    """Return a runtime in minutes that grows with each attempt."""
    return lambda wildcards, attempt: amount * attempt


def megabytes(amount):
    """Return a memory request in MB that grows with each attempt."""
    return lambda wildcards, attempt: amount * attempt
