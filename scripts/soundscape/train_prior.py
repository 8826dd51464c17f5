"""Train the prior of a soundscape model, and put the model together."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.prior_options import PriorOptions
    from soundmill.soundscape.prior_training import train_prior

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    train_prior(
        given.recordings,
        Path(given.autoencoder),
        Path(made.model),
        Path(made.metrics),
        Path(made.curves),
        Path(params.state),
        PriorOptions(**params.options),
        first_metrics=Path(given.metrics),
        first_curves=Path(given.curves),
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
