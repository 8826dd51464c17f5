"""Let a trained learner or ensemble decide on recordings without labels."""

from soundmill.log import job_log

with job_log(snakemake):
    from soundmill.classification.predicting import predict_recordings

    files, params = snakemake.input, snakemake.params
    predict_recordings(
        snakemake.output[0],
        params.learner,
        dict(zip(params.names, files.models, strict=True)),
        tables=files.tables,
        spectra=list(zip(files.spectra, files.index, strict=True)),
        ensembles=files.ensembles[0] if files.ensembles else None,
    )
