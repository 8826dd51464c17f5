"""What a job costs before it begins: the imports of every script, each in a fresh interpreter.

Processor seconds, so that a busy machine does not count. What functions import later, when they
need it, is not in the table. Snakemake's own start is measured beside it: reading an empty
workflow, and this one with an empty configuration, which is what parsing costs.
"""

import ast
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WATCHED = (
    "torch", "lightning", "sklearn", "scipy", "pandas", "pyarrow", "numba", "lightgbm", "shap",
    "onnx", "onnxruntime", "note_seq", "matplotlib", "skops", "optuna", "boto3", "snakemake",
)  # fmt: skip
"""Packages that take a tenth of a second or more; librosa itself is lazy, numba is its weight."""
MEASURE = """
import json, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
found = [name for name in {watched} if name in sys.modules]
print(json.dumps([used.ru_utime + used.ru_stime, int(peak.split()[1]) / 1024, found]))
"""


def imports(script: Path) -> str:
    """Return the import statements of a script, those under its ``with`` too."""
    nodes = ast.walk(ast.parse(script.read_text()))
    found = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, found))


def start(statements: str) -> tuple[float, float, list[str]]:
    """Return processor seconds, peak memory in MB and the watched packages of these imports."""
    code = statements + MEASURE.format(watched=WATCHED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    seconds, memory, found = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory, found


def parsing(*arguments: str) -> float:
    """Return the processor seconds of a dry run, the least of three."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text("rule all:\n    shell: 'true'\n")
        Path(folder, "none.yaml").write_text("corpora: {}")
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "snakemake", "--list-rules", *arguments],
                cwd=folder, capture_output=True, check=True,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


def main() -> None:
    print("| rule | CPU seconds | peak MB | of the heavy packages it imports |\n|---|---|---|---|")
    bare = start("")
    print(f"| *Python alone* | {bare[0]:.2f} | {bare[1]:.0f} | |")
    for script in sorted((ROOT / "scripts").rglob("*.py")):
        seconds, memory, found = start(imports(script))
        name = f"{script.parent.name}: {script.stem}"
        print(f"| {name} | {seconds:.2f} | {memory:.0f} | {' '.join(found)} |", flush=True)
    empty = parsing()
    ours = parsing("--snakefile", str(ROOT / "Snakefile"), "--configfile", "none.yaml")
    print(
        f"\nSnakemake reads an empty workflow in {empty:.2f} CPU seconds and this one in "
        f"{ours:.2f}: parsing costs {ours - empty:.2f}."
    )


if __name__ == "__main__":
    main()
