"""Features. Requires: results/<corpus>/wav and recordings. Gives: results/<corpus>/
features/<descriptors>/<bucket>.parquet and .csv, segments/<descriptors>/<bucket>.parquet,
spectra/<spectra>/<bucket>.npy and .csv, augmented/<spectra>/<augmentation>/<bucket>.npy and .csv.
"""


rule describe_recordings:
    """Describe the recordings of one bucket, and their segments, by numbers."""
    input:
        table="results/{corpus}/recordings/{bucket}.csv",
        wav="results/{corpus}/wav/{bucket}",
    output:
        features="results/{corpus}/features/{descriptors}/{bucket}.parquet",
        segments="results/{corpus}/segments/{descriptors}/{bucket}.parquet",
        table="results/{corpus}/features/{descriptors}/{bucket}.csv",
    log:
        "logs/{corpus}/describe_recordings/{descriptors}/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/describe_recordings/{descriptors}/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(240),
    params:
        code=code("features/describe_recordings"),
        options=named_options("descriptors", "descriptors"),
        cache="results/.cache",
    message:
        "describing {wildcards.corpus}, bucket {wildcards.bucket}, as {wildcards.descriptors}"
    script:
        "../scripts/features/describe_recordings.py"


rule compute_spectra:
    """Compute the spectra of the recordings of one bucket."""
    input:
        table="results/{corpus}/recordings/{bucket}.csv",
        wav="results/{corpus}/wav/{bucket}",
    output:
        array="results/{corpus}/spectra/{spectra}/{bucket}.npy",
        index="results/{corpus}/spectra/{spectra}/{bucket}.csv",
    log:
        "logs/{corpus}/compute_spectra/{spectra}/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/compute_spectra/{spectra}/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(120),
    params:
        code=code("features/compute_spectra"),
        options=named_options("spectra", "spectra"),
        cache="results/.cache",
    message:
        "spectra of {wildcards.corpus}, bucket {wildcards.bucket}, as {wildcards.spectra}"
    script:
        "../scripts/features/compute_spectra.py"


rule augment_spectra:
    """Compute the spectra of changed copies of the recordings of one bucket."""
    input:
        table="results/{corpus}/recordings/{bucket}.csv",
        wav="results/{corpus}/wav/{bucket}",
    output:
        array="results/{corpus}/augmented/{spectra}/{augmentation}/{bucket}.npy",
        index="results/{corpus}/augmented/{spectra}/{augmentation}/{bucket}.csv",
    log:
        "logs/{corpus}/augment_spectra/{spectra}/{augmentation}/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/augment_spectra/{spectra}/{augmentation}/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(240),
    params:
        code=code("features/augment_spectra"),
        augmentation=named_options("augmentations", "augmentation"),
        options=named_options("spectra", "spectra"),
        cache="results/.cache",
    message:
        "changing {wildcards.corpus}, bucket {wildcards.bucket}, by {wildcards.augmentation}"
    script:
        "../scripts/features/augment_spectra.py"
