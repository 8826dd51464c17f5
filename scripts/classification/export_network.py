"""Export a trained network as ONNX and check that it decides the same."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.classification.export import export_network
    from soundmill.classification.network_files import pair_buckets
    from soundmill.classification.task import read_task

    files = snakemake.input
    export_network(
        Path(files.model),
        pair_buckets(files.spectra, files.index),
        read_task(files.task).ids,
        Path(snakemake.output.onnx),
        Path(snakemake.output.report),
    )
