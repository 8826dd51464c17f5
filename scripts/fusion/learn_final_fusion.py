"""Learn the fusion that is used, from the validation parts of all folds."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.fusion.learning import learn_final
    from soundmill.fusion.options import FusionTaskOptions

    output, params = snakemake.output, snakemake.params
    options = FusionTaskOptions(**params.options)
    names, paths = list(options.modalities), [Path(path) for path in snakemake.input.outputs]
    folds = [paths[i : i + len(names)] for i in range(0, len(paths), len(names))]
    learn_final(
        [dict(zip(names, fold, strict=True)) for fold in folds],
        Path(output.fusion),
        Path(output.training),
        Path(params.state),
        options,
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
