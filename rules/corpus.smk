"""Corpus. Requires: the recordings a corpus names as its source. Gives: results/<corpus>/
names/<bucket>.csv, wav/<bucket>/<id>.wav, recordings/<bucket>.csv, manifest.csv and accepted.json; of
images results/<images>/images.npy, manifest.csv and accepted.json.
"""


rule compose_ambient:
    """Compose ambient pieces and render them to MP3 under messy names, with their MIDI as truth."""
    output:
        directory("results/{corpus}/demo"),
    log:
        "logs/{corpus}/compose_ambient.log",
    benchmark:
        "benchmarks/{corpus}/compose_ambient.tsv"
    wildcard_constraints:
        corpus=choice(demo_corpora("ambient")),
    priority: LONG_FIRST
    conda:
        "../envs/notes.yaml"
    # one: most of it is Python, and threads would wait for one another
    threads: 1
    resources:
        mem_mb=megabytes(700),
        runtime=minutes(10),
    params:
        code=code("corpus/compose_ambient"),
        seed=1,
    message:
        "composing the demo corpus {wildcards.corpus}"
    script:
        "../scripts/corpus/compose_ambient.py"


rule compose_songs:
    """Compose songs in eight styles by artists with habits: MP3, their MIDI as truth, labels."""
    output:
        directory("results/{corpus}/demo"),
    log:
        "logs/{corpus}/compose_songs.log",
    benchmark:
        "benchmarks/{corpus}/compose_songs.tsv"
    wildcard_constraints:
        corpus=choice(demo_corpora("songs")),
    priority: CORPUS_FIRST
    conda:
        "../envs/notes.yaml"
    # one: most of it is Python, and threads would wait for one another
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(10),
    params:
        code=code("corpus/compose_songs"),
        seed=1,
    message:
        "composing the demo corpus {wildcards.corpus}"
    script:
        "../scripts/corpus/compose_songs.py"


rule compose_soundscapes:
    """Synthesise soundscapes of nine kinds at six sites: MP3, Ogg and FLAC files, their labels."""
    output:
        directory("results/{corpus}/demo"),
    log:
        "logs/{corpus}/compose_soundscapes.log",
    benchmark:
        "benchmarks/{corpus}/compose_soundscapes.tsv"
    wildcard_constraints:
        corpus=choice(demo_corpora("soundscapes")),
    priority: LONG_FIRST
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(700),
        runtime=minutes(5),
    params:
        code=code("corpus/compose_soundscapes"),
        seed=1,
    message:
        "composing the demo corpus {wildcards.corpus}"
    script:
        "../scripts/corpus/compose_soundscapes.py"


rule compose_digits:
    """Let espeak-ng's voices speak digits: files of several kinds, their labels."""
    output:
        directory("results/{corpus}/demo"),
    log:
        "logs/{corpus}/compose_digits.log",
    benchmark:
        "benchmarks/{corpus}/compose_digits.tsv"
    wildcard_constraints:
        corpus=choice(demo_corpora("digits")),
    priority: CORPUS_FIRST
    conda:
        "../envs/speech.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(400),
        runtime=minutes(5),
    params:
        code=code("corpus/compose_digits"),
        seed=1,
    message:
        "composing the demo corpus {wildcards.corpus}"
    script:
        "../scripts/corpus/compose_digits.py"


rule fetch_recordings:
    """Fetch the recordings of one bucket of a remote corpus; what cannot be had gets a reason."""
    output:
        folder=directory("results/{corpus}/source/{bucket}"),
        table="results/{corpus}/source/{bucket}.csv",
    log:
        "logs/{corpus}/fetch_recordings/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/fetch_recordings/{bucket}.tsv"
    wildcard_constraints:
        corpus=choice(REMOTE_CORPORA),
    priority: CORPUS_FIRST
    conda:
        "../envs/remote.yaml"
    # one: its eight connections wait for the network
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(120),
    params:
        code=code("corpus/fetch_recordings"),
        listing=remote_digest,
        listed="results/.state/{corpus}/remote/{bucket}.csv",
        cache="results/.cache",
    message:
        "fetching the recordings of {wildcards.corpus}, bucket {wildcards.bucket}"
    script:
        "../scripts/corpus/fetch_recordings.py"


rule fetch_labels:
    """Fetch the table of labels of a corpus that has it on a server."""
    output:
        "results/{corpus}/source/labels.csv",
    log:
        "logs/{corpus}/fetch_labels.log",
    benchmark:
        "benchmarks/{corpus}/fetch_labels.tsv"
    wildcard_constraints:
        corpus=choice(REMOTE_LABELS),
    priority: CORPUS_FIRST
    localrule: True
    conda:
        "../envs/remote.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(10),
    params:
        code=code("corpus/fetch_labels"),
        listing=lambda wildcards: remote_labels(wildcards.corpus),
        listed="results/.state/{corpus}/remote/labels.csv",
    message:
        "fetching the labels of {wildcards.corpus}"
    script:
        "../scripts/corpus/fetch_labels.py"


