"""The entry for the Snakemake workflow catalog, and what its users do: import from a git host."""

import re
import shutil
import subprocess
import sys

import yaml
from harness import Workflow, write_recordings
from paths import ROOT

DEPLOYED = """
configfile: "config/config.yaml"
module soundmill:
    snakefile: github("someone/soundmill", path="workflow/Snakefile", branch="main")
    config: config
use rule * from soundmill
"""  # as snakedeploy writes it


def test_the_catalog_finds_what_it_asks_for():
    assert (ROOT / "config/README.md").read_text().startswith("# ")
    assert (ROOT / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    words = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in words and "workflow" in words


def test_its_entry_gives_the_same_graph():
    def graph(*arguments):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--forceall", "--rulegraph"]
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        names = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
        arrows = re.findall(r"(\d+) -> (\d+)", done.stdout)
        return sorted((names[start], names[end]) for start, end in arrows)

    # the catalog's own command, but for the target
    entry = graph("-s", "workflow/Snakefile", "-d", ".test", "corpora")
    assert entry == graph("-d", ".test", "--configfile", "config.yaml", "--", "corpora")
    assert ("decode_recordings", "write_manifest") in entry


def test_soundmill_runs_from_a_git_host(tmp_path, monkeypatch):
    host, user = tmp_path / "host/someone/soundmill", tmp_path / "user"
    host.mkdir(parents=True)
    for name in ("rules", "scripts", "src", "envs", "report", "workflow"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, host / name, ignore=ignore)
    shutil.copy(ROOT / "Snakefile", host)
    me = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*me, "commit", "-q", "-m", "."]):
        subprocess.run(["git", *command], cwd=host, check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path}/host/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    for folder in ("workflow", "config"):
        (user / folder).mkdir(parents=True)
    (user / "workflow/Snakefile").write_text(DEPLOYED)
    (user / "config/config.yaml").write_text("corpora: {tones: {source: tones, buckets: 1}}\n")
    write_recordings(user / "tones", 1, 0.5)
    Workflow(user).run("corpora", config=None)
    assert (user / "results/tones/accepted.json").exists()
    (copy,) = (tmp_path / "cache").rglob("soundmill/*/src")
    assert {path.name for path in copy.parent.iterdir()} == {"scripts", "src"}
