"""Decode the recordings of one bucket to WAV files."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.corpus.decode import decode_bucket
    from soundmill.corpus.decode_options import DecodeOptions

    decode_bucket(
        snakemake.input[0],
        wav_dir=snakemake.output.wav,
        table_csv=snakemake.output.table,
        cache_root=snakemake.params.cache,
        options=DecodeOptions(**snakemake.params.options),
        code=snakemake.params.code,
        threads=snakemake.threads,
    )
