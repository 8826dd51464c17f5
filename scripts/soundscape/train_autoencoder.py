"""Train the autoencoder of a soundscape model."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.autoencoder_options import AutoencoderOptions
    from soundmill.soundscape.autoencoder_training import train_autoencoder
    from soundmill.soundscape.condition_options import ConditionOptions

    files, params = snakemake.output, snakemake.params
    train_autoencoder(
        snakemake.input.recordings,
        Path(files.model),
        Path(files.metrics),
        Path(files.curves),
        Path(params.state),
        AutoencoderOptions(**params.options),
        {name: ConditionOptions(**o) for name, o in params.conditions.items()},
        channels=params.channels,
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
