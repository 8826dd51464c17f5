"""A training by several processes asks for what all of them need."""

import json

from harness import TINY_MUSIC
from paths import ROOT
from snakemake.api import SnakemakeApi
from snakemake.iocontainers import InputFiles, Wildcards
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

TRAINING = {**TINY_MUSIC["training"], "batch": 4, "threads": 2, "accelerator": "gpu"}
PROCESSES = {"one": {}, "devices": {"devices": 2}, "nodes": {"devices": 2, "nodes": 2}}


def test_a_training_asks_for_what_its_processes_need(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/a.wav").touch()
    config = {
        "corpora": {"songs": {"source": "songs", "buckets": 1}},
        "music": {k: {**TINY_MUSIC, "training": TRAINING | more} for k, more in PROCESSES.items()},
        "soundscapes": {
            k: {"corpus": "songs", "autoencoder": {"threads": 2, "accelerator": "gpu", **more}}
            for k, more in PROCESSES.items()
        },
    }
    (tmp_path / "options.yaml").write_text(json.dumps(config))  # JSON is YAML
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        loaded = api.workflow(
            resource_settings=ResourceSettings(cores=8),
            config_settings=ConfigSettings(configfiles=[tmp_path / "options.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=tmp_path,
        )
        rules = {rule.name: rule for rule in loaded._workflow.rules}
        for name, wildcard in (("train_transformer", "model"), ("train_autoencoder", "soundscape")):
            one, devices, nodes = (
                dict(
                    rules[name]
                    .expand_resources(Wildcards(fromdict={wildcard: k}), InputFiles(), 1)
                    .items()
                )
                for k in PROCESSES
            )
            assert [job["_cores"] for job in (one, devices, nodes)] == [2, 4, 4]
            assert [job["gpu"] for job in (one, devices, nodes)] == [1, 2, 4]
            assert devices["mem_mb"] == nodes["mem_mb"] == 2 * one["mem_mb"]
            assert {"nodes": 2, "tasks": 2, "mpi": "srun"}.items() <= nodes.items()
            # what is not asked for must not be there: the plugin looks whether ``mpi`` is
            assert not {"nodes", "tasks", "mpi"} & (one.keys() | devices.keys())
