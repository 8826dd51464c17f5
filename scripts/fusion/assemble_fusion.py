"""Put encoders and fusion into one model folder."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.fusion.model import assemble_fusion
    from soundmill.fusion.options import FusionTaskOptions
    from soundmill.status import read_table

    files, params = snakemake.input, snakemake.params
    options = FusionTaskOptions(**params.options)
    facts = {name: {"preparation": method} for name, method in params.preparations.items()}
    for name, folder in params.tasks.items():
        seconds = [float(row["seconds"]) for row in read_table(f"{folder}/examples.csv")]
        facts[name] = {"longest_seconds": max(seconds)}
    assemble_fusion(
        snakemake.output[0],
        files.fusion,
        dict(zip(options.modalities, files.encoders, strict=True)),
        options,
        facts,
    )
