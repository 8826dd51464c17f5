"""Transcription. Requires: results/<corpus>/wav and recordings. Gives: results/<corpus>/
midi/<transcriber>/<bucket>/<id>.mid and .csv, notes/<transcriber>/<bucket>.tfrecord and .csv,
transcription/<transcriber>.json where the truth is known.
"""


rule transcribe_recordings:
    """Transcribe the recordings of one bucket to note events."""
    input:
        table="results/{corpus}/recordings/{bucket}.csv",
        wav="results/{corpus}/wav/{bucket}",
    output:
        midi=directory("results/{corpus}/midi/{transcriber}/{bucket}"),
        notes="results/{corpus}/notes/{transcriber}/{bucket}.tfrecord",
        index="results/{corpus}/notes/{transcriber}/{bucket}.index",
        table="results/{corpus}/notes/{transcriber}/{bucket}.csv",
    log:
        "logs/{corpus}/transcribe_recordings/{transcriber}/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/transcribe_recordings/{transcriber}/{bucket}.tsv"
    priority: LONG_FIRST
    conda:
        "../envs/notes.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(240),
    params:
        code=code("transcription/transcribe_recordings"),
        options=lambda wildcards: CONFIG.transcribers[
            wildcards.transcriber
        ].model_dump(mode="json"),
        cache="results/.cache",
    message:
        "transcribing {wildcards.corpus}, bucket {wildcards.bucket}, by {wildcards.transcriber}"
    script:
        "../scripts/transcription/transcribe_recordings.py"


rule evaluate_transcription:
    """Score a transcriber against the true notes of a corpus."""
    input:
        tables=buckets("results/{corpus}/recordings/{bucket}.csv"),
        midi=buckets("results/{corpus}/midi/{transcriber}/{bucket}"),
        truth=truth_folder,
    output:
        "results/{corpus}/transcription/{transcriber}.json",
    log:
        "logs/{corpus}/evaluate_transcription/{transcriber}.log",
    benchmark:
        "benchmarks/{corpus}/evaluate_transcription/{transcriber}.tsv"
    conda:
        "../envs/notes.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(700),
        runtime=minutes(30),
    params:
        code=code("transcription/evaluate_transcription"),
        truth=corpus_options("truth"),
    message:
        "scoring {wildcards.transcriber} on {wildcards.corpus}"
    script:
        "../scripts/transcription/evaluate_transcription.py"
