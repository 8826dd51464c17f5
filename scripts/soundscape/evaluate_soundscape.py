"""Compare what a soundscape model makes with held-out recordings."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.evaluation import evaluate
    from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions

    files = snakemake.input
    evaluate(
        Path(files.clips),
        Path(snakemake.output[0]),
        SoundscapeEvaluationOptions(**snakemake.params.options),
        seed=snakemake.params.seed,
        model=snakemake.wildcards.soundscape,
        corpus=snakemake.params.corpus,
        recordings=Path(files.recordings),
        metrics=Path(files.metrics),
        long=Path(files.long),
        judge=Path(files.judge[0]) if files.judge else None,
    )
