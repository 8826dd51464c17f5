"""The checked options, and the few functions by which rules find their inputs and params."""

import functools
import hashlib

from soundmill.classification.layout import Layout
from soundmill.classification.options import part_of_task
from soundmill.config import load_config
from soundmill.corpus.image_sources import image_digest, image_inputs
from soundmill.corpus.labels import find_csv
from soundmill.corpus.listing import bucket_digests, list_source, source_folders
from soundmill.corpus.names import bucket_names
from soundmill.corpus.remote import is_remote
from soundmill.corpus.sources import (
    demo_name,
    has_remote_labels,
    is_demo,
    resolve_corpus,
)
from soundmill.errors import InputError
from soundmill.fingerprint import CodeReader, fingerprint
from soundmill.fusion.layout import FusionLayout

if not config:
    raise WorkflowError(
        "the configuration is empty. Name at least a corpus, as examples/my_folder.yaml does; a "
        "workflow that imports soundmill hands it over with config: in its module."
    )

try:
    CONFIG = load_config(config)
    CORPORA = {
        name: resolve_corpus(name, options) for name, options in CONFIG.corpora.items()
    }
except InputError as error:
    raise WorkflowError(str(error))

# what waits for a training ends last: it shall not begin last, and no corpus shall wait
LONG_FIRST, CORPUS_FIRST = 2, 1

DEMO_CORPORA = [name for name, options in CONFIG.corpora.items() if is_demo(options)]
REMOTE_CORPORA = [
    name
    for name, options in CORPORA.items()
    if any(map(is_remote, source_folders(options.source)))
]
REMOTE_LABELS = [
    name for name, options in CONFIG.corpora.items() if has_remote_labels(options)
]


def choice(names):
    """Return a wildcard constraint that allows just these names (none: matches nothing)."""
    return "|".join(sorted(names)) or "(?!)"


def demo_corpora(demo):
    """Return the corpora whose source is the demo of this name."""
    return [name for name, o in CONFIG.corpora.items() if demo_name(o) == demo]


CODE_READER = CodeReader(".snakemake/soundmill-code.json")


@functools.cache
def code_of(script):
    """Return the fingerprint of a script and of all it imports from the package."""
    return fingerprint(f"scripts/{script}.py", ROOT, CODE_READER)


