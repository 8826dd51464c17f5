"""Measure a long piece and a loop of a soundscape model."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
    from soundmill.soundscape.generation_options import SamplingOptions
    from soundmill.soundscape.long_piece import measure_long_piece

    params = snakemake.params
    measure_long_piece(
        snakemake.input.model,
        snakemake.input.recordings,
        Path(snakemake.output[0]),
        SoundscapeEvaluationOptions(**params.options),
        SamplingOptions(**params.sampling),
        seed=params.seed,
        threads=snakemake.threads,
    )
