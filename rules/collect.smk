"""The named targets: parts of the whole, and the whole."""


rule corpora:
    """Every corpus, decoded and in its manifest."""
    localrule: True
    input:
        expand("results/{corpus}/manifest.csv", corpus=CORPORA),


rule transcripts:
    """The notes of every corpus that a music model learns, with scores where truth is known."""
    localrule: True
    input:
        [
            buckets(
                "results/{corpus}/notes/{transcriber}/{bucket}.tfrecord",
                options.corpus,
                transcriber=options.transcriber,
            )
            for options in CONFIG.music.values()
        ],
        TRANSCRIPTION_SCORES,


rule music:
    """Every music model with its pieces, rendered and evaluated."""
    localrule: True
    input:
        expand("results/music/{model}/rendered", model=CONFIG.music),
        expand("results/music/{model}/evaluation.json", model=CONFIG.music),


rule all:
    """Everything the configuration asks for, and the page to listen to it."""
    default_target: True
    localrule: True
    input:
        rules.corpora.input,
        rules.transcripts.input,
        rules.music.input,
