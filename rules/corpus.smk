"""Corpus. Requires: the recordings a corpus names as its source. Gives: results/<corpus>/
names/<bucket>.csv, wav/<bucket>/<id>.wav, recordings/<bucket>.csv and manifest.csv.
"""

import functools

from soundmill.corpus.listing import bucket_digests, list_source


def demo_folder(wildcards):
    """Return the folder a demo corpus is made in; other corpora need no input file."""
    return f"results/{wildcards.corpus}/demo" if wildcards.corpus in DEMO_CORPORA else []


def label_file(wildcards):
    """Return the CSV of labels, when a corpus that is no demo has one."""
    labels = CORPORA[wildcards.corpus].labels
    return labels.csv if labels and labels.csv and not demo_folder(wildcards) else []


@functools.cache
def listing(corpus):
    """Return a digest of the recordings in each bucket; a corpus is listed once."""
    options = CORPORA[corpus]
    entries = list_source(options.source, place=f"corpora.{corpus}.source")
    return bucket_digests(entries, options.buckets, Path(f"results/.state/{corpus}/listing"))


def bucket_digest(wildcards):
    """Return what changes when a recording of this bucket is added, removed or changed."""
    if wildcards.corpus in DEMO_CORPORA:
        return "made by compose_demo"
    try:
        return listing(wildcards.corpus)[wildcards.bucket]
    except InputError as error:
        raise WorkflowError(str(error))


rule compose_demo:
    """Compose the demo corpus and render it to MP3 under messy names, with its MIDI as truth."""
    output:
        directory("results/{corpus}/demo"),
    log:
        "logs/{corpus}/compose_demo.log",
    benchmark:
        "benchmarks/{corpus}/compose_demo.tsv"
    conda:
        "../envs/notes.yaml"
    wildcard_constraints:
        corpus=choice(DEMO_CORPORA),
    threads: 4
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(10),
    message:
        "composing the demo corpus {wildcards.corpus}"
    params:
        code=code("corpus/compose_demo"),
        seed=1,
    script:
        "../scripts/corpus/compose_demo.py"


rule normalise_names:
    """List one bucket of a corpus and give every recording a lower-case ASCII identifier."""
    input:
        demo_folder,
    output:
        "results/{corpus}/names/{bucket}.csv",
    log:
        "logs/{corpus}/normalise_names/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/normalise_names/{bucket}.tsv"
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(20),
    message:
        "naming the recordings of {wildcards.corpus}, bucket {wildcards.bucket}"
    params:
        code=code("corpus/normalise_names"),
        source=lambda wildcards: CORPORA[wildcards.corpus].source,
        buckets=lambda wildcards: CORPORA[wildcards.corpus].buckets,
        listing=bucket_digest,
        index="results/.state/{corpus}/listing/{bucket}.csv",
    script:
        "../scripts/corpus/normalise_names.py"


rule decode_recordings:
    """Decode the recordings of one bucket to WAV; what cannot be decoded gets a reason."""
    input:
        "results/{corpus}/names/{bucket}.csv",
    output:
        wav=directory("results/{corpus}/wav/{bucket}"),
        table="results/{corpus}/recordings/{bucket}.csv",
    log:
        "logs/{corpus}/decode_recordings/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/decode_recordings/{bucket}.tsv"
    conda:
        "../envs/audio.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(60),
    message:
        "decoding {wildcards.corpus}, bucket {wildcards.bucket}"
    params:
        code=code("corpus/decode_recordings"),
        options=lambda wildcards: CORPORA[wildcards.corpus].decode.model_dump(),
        cache="results/.cache",
    script:
        "../scripts/corpus/decode_recordings.py"


rule write_manifest:
    """Join the buckets of a corpus and its labels into one table; stop if too many were rejected."""
    input:
        tables=lambda wildcards: buckets(
            "results/{corpus}/recordings/{bucket}.csv", wildcards.corpus
        ),
        labels=label_file,
        demo=demo_folder,
    output:
        "results/{corpus}/manifest.csv",
    log:
        "logs/{corpus}/write_manifest.log",
    benchmark:
        "benchmarks/{corpus}/write_manifest.tsv"
    conda:
        "../envs/audio.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    message:
        "writing the manifest of {wildcards.corpus}"
    params:
        code=code("corpus/write_manifest"),
        labels=lambda wildcards: (
            CORPORA[wildcards.corpus].labels.model_dump()
            if CORPORA[wildcards.corpus].labels
            else None
        ),
        max_rejected=lambda wildcards: CORPORA[wildcards.corpus].max_rejected,
    script:
        "../scripts/corpus/write_manifest.py"
