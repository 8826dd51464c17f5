"""Transcribe the recordings of one bucket."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.transcription.bucket import transcribe_bucket
    from soundmill.transcription.options import TranscriberOptions

    transcribe_bucket(
        snakemake.input.table,
        snakemake.input.wav,
        snakemake.output.midi,
        snakemake.output.notes,
        snakemake.output.table,
        cache=snakemake.params.cache,
        options=TranscriberOptions(**snakemake.params.options),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
