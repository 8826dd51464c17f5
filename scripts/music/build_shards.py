"""Encode the notes of a corpus as events and write them as training shards."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.music.shard_options import ShardOptions
    from soundmill.music.sharding import build_shards

    build_shards(
        [Path(path) for path in snakemake.input.notes],
        Path(snakemake.output[0]),
        ShardOptions(**snakemake.params.options),
        seed=snakemake.params.seed,
    )
