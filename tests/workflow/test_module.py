"""Another workflow imports soundmill as a module and goes on from its results."""

import pytest
from harness import Workflow, write_recordings
from paths import ROOT

IMPORTING = """
configfile: "own.yaml"
rule lengths:
    input: "results/tones/manifest.csv", "counted/notes-1.txt", "results/costs.csv"
    output: "lengths.txt"
    shell: "cut -d, -f1 {input[0]} > {output}"
module soundmill:
    snakefile: SNAKEFILE
    config: config["soundmill"]
use rule * from soundmill as soundmill_*
rule count:
    input: rules.soundmill_write_manifest.output[0].format(corpus="tones")
    output: "counted/{task}-{bucket}.txt"
    shell: "wc -l < {input} > {output}"
"""
CONFIG = "mine: 3\nsoundmill: {corpora: {tones: {source: tones, buckets: 1}}}\n"


@pytest.fixture
def importing(tmp_path):
    """Return a function that writes a workflow that imports this checkout."""

    def write(text=IMPORTING):
        (tmp_path / "Snakefile").write_text(
            text.replace("SNAKEFILE", repr(str(ROOT / "Snakefile")))
        )
        (tmp_path / "own.yaml").write_text(CONFIG)
        return Workflow(tmp_path)

    return write


def test_a_workflow_imports_soundmill_and_consumes_a_result(importing):
    workflow = importing()
    write_recordings(workflow.folder / "tones", 2, 0.5)
    # without a target: its own first rule, whose wildcards are free of soundmill's constraints
    workflow.run(config=None)
    names = (workflow.folder / "lengths.txt").read_text().split()
    assert names == ["id", "piece-0000", "piece-0001"]
    assert (workflow.folder / "counted/notes-1.txt").read_text().strip() == "3"
    assert (workflow.folder / "benchmarks/tones/decode_recordings/00.tsv").exists()
    assert (workflow.folder / "logs/tones/write_manifest.log").exists()

    table = (workflow.folder / "results/costs.csv").read_text()
    assert "tones,decode_recordings," in table and "soundmill_" not in table
    rest = workflow.planned("lengths.txt", "soundmill_all", config=None)
    assert "soundmill_write_listening_page" in rest and rest["soundmill_decode_recordings"] == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('config: config["soundmill"]; prefix: "sounds"', "cannot be imported with a prefix"),
        ("config: config", "mine: unknown option"),
    ],
)
def test_what_cannot_work_is_said_plainly(importing, line, said):
    workflow = importing(
        IMPORTING.replace('config: config["soundmill"]', "\n    ".join(line.split("; ")))
    )
    done = workflow.run("--dry-run", check=False, config=None)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
