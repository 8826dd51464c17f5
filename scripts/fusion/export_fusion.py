"""Export the whole model of a fusion task as one ONNX file."""

from soundmill.log import job_log

with job_log(snakemake):
    from pathlib import Path

    from soundmill.fusion.export import COMPARED, export_fusion
    from soundmill.fusion.export_examples import take_examples

    files, output, params = snakemake.input, snakemake.output, snakemake.params
    examples = take_examples(params.sounds, params.images, params.modalities, COMPARED)
    export_fusion(Path(files.model), examples, Path(output.onnx), Path(output.report))
