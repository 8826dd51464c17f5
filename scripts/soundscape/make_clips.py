"""Make clips of all kinds for the evaluation of a soundscape model."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.clips import make_clips
    from soundmill.soundscape.evaluation_options import SoundscapeEvaluationOptions
    from soundmill.soundscape.generation_options import SamplingOptions
    from soundmill.soundscape.granular_options import GranularOptions

    params = snakemake.params
    make_clips(
        snakemake.input.model,
        snakemake.input.recordings,
        Path(snakemake.output[0]),
        SoundscapeEvaluationOptions(**params.options),
        SamplingOptions(**params.sampling),
        GranularOptions(**params.granular),
        seed=params.seed,
        threads=snakemake.threads,
    )