@functools.cache
def page_code_of(script):
    """Return the fingerprint of a script that fills templates, with the templates."""
    digest = hashlib.sha256(code_of(script).encode())
    for path in sorted((ROOT / "src/soundmill/report/templates").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# asked for only when a job needs it: a job's own process, which parses all rules again, then reads
# the code of one of them
def code(script):
    """Return a function of wildcards that gives the fingerprint of a script."""
    return lambda wildcards: code_of(script)


def page_code(script):
    """Return a function of wildcards that gives that of a script that fills templates."""
    return lambda wildcards: page_code_of(script)


def corpus_options(section):
    """Return a function of wildcards that gives one section of a corpus' options, or None."""

    def options(wildcards):
        value = getattr(CORPORA[wildcards.corpus], section)
        return value.model_dump(mode="json") if hasattr(value, "model_dump") else value

    return options


def music_options(section):
    """Return a function of wildcards that gives one section of a music model's options."""
    return lambda wildcards: getattr(CONFIG.music[wildcards.model], section).model_dump(
        mode="json"
    )


def music_seed(wildcards):
    """Return the seed of a music model."""
    return CONFIG.music[wildcards.model].seed


def buckets(pattern):
    """Return a function of wildcards that gives ``pattern`` for every bucket of the corpus."""
    return lambda wildcards: expand(
        pattern, bucket=bucket_names(CORPORA[wildcards.corpus].buckets), **wildcards
    )


def demo_folder(wildcards):
    """Return the folder a demo corpus is made in; other corpora need no such input."""
    return (
        f"results/{wildcards.corpus}/demo" if wildcards.corpus in DEMO_CORPORA else []
    )


def fetched(pattern):
    """Return a function of wildcards that gives ``pattern`` for remote corpora alone."""
    return lambda wildcards: (
        pattern.format(**wildcards) if wildcards.corpus in REMOTE_CORPORA else []
    )


def label_file(corpus):
    """Return the CSV of labels, when a corpus that is no demo has one."""
    labels = CORPORA[corpus].labels
    if corpus in REMOTE_LABELS:
        return labels.csv
    if not labels or not labels.csv or corpus in DEMO_CORPORA:
        return []
    return str(find_csv(labels.csv, CORPORA[corpus].source))


def image_labels(images):
    """Return the CSV of labels of an image corpus, when it has one."""
    options = CONFIG.images[images]
    labels = options.labels
    return [str(find_csv(labels.csv, options.source))] if labels and labels.csv else []


@functools.cache
def image_listing(images):
    """Return what changes when an image of a folder is added, removed or changed."""
    return image_digest(CONFIG.images[images], f"images.{images}.source")


def truth_folder(wildcards):
    """Return the folder to wait for before true notes can be read, where there are any."""
    truth = CORPORA[wildcards.corpus].truth
    return (demo_folder(wildcards) or truth) if truth else []


@functools.cache
def listing(corpus):
    """Return a digest of the recordings in each bucket; a corpus is listed once."""
    options = CORPORA[corpus]
    entries = list_source(options.source, place=f"corpora.{corpus}.source")
    return bucket_digests(
        entries, options.buckets, Path(f"results/.state/{corpus}/listing")
    )


@functools.cache
def remote_listing(corpus):
    """Return a digest of the remote recordings in each bucket.

    Only the main process asks the server; the processes of jobs read what it found.
    """
    from soundmill.corpus.remote_listing import read_digests, remote_digests

    options = CORPORA[corpus]
    state = f"results/.state/{corpus}/remote"
    if not workflow.is_main_process:
        return read_digests(state)
    place = f"corpora.{corpus}.source"
    return remote_digests(options.source, options.buckets, state, place)


@functools.cache
def remote_labels(corpus):
    """Return a digest of a table of labels on a server."""
    from soundmill.corpus.remote_listing import kept_digest, remote_file_digest

    listed = f"results/.state/{corpus}/remote/labels.csv"
    if not workflow.is_main_process:
        return kept_digest(listed)
    uri = CONFIG.corpora[corpus].labels.csv
    return remote_file_digest(uri, listed, f"corpora.{corpus}.labels.csv")


def remote_digest(wildcards):
    """Return what changes when an object of this bucket is added, removed or changed."""
    return remote_listing(wildcards.corpus).get(wildcards.bucket, "not listed")


def bucket_digest(wildcards):
    """Return what changes when a recording of this bucket is added, removed or changed."""
    if wildcards.corpus in DEMO_CORPORA:
        return "made by the project"
    return listing(wildcards.corpus)[wildcards.bucket]


def notes_of(model):
    """Return the note records that a music model learns."""
    options = CONFIG.music[model]
    names = bucket_names(CORPORA[options.corpus].buckets)
    folder = f"results/{options.corpus}/notes/{options.transcriber}"
    return [f"{folder}/{bucket}.tfrecord" for bucket in names]


def manifest_of(model):
    """Return the manifest of the corpus that a music model learns."""
    return f"results/{CONFIG.music[model].corpus}/manifest.csv"


def scores_of(model):
    """Return the scores of a model's transcriber, where the corpus has true notes."""
    options = CONFIG.music[model]
    path = f"results/{options.corpus}/transcription/{options.transcriber}.json"
    return [path] if CORPORA[options.corpus].truth else []


def figures_of(model):
    """Return the figures of the report about a music model and what it learnt from."""
    options = CONFIG.music[model]
    heard = f"results/{options.corpus}/figures/transcription/{options.transcriber}"
    folder = f"results/music/{model}"
    return [
        f"{heard}.png",
        *([f"{heard}_scores.svg"] if scores_of(model) else []),
        f"{folder}/figures/training.svg",
        f"{folder}/figures/evaluation.svg",
        f"{folder}/gallery",
    ]


def results_of_models(*names):
    """Return these result files of every music model."""
    return expand("results/music/{model}/{name}", model=CONFIG.music, name=names)


def model_places():
    """Return what the listening page needs to find the results of each music model."""
    return [
        {
            "name": name,
            "corpus": model.corpus,
            "transcriber": model.transcriber,
            "scores": next(iter(scores_of(name)), None),
        }
        for name, model in CONFIG.music.items()
    ]


BUCKETS = {name: bucket_names(options.buckets) for name, options in CORPORA.items()}
TASKS = {
    name: Layout(name, options, BUCKETS)
    for name, options in CONFIG.classification.items()
}
CORPUS_TASKS = [name for name, task in TASKS.items() if task.options.corpus]
TABLE_TASKS = [name for name, task in TASKS.items() if task.options.table]


def of_task(what):
    """Return a function of wildcards that asks the layout of a task ``what``."""
    return lambda wildcards: what(TASKS[wildcards.task])


def of_learner(what):
    """Return a function of wildcards that asks the layout of a task ``what`` of a learner."""
    return lambda wildcards: what(TASKS[wildcards.task], wildcards.learner)


def plain(options):
    """Return a model of options as plain values, which rules take as params."""
    return options.model_dump(mode="json")


def named_options(section, wildcard):
    """Return a function of wildcards that gives an entry of a section of the configuration."""
    return lambda wildcards: plain(
        getattr(CONFIG, section)[getattr(wildcards, wildcard)]
    )


task_options = of_task(lambda task: part_of_task(task.options))
task_seed = of_task(lambda task: task.options.seed)
task_descriptors = of_task(
    lambda task: plain(CONFIG.descriptors[task.options.descriptors])
)
task_decode = of_task(
    lambda task: (
        plain(CORPORA[task.options.corpus].decode) if task.options.corpus else None
    )
)
task_spectra = of_task(lambda task: plain(CONFIG.spectra[task.options.spectra]))
learner_options = of_learner(
    lambda task, learner: plain(task.options.learners[learner])
)


def of_soundscape(what):
    """Return a function of wildcards that asks the options of a soundscape model ``what``."""
    return lambda wildcards: what(CONFIG.soundscapes[wildcards.soundscape])


def soundscape_options(section):
    """Return a function of wildcards that gives one section of a soundscape model's options."""
    return of_soundscape(lambda soundscape: plain(getattr(soundscape, section)))


def wav_folders(soundscape):
    """Return the folders of the decoded recordings that a soundscape model learns."""
    names = BUCKETS[soundscape.corpus]
    return [f"results/{soundscape.corpus}/wav/{name}" for name in names]


def results_of_soundscapes(*names):
    """Return these result files of every soundscape model."""
    return expand(
        "results/soundscapes/{model}/{name}", model=CONFIG.soundscapes, name=names
    )


def judge_of(soundscape):
    """Return the model folder of the learner that judges what a soundscape model makes."""
    judge = soundscape.evaluation.judge
    return [TASKS[judge.task].model(judge.learner)] if judge else []


soundscape_seed = of_soundscape(lambda soundscape: soundscape.seed)
soundscape_conditions = of_soundscape(
    lambda soundscape: {
        name: plain(options) for name, options in soundscape.conditions.items()
    }
)


FUSIONS = {
    name: FusionLayout(name, options, TASKS) for name, options in CONFIG.fusion.items()
}
IMAGE_MODALITIES = {name for task in FUSIONS.values() for name in task.images}
SOUND_MODALITIES = {name for task in FUSIONS.values() for name in task.sounds}


def of_fusion(what):
    """Return a function of wildcards that asks the layout of a fusion task ``what``."""
    return lambda wildcards: what(FUSIONS[wildcards.fusion])


def of_fusion_fold(what):
    """Return a function of wildcards that asks the layout of a fusion task ``what`` of a fold."""
    return lambda wildcards: what(FUSIONS[wildcards.fusion], wildcards.fold)


def of_modality(what):
    """Return a function of wildcards that asks the layout of a fusion task ``what`` of a modality."""
    return lambda wildcards: what(FUSIONS[wildcards.fusion], wildcards.modality)


def ancient_tasks(wildcards):
    """Return the task folders of all modalities, of which only the classes are looked at."""
    task = FUSIONS[wildcards.fusion]
    return [ancient(task.task_of(name)) for name in task.options.modalities]


def wav_of_sound(task, modality):
    """Return the folder of the recordings of each bucket of a sound modality."""
    heard = TASKS[task.sound(modality).task]
    return dict(zip(BUCKETS[heard.options.corpus], heard.wav))


def sounds_of_fusion(task):
    """Return of each sound modality where its recordings lie and how they were damaged."""
    found = {}
    for name in task.sounds:
        sound = task.sound(name)
        heard = TASKS[sound.task]
        found[name] = {
            "wav": wav_of_sound(task, name),
            "manifest": f"results/{heard.options.corpus}/manifest.csv",
            "sample_rate": CONFIG.spectra[heard.options.spectra].sample_rate,
            "augmentations": {n: plain(CONFIG.augmentations[n]) for n in sound.damages},
        }
    return found


fusion_seed = of_fusion(lambda task: task.options.seed)


wildcard_constraints:
    corpus=choice(CORPORA),
    descriptors=choice(CONFIG.descriptors),
    spectra=choice(CONFIG.spectra),
    augmentation=choice(CONFIG.augmentations),
    task=choice(TASKS),
    learner=choice({name for task in TASKS.values() for name in task.options.learners}),
    fold=r"\d+|random-\d+|all",
    transcriber=choice(CONFIG.transcribers),
    model=choice(CONFIG.music),
    soundscape=choice(CONFIG.soundscapes),
    images=choice(CONFIG.images),
    fusion=choice(FUSIONS),
    modality=choice(IMAGE_MODALITIES | SOUND_MODALITIES),
    bucket=r"\d+",


# what can be wrong with a source is said at once and plainly; a job's own process, which parses
# this again, does not look
if workflow.is_main_process:
    try:
        for corpus in set(CORPORA) - set(DEMO_CORPORA):
            listing(corpus)
            label_file(corpus)
        if REMOTE_CORPORA or REMOTE_LABELS:
            from soundmill.corpus.store import share_settings

            share_settings(workflow.storage_provider_settings.get("s3"))
        for corpus in REMOTE_CORPORA:
            remote_listing(corpus)
        for corpus in REMOTE_LABELS:
            remote_labels(corpus)
        for images in CONFIG.images:
            image_inputs(CONFIG.images[images], f"images.{images}.source")
            image_labels(images)
    except InputError as error:
        raise WorkflowError(str(error))
