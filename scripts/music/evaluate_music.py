"""Compare generated pieces with the corpus, and check them for copies."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.music.evaluation import evaluate_music
    from soundmill.music.evaluation_options import EvaluationOptions

    evaluate_music(
        Path(snakemake.input.generated),
        Path(snakemake.input.shards),
        Path(snakemake.output[0]),
        EvaluationOptions(**snakemake.params.options),
        seed=snakemake.params.seed,
    )
