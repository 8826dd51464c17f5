"""Compare modalities and fusions in every case."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.fusion.evaluation import evaluate_fusion
    from soundmill.fusion.options import FusionTaskOptions

    files, params = snakemake.input, snakemake.params
    options = FusionTaskOptions(**params.options)
    names = list(options.modalities)
    evaluate_fusion(
        dict(zip(params.folds, files.predictions, strict=True)),
        {name: files.outputs[i :: len(names)] for i, name in enumerate(names)},
        snakemake.output[0],
        task=snakemake.wildcards.fusion,
        options=options,
        seed=params.seed,
        practical=files.practical[0] if files.practical else None,
    )
