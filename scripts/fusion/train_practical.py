"""Train the network of the practical, on its random split and on the honest folds."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.network_files import pair_buckets
    from soundmill.fusion.practical_options import PracticalOptions
    from soundmill.fusion.practical_training import train_practical

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    train_practical(
        Path(files.task),
        pair_buckets(files.spectra, files.index),
        PracticalOptions(**params.options),
        Path(output.report),
        Path(output.curves),
        Path(params.state),
        frame_rate=params.frame_rate,
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
