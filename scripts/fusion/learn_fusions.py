"""Learn all ways to decide together in one fold, and decide on its test pairs."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.fusion.learning import learn_fusions
    from soundmill.fusion.options import FusionTaskOptions

    output, params = snakemake.output, snakemake.params
    options = FusionTaskOptions(**params.options)
    learn_fusions(
        dict(zip(options.modalities, map(Path, snakemake.input.outputs), strict=True)),
        Path(output.predictions),
        Path(output.training),
        Path(output.curves),
        Path(params.state),
        options,
        seed=params.seed,
        code=params.code,
        threads=snakemake.threads,
    )
