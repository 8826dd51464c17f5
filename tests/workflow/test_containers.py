"""Images and conda environments hold what the lock holds; nothing is built here."""

import re
import subprocess

import yaml
from paths import ROOT

DOCKER, APPTAINER = (ROOT / "Dockerfile").read_text(), (ROOT / "apptainer.def").read_text()


def test_both_images_install_as_the_makefile_does():
    said = [
        {
            "image": re.search(r"^from:? (\S+)$", text, re.IGNORECASE | re.MULTILINE)[1],
            "packages": re.search(r"--no-install-recommends ([\w ]+)", text)[1].split(),
            "make": re.search(r"make (\.venv/\w+) PYTHON=(\S+)", text).groups(),
            "variables": set(re.findall(r"([A-Z_]+)=(/\S+)", text)),
        }
        for text in (DOCKER, APPTAINER)
    ]
    assert said[0] == said[1]
    assert "pip install" not in DOCKER + APPTAINER  # that would be a way past the lock

    target, python = said[0]["make"]
    assert said[0]["image"].startswith(python.replace("python", "python:") + "-")
    command = ["make", "--dry-run", "--always-make", target, f"PYTHON={python}"]
    plan = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"{python} -m venv .venv" in plan and "--no-deps -r requirements.txt" in plan
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not {"src", "requirements.txt", "pyproject.toml", "README.md"} & set(ignored)


def test_all_environments_have_one_python():
    wanted = re.search(r"python:(\d\.\d+)", DOCKER)[1]
    for path in (ROOT / "envs").glob("*.yaml"):
        assert f"python={wanted}" in yaml.safe_load(path.read_text())["dependencies"], path


def test_what_runs_after_an_environment_is_made_installs_nothing_without_a_pin():
    for path in (ROOT / "envs").glob("*.post-deploy.sh"):
        assert path.with_name(path.name.replace(".post-deploy.sh", ".yaml")).exists(), path
        for line in re.findall(r"^pip install (.*)$", path.read_text(), re.MULTILINE):
            names = [word for word in line.split() if not word.startswith("-")]
            assert names and all("==" in name for name in names), path
            assert "--no-deps" in line, path
