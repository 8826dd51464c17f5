"""Train the Music Transformer of one model."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.music.network_options import NetworkOptions, TrainingOptions
    from soundmill.music.training import train

    train(
        shards=Path(snakemake.input.shards),
        model=Path(snakemake.output.model),
        metrics=Path(snakemake.output.metrics),
        curves=Path(snakemake.output.curves),
        state=Path(snakemake.params.state),
        network=NetworkOptions(**snakemake.params.network),
        training=TrainingOptions(**snakemake.params.training),
        seed=snakemake.params.seed,
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