rule normalise_names:
    """List one bucket of a corpus and give every recording a lower-case ASCII identifier."""
    input:
        demo=demo_folder,
        recordings=fetched("results/{corpus}/source/{bucket}"),
        fetched=fetched("results/{corpus}/source/{bucket}.csv"),
    output:
        names="results/{corpus}/names/{bucket}.csv",
    log:
        "logs/{corpus}/normalise_names/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/normalise_names/{bucket}.tsv"
    priority: CORPUS_FIRST
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(20),
    params:
        code=code("corpus/normalise_names"),
        source=corpus_options("source"),
        buckets=corpus_options("buckets"),
        listing=bucket_digest,
        index="results/.state/{corpus}/listing/{bucket}.csv",
    message:
        "naming the recordings of {wildcards.corpus}, bucket {wildcards.bucket}"
    script:
        "../scripts/corpus/normalise_names.py"


rule decode_recordings:
    """Decode the recordings of one bucket to WAV; what cannot be decoded gets a reason."""
    input:
        names="results/{corpus}/names/{bucket}.csv",
        recordings=fetched("results/{corpus}/source/{bucket}"),
    output:
        wav=directory("results/{corpus}/wav/{bucket}"),
        table="results/{corpus}/recordings/{bucket}.csv",
    log:
        "logs/{corpus}/decode_recordings/{bucket}.log",
    benchmark:
        "benchmarks/{corpus}/decode_recordings/{bucket}.tsv"
    priority: CORPUS_FIRST
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(700),
        runtime=minutes(60),
    params:
        code=code("corpus/decode_recordings"),
        options=lambda wildcards: CORPORA[wildcards.corpus].decode.model_dump(
            mode="json"
        ),
        cache="results/.cache",
    message:
        "decoding {wildcards.corpus}, bucket {wildcards.bucket}"
    script:
        "../scripts/corpus/decode_recordings.py"


rule write_manifest:
    """Join the buckets of a corpus and its labels into one table."""
    input:
        tables=buckets("results/{corpus}/recordings/{bucket}.csv"),
        labels=lambda wildcards: label_file(wildcards.corpus),
        demo=demo_folder,
    output:
        "results/{corpus}/manifest.csv",
    log:
        "logs/{corpus}/write_manifest.log",
    benchmark:
        "benchmarks/{corpus}/write_manifest.tsv"
    priority: CORPUS_FIRST
    localrule: True
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(10),
    params:
        code=code("corpus/write_manifest"),
        source=corpus_options("source"),
        labels=corpus_options("labels"),
    message:
        "writing the manifest of {wildcards.corpus}"
    script:
        "../scripts/corpus/write_manifest.py"


rule accept_corpus:
    """Count what was rejected, and stop when it is more than the options allow."""
    input:
        "results/{corpus}/manifest.csv",
    output:
        "results/{corpus}/accepted.json",
    log:
        "logs/{corpus}/accept_corpus.log",
    benchmark:
        "benchmarks/{corpus}/accept_corpus.tsv"
    priority: CORPUS_FIRST
    localrule: True
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(5),
    params:
        code=code("corpus/accept_corpus"),
        max_rejected=corpus_options("max_rejected"),
    message:
        "judging the corpus {wildcards.corpus}"
    script:
        "../scripts/corpus/accept_corpus.py"


rule read_images:
    """Bring the images of a corpus to one size, and write their manifest."""
    input:
        files=lambda wildcards: image_inputs(CONFIG.images[wildcards.images]),
        labels=lambda wildcards: image_labels(wildcards.images),
    output:
        array="results/{images}/images.npy",
        manifest="results/{images}/manifest.csv",
    log:
        "logs/{images}/read_images.log",
    benchmark:
        "benchmarks/{images}/read_images.tsv"
    conda:
        "../envs/images.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1200),
        runtime=minutes(60),
    params:
        code=code("corpus/read_images"),
        options=named_options("images", "images"),
        digest=lambda wildcards: image_listing(wildcards.images),
    message:
        "reading the images {wildcards.images}"
    script:
        "../scripts/corpus/read_images.py"


rule accept_images:
    """Count what was rejected, and stop when it is more than the options allow."""
    input:
        "results/{images}/manifest.csv",
    output:
        "results/{images}/accepted.json",
    log:
        "logs/{images}/accept_images.log",
    benchmark:
        "benchmarks/{images}/accept_images.tsv"
    localrule: True
    conda:
        "../envs/images.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(200),
        runtime=minutes(5),
    params:
        code=code("corpus/accept_corpus"),
        max_rejected=lambda wildcards: CONFIG.images[wildcards.images].max_rejected,
    message:
        "judging the images {wildcards.images}"
    script:
        "../scripts/corpus/accept_corpus.py"
