"""Result files such as a small run leaves them, made in a second."""

import shutil

import numpy as np
import pytest
import soundfile

from soundmill.files import write_json
from soundmill.notes import make_notes, write_midi, write_notes_csv
from soundmill.report.costs import tabulate_costs
from soundmill.report.gallery import build_gallery
from soundmill.report.listening import find_results, write_listening_page
from soundmill.status import write_table

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp; \u202egpj.mp3"
RATE = 22_050
PIECES = (
    # id, kind, primer, recording, primer_seconds
    ("new-01", "new", "", "", 0),
    ("new-02", "new", "", "", 0),
    ("primer-01", "primer", "", "hostile", 3),
    ("continued-01a", "continuation", "primer-01", "hostile", 3),
    ("continued-01b", "continuation", "primer-01", "hostile", 3),
)
MANIFEST = (
    "id", "source", "bucket", "status", "reason", "seconds", "sample_rate", "channels", "sha256",
    "mood",
)  # fmt: skip


def tune(seconds, seed):
    """Return notes and their sound (mono): plain tones with a decay."""
    rng = np.random.default_rng(seed)
    onset = np.arange(0, seconds - 0.5, 0.25)
    pitch = 60 + rng.choice([-12, -5, 0, 2, 4, 7, 9, 12, 16], len(onset))
    notes = make_notes(onset, onset + 0.45, pitch, rng.integers(40, 120, len(onset)))
    samples = np.zeros(round(seconds * RATE), np.float32)
    for note in notes:
        time = np.arange(round((note["offset"] - note["onset"]) * RATE)) / RATE
        tone = np.sin(2 * np.pi * 440 * 2 ** ((note["pitch"] - 69.0) / 12) * time)
        first = round(note["onset"] * RATE)
        samples[first : first + len(tone)] += 0.2 * (tone * np.exp(-5 * time)).astype("f4")
    return notes, samples


def write_manifest(root):
    rows = [
        {"id": f"piece-{i:02d}", "source": f"Pièce {i:02d} & co.mp3", "bucket": f"{i % 2:02d}",
         "status": "ok", "reason": "", "seconds": "6.0", "sample_rate": "22050", "channels": "1",
         "sha256": f"{i:064d}", "mood": "calm" if i % 3 else "bright"}
        for i in range(8)
    ]  # fmt: skip
    rows[0].update(id="hostile", source=HOSTILE)
    empty = dict.fromkeys(MANIFEST, "")
    rows.append({**empty, "id": "img", "source": f"copy of {HOSTILE}", "status": "rejected",
                 "reason": "no audio found in '<b>x</b>'"})  # fmt: skip
    rows.append({**empty, "id": "cover", "source": "cover\n.jpg", "status": "ignored",
                 "reason": "not an audio file"})  # fmt: skip
    path = root / "results/songs/manifest.csv"
    write_table(path, rows, MANIFEST)


def write_recordings(root):
    """The folder of a corpus: WAV, transcription and true notes of its recordings."""
    folder = root / "results/songs"
    for i in range(1, 8):
        notes, samples = tune(6.0, i)
        bucket = f"{i % 2:02d}"
        wav = folder / f"wav/{bucket}/piece-{i:02d}.wav"
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, samples, RATE)
        write_notes_csv(folder / f"midi/basic_pitch/{bucket}/piece-{i:02d}.csv", notes[1:])
        write_midi(folder / f"demo/truth/Pièce {i:02d} & co.mid", notes)
    return folder


def write_music(root):
    """The folder of a music model with generated and rendered pieces, made of plain tones."""
    folder = root / "results/music/dreams"
    rows = []
    (folder / "rendered").mkdir(parents=True)
    for seed, (name, kind, primer, recording, primer_seconds) in enumerate(PIECES):
        seconds = 3.0 if kind == "primer" else 8.0
        notes, samples = tune(seconds, seed)
        write_midi(folder / f"generated/{name}.mid", notes)
        for suffix in ("wav", "mp3"):
            soundfile.write(folder / f"rendered/{name}.{suffix}", samples, RATE)
        rows.append({"id": name, "kind": kind, "primer": primer, "recording": recording,
                     "source": "", "seed": seed, "primer_seconds": primer_seconds,
                     "seconds": seconds, "notes": len(notes)})  # fmt: skip
    write_table(folder / "generated/pieces.csv", rows, list(rows[0]))
    return folder


def measured(value, spread=0.05, items=8):
    return {"value": value, "interval": [value - spread, value + spread], "items": items}


def predictions(nll, accuracy):
    """Figures of one predictor on one split, as the training writes them."""
    return {"nll_per_event": measured(nll), "nll_per_note": measured(nll * 3.1),
            "accuracy": measured(accuracy), "events": 4210, "notes": 1300}  # fmt: skip


def write_training(music):
    """The model's folder with metrics.json and curves.csv."""
    split = {"model": predictions(2.04, 0.42), "unigram": predictions(3.91, 0.11),
             "previous_event": predictions(3.02, 0.24)}  # fmt: skip
    metrics = {"parameters": 905_000, "tokens": 2_400_000, "corpus_tokens": 81_000,
               "vocabulary": 391, "steps": 600, "best_step": 500, "seconds": 131.5,
               "unit": "nats", "validation": split, "test": split}  # fmt: skip
    write_json(music / "metrics.json", metrics)
    rows = [
        {"step": step, "tokens": step * 4096, "seconds": step / 5, "learning_rate": 1e-3,
         "train_nll": 1.7 + 2.2 * np.exp(-step / 150), "validation_accuracy": 0.4,
         "validation_nll": 2.0 + 1.9 * np.exp(-step / 150) + (step == 600) * 0.05}
        for step in range(100, 700, 100)
    ]  # fmt: skip
    write_table(music / "curves.csv", rows, list(rows[0]))
    return music


