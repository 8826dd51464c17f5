"""What every job asks a cluster for."""

import copy
import json

import pytest
import yaml
from paths import ROOT
from snakemake.api import SnakemakeApi
from snakemake.iocontainers import InputFiles, Wildcards
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

NAMES = {
    "corpus": "songs", "bucket": "00", "transcriber": "basic_pitch", "model": "dreams",
    "soundscape": "weather", "task": "style", "learner": "forest", "fold": "0",
    "fusion": "digits", "modality": "image", "images": "written", "recording": "a",
}  # fmt: skip
SMALLEST = 500  # Snakemake itself needs 273 MB of it


def requests(config, tmp_path, monkeypatch):
    """Return what every rule that is no local one asks for, in its first and second attempt."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.yaml").write_text(json.dumps(config))  # JSON is YAML
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        loaded = api.workflow(
            resource_settings=ResourceSettings(cores=4),
            config_settings=ConfigSettings(configfiles=[tmp_path / "options.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=tmp_path,
        )
        workflow = loaded._workflow
        far = [rule for rule in workflow.rules if rule.name not in workflow._localrules]

        def ask(rule, attempt):
            return dict(
                rule.expand_resources(Wildcards(fromdict=NAMES), InputFiles(), attempt).items()
            )

        stated = {rule.name: set(rule.resources.keys()) for rule in far}
        return {rule.name: (stated[rule.name], ask(rule, 1), ask(rule, 2)) for rule in far}


@pytest.fixture
def demo():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_every_job_asks_for_memory_and_time_and_for_more_the_second_time(
    demo, tmp_path, monkeypatch
):
    asked = requests(demo, tmp_path, monkeypatch)
    assert len(asked) > 30
    for rule, (_, first, second) in asked.items():
        assert first["mem_mb"] >= SMALLEST, rule
        assert second["mem_mb"] > first["mem_mb"], rule
        assert second["runtime"] > first["runtime"] >= 5, rule
        assert first["_cores"] >= 1, rule
        assert not first.get("gpu"), f"{rule} would wait for a GPU"


def test_a_gpu_is_asked_for_where_the_options_name_one(demo, tmp_path, monkeypatch):
    config = copy.deepcopy(demo)
    config["music"]["dreams"]["training"] |= {"accelerator": "gpu", "devices": 2}
    config["music"]["dreams"]["generation"]["device"] = "cuda"
    config["soundscapes"]["weather"]["autoencoder"]["accelerator"] = "gpu"
    asked = requests(config, tmp_path, monkeypatch)
    found = {rule: first["gpu"] for rule, (_, first, _) in asked.items() if first.get("gpu")}
    assert found == {"train_transformer": 2, "train_autoencoder": 1, "generate_music": 1}


def test_every_rule_states_its_threads_and_short_ones_are_local():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = {rule.split(":")[0]: rule for rule in text.split("\nrule ")[1:]}
    for name, rule in rules.items():
        assert "threads:" in rule, name
    local = {name for name, rule in rules.items() if "localrule: True" in rule}
    assert {"accept_corpus", "tabulate_costs", "plot_training"} <= local
    trains = ("train_", "learn_", "transcribe_", "decode_", "describe_recordings", "generate_")
    assert not [name for name in local if name.startswith(trains)]
