"""Compare training from scratch with starting from another task's network."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.network_files import group_copies, pair_buckets
    from soundmill.classification.network_options import ClassifierOptions
    from soundmill.classification.transfer import measure_transfer
    from soundmill.features.spectra_options import SpectraOptions

    files, params = snakemake.input, snakemake.params
    measure_transfer(
        Path(files.task),
        params.folds,
        pair_buckets(files.spectra, files.index),
        group_copies(files.augmented),
        ClassifierOptions(**params.options),
        SpectraOptions(**params.spectra),
        Path(files.start[0]),
        Path(snakemake.output[0]),
        Path(params.state),
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
        **params.study,
    )