def write_benchmarks(root):
    """A folder of benchmark files as Snakemake writes them."""
    folder = root / "benchmarks"
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, seconds, memory in (
        ("songs/decode_recordings/00", 1.5, "120.25"),
        ("songs/decode_recordings/01", 0.5, "180.75"),
        ("songs/transcribe_recordings/basic_pitch/00", 4.0, "410.0"),
        ("songs/transcribe_recordings/basic_pitch/01", 8.0, "-"),  # too short to be sampled
        ("songs/an_old_rule", 99.0, "1.0"),
        ("music/dreams/train_transformer", 140.0, "900.5"),
        ("music/dreams/render_music", 3.5, "300.0"),
    ):
        path = folder / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rest = f"{memory}\t1.0\t1.0\t1.0\t0.0\t0.0\t99.0\t{seconds * 0.9:.2f}\n"
        path.write_text(f"{head}{seconds:.4f}\t0:00:01\t{rest}")
    return folder


def write_evaluation(music):
    """The model's folder with evaluation.json too."""
    features = ("pitch_class", "note_density", "polyphony", "note_length", "inter_onset",
                "scale_consistency", "groove")  # fmt: skip
    beside = measured(0.74) | {"floor": measured(0.51), "ceiling": measured(0.86)}
    shares = [0.2, 0.02, 0.15, 0.02, 0.14, 0.1, 0.02, 0.15, 0.02, 0.1, 0.03, 0.05]
    sets = {"generated": measured(2.5), "markov": measured(4.0), "corpus": measured(2.2)}

    def run(notes, recording):
        return {"run": notes, "recording": recording, "seconds": 1.5, "at_seconds": 3.5}

    whole = measured(8.5) | {"longest": 12}
    evaluation = {
        "seconds": 8.0,
        "sets": {"generated": 4, "markov": 4, "corpus": 8, "held_out": 2},
        "statistics": {name: {"unit": "notes/s", **sets} for name in features[1:]},
        "similarity": {name: {"overlap_area": beside, "kl": beside} for name in features},
        "overall": {"overlap_area": beside, "kl": beside},
        "histograms": {"pitch_class": {
            "unit": "", "edges": list(range(13)), "generated": shares, "markov": shares,
            "corpus": shares[::-1],
        }},
        "copying": {
            "timed": {"unit": "notes", **whole, "reference": measured(7.0) | {"longest": 9}},
            "melodic": {"unit": "notes", **whole, "reference": measured(7.0) | {"longest": 9}},
            "primer": {"timed": whole, "melodic": whole},
            "suspected": ["new-01"],
            "pieces": [
                {"id": "new-01", "kind": "new", "notes": 30, "timed": run(24, "piece-03"),
                 "melodic": run(25, "piece-03"), "primer": None},
                {"id": "continued-01a", "kind": "continuation", "notes": 20, "timed": run(0, ""),
                 "melodic": run(4, "piece-01"), "primer": {"timed": 3, "melodic": 5}},
            ],
        },
    }  # fmt: skip
    write_json(music / "evaluation.json", evaluation)


def write_scores(root):
    """The scores of a transcriber."""
    metrics = {"frame": 0.78, "note": 0.83, "note_offset": 0.55, "note_offset_velocity": 0.41}
    pieces = [{"id": f"piece-{i:02d}", "source": f"Pièce {i:02d} & co.mp3",
               "scores": {key: value - 0.01 * i for key, value in metrics.items()}}
              for i in range(8)]  # fmt: skip
    path = root / "results/songs/transcription/basic_pitch.json"
    data = {
        "scores": {key: measured(value) for key, value in metrics.items()},
        "lag_removed": {key: measured(value + 0.03) for key, value in metrics.items()},
        "floor": {key: measured(0.05, 0.01) for key in metrics},
        "published": {"what": "Onsets and Frames (2018)", "frame": 0.783, "note": 0.823},
        "onset_lag_ms": measured(12.0, 3.0),
        "pieces": pieces,
        "without_truth": [HOSTILE],
    }
    write_json(path, data)
    return path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """All result files of one run, made once."""
    root = tmp_path_factory.mktemp("run")
    music = root / "results/music/dreams"
    write_manifest(root)
    write_recordings(root)
    write_music(root)
    write_training(music)
    write_evaluation(music)
    write_scores(root)
    write_benchmarks(root)
    manifest = root / "results/songs/manifest.csv"
    build_gallery(
        music / "generated", music / "rendered", manifest, music / "gallery", name="dreams"
    )
    return root


@pytest.fixture
def run(finished_run, tmp_path):
    """A copy of all result files, which a test may change."""
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def songs(run):
    """The folder of the corpus."""
    return run / "results/songs"


@pytest.fixture
def dreams(run):
    """The folder of the music model."""
    return run / "results/music/dreams"


@pytest.fixture
def model(run):
    """Where the results of the music model lie."""
    return find_results(
        run / "results",
        name="dreams",
        corpus="songs",
        transcriber="basic_pitch",
        scores=str(run / "results/songs/transcription/basic_pitch.json"),
    )


@pytest.fixture
def site(run):
    """Return a function that writes the page of some models and tasks and returns its path."""

    def write(*models, tasks=()):
        results = run / "results"
        tabulate_costs(
            run / "benchmarks",
            results / "costs.html",
            results / "costs.csv",
            manifests={"songs": str(results / "songs/manifest.csv")},
            pieces={},
            stages=["decode_recordings", "transcribe_recordings"],
        )
        page = results / "index.html"
        costs = results / "costs.csv"
        write_listening_page(models, page, results / "listen", costs=costs, tasks=tasks)
        return page

    return write
