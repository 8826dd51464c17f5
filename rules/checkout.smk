"""Where soundmill's code lies, so that scripts can import it. Read before any other rules."""

import shutil
import sys
import tarfile
import tempfile
from io import BytesIO


def checkout():
    """Return the folder of this checkout, wherever an importing workflow lies."""
    basedir = workflow.current_basedir
    if not hasattr(basedir, "hosted_repo"):
        try:
            return Path(basedir).parent
        except TypeError:
            raise WorkflowError(
                f"soundmill is more than the files that Snakemake reads at {basedir}. Clone it and "
                "name the file, or use github(...) or gitlab(...), as docs/building.md shows."
            )
    # of github(...), Snakemake has a clone without files and reads them one by one; a package
    # must lie in a folder
    repository = basedir.hosted_repo.repo
    commit = repository.commit(basedir.ref).hexsha
    folder = basedir.cache_path.parent / "soundmill" / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        files = BytesIO()
        repository.archive(files, commit, path=["src", "scripts"])
        files.seek(0)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        tarfile.open(fileobj=files).extractall(draft, filter="data")
        try:
            draft.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    return folder


ROOT = checkout()

# scripts import the package from this checkout, in a conda environment and on a cluster node too
sys.path.insert(0, str(ROOT / "src"))
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
)

# params and pages name the folder results/ too, where Snakemake puts no prefix
if workflow.modifier.path_modifier.replace_prefix("results/") != "results/":
    raise WorkflowError(
        "soundmill cannot be imported with a prefix (prefix: or replace_prefix: of the module): "
        "its results lie in results/. Take that line out; to keep them apart, run Snakemake with "
        "--directory."
    )
