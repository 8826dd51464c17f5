"""Score a transcriber on the recordings whose true notes are known."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.transcription.evaluation import evaluate_transcription

    evaluate_transcription(
        snakemake.input.tables, snakemake.input.midi, snakemake.params.truth, snakemake.output[0]
    )
