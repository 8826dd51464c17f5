"""Choose which recordings a soundscape model learns and which are held out."""

from pathlib import Path

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.soundscape.condition_options import ConditionOptions
    from soundmill.soundscape.recordings import prepare_recordings
    from soundmill.soundscape.recordings_options import HeldOutOptions

    params = snakemake.params
    prepare_recordings(
        snakemake.input.manifest,
        {Path(path).name: path for path in snakemake.input.wav},
        snakemake.output[0],
        conditions={name: ConditionOptions(**o) for name, o in params.conditions.items()},
        held_out=HeldOutOptions(**params.held_out),
        seed=params.seed,
    )
