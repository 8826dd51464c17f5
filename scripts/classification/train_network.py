"""Train a network on one fold of a task."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.network_files import group_copies, pair_buckets
    from soundmill.classification.network_options import ClassifierOptions
    from soundmill.classification.network_training import Outputs, train_network
    from soundmill.features.spectra_options import SpectraOptions

    files, params = snakemake.input, snakemake.params
    train_network(
        Path(files.task),
        snakemake.wildcards.fold,
        pair_buckets(files.spectra, files.index),
        group_copies(files.augmented),
        Outputs(**{name: Path(path) for name, path in snakemake.output.items()}),
        Path(params.state),
        ClassifierOptions(**params.options),
        SpectraOptions(**params.spectra),
        params.seed,
        start=Path(files.start[0]) if files.start else None,
        code=params.code,
        threads=snakemake.threads,
        decode=params.decode,
    )
