"""Compare a network with all its augmentations, without each, and with none."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.ablation import measure_ablation
    from soundmill.classification.network_files import group_copies, pair_buckets
    from soundmill.classification.network_options import ClassifierOptions
    from soundmill.features.spectra_options import SpectraOptions

    files, params = snakemake.input, snakemake.params
    measure_ablation(
        Path(files.task),
        params.folds,
        pair_buckets(files.spectra, files.index),
        group_copies(files.augmented),
        ClassifierOptions(**params.options),
        SpectraOptions(**params.spectra),
        Path(snakemake.output[0]),
        Path(params.state),
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
        **params.study,
    )
