"""Judge the learners and ensembles of a task on what they did not learn from."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.ensemble_options import EnsembleOptions
    from soundmill.classification.evaluation import evaluate_task, sort_files
    from soundmill.classification.evaluation_options import ClassificationEvaluationOptions

    files, params = snakemake.input, snakemake.params
    evaluate_task(
        Path(files.task),
        sort_files(params.learners, files.predictions, files.training),
        Path(snakemake.output.evaluation).parent,
        name=snakemake.wildcards.task,
        ensembles={name: EnsembleOptions(**raw) for name, raw in params.ensembles.items()},
        options=ClassificationEvaluationOptions(**params.options),
        descriptors=[Path(path) for path in files.descriptors],
        seed=params.seed,
    )
