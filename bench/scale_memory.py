"""Memory of every rule over a corpus and over one of ten times its size.

All rules of a configuration that uses everything: music, soundscapes, classification with its
studies, fusion. The recordings differ in their bytes, so that each is one of its own, but there
are only a few different sounds: what takes long to compute comes from the cache.
"""

from pathlib import Path

from workflow_runs import Jobs, Site, write_tune

SOUNDS, SECONDS = 60, 2.0
KINDS, SPEAKERS = 10, 6
OPTIONS = {
    "corpora": {"takes": {"source": "takes", "buckets": 4,
                          "labels": {"pattern": "{kind}_{who}_{take}"}}},
    "images": {"drawn": {"source": "demo:digits"}},
    "spectra": {"small": {"sample_rate": 8000, "n_fft": 256, "hop": 80, "bands": 40}},
    "augmentations": {"hiss": {"kind": "noise", "low": 10, "high": 10}},
    "music": {"tunes": {
        "corpus": "takes",
        "shards": {"minimum_notes": 2, "copies": 2, "shards": 1},
        "network": {"layers": 1, "width": 32, "heads": 2, "context": 64},
        "training": {"max_steps": 20, "batch": 4, "validation_interval": 10, "warmup_steps": 1},
        "generation": {"new": 1, "primers": 1, "variations": 1, "seconds": 4, "primer_seconds": 1},
    }},
    "soundscapes": {"air": {
        "corpus": "takes", "conditions": {"kind": {}},
        "autoencoder": {"n_fft": 256, "width": 16, "blocks": 1, "latents": 6, "global_latents": 3,
                        "crop_seconds": 1, "batch": 4, "steps": 20, "epoch_steps": 10},
        "prior": {"width": 16, "mixtures": 8, "steps": 20, "epoch_steps": 10, "batch": 4,
                  "sequence_seconds": 1},
        "generation": {"format": "wav", "pieces": {
            "three": {"labels": {"kind": "3"}, "seconds": 3},
            "again": {"variation": "0-s0-0", "seconds": 2},
        }},
        "evaluation": {"clip_seconds": 1, "real_clips": 8, "samples": 8, "reconstructions": 3,
                       "long_seconds": 12, "loop_seconds": 3, "resamples": 50},
    }},
    "classification": {"kind": {
        "corpus": "takes", "target": "kind", "group": "who", "spectra": "small",
        "split": {"method": "folds", "folds": 2, "valid": 0.25},
        "learners": {
            "knn_mfcc": None, "svm": {"kind": "svm"}, "boosting": {"kind": "boosting", "rounds": 5},
            "forest": {"kind": "random_forest", "trees": 20},
            "net": {"kind": "cnn1d", "width": 8, "depth": 2, "epochs": 1, "seeds": 1,
                    "chunk_seconds": 1, "batch": 16, "augmentations": ["hiss"]},
        },
        "ensembles": {"both": {"members": ["forest", "net"]}},
        "evaluation": {"resamples": 200},
        "studies": {
            "importance": {"learners": ["forest"], "repeats": 1, "candidates": 5, "shown": 5,
                           "resamples": 20, "shap_rows": 4},
            "occlusion": {"learner": "net", "recordings": 2},
            "robustness": {"learners": ["forest", "net"], "recordings": 3, "noise": [0.0],
                           "pitch": [], "tempo": [], "mp3": [16]},
        },
    }},
    "fusion": {"both": {
        "modalities": {
            "audio": {"kind": "sound", "task": "kind", "learner": "net", "damages": ["hiss"]},
            "image": {"kind": "image", "images": "drawn", "target": "digit",
                      "encoder": {"width": 4, "embedding": 8, "epochs": 1, "batch": 32},
                      "damages": {"half": {"energy": 0.5}}},
        },
        "fusions": {name: {"epochs": 1, "width": 8} for name in ("product", "gate")},
        "seeds": 1, "pairs": {"learning": 2, "test": 2},
        "practical_cnn": {"epochs": 1, "seconds": 0.4},
        "evaluation": {"resamples": 50, "examples": 2},
    }},
}  # fmt: skip


def write_tunes(folder: Path, count: int) -> None:
    """Write recordings of a few sounds; every one has a comment of its own."""
    for number in range(count):
        kind, speaker = number % KINDS, number // KINDS % SPEAKERS
        path = folder / f"{kind}_s{speaker}_{number // (KINDS * SPEAKERS)}.wav"
        write_tune(path, number % SOUNDS, SECONDS, comment=f"take {number}")


def memory_of_rules(folder: Path, count: int) -> dict[str, Jobs]:
    """Build everything and return what each rule took."""
    site = Site(folder, OPTIONS)
    write_tunes(folder / "takes", count)
    return site.jobs()


def memory_table(folder: Path, few: int) -> list[list[str]]:
    """Largest resident set of a job of each rule at both sizes, in the order of growth."""
    small = memory_of_rules(folder / "small", few)
    large = memory_of_rules(folder / "large", 10 * few)
    rows = []
    for rule in large:
        before, after = small[rule].megabytes, large[rule].megabytes
        grown = after - before
        rows.append(
            (grown, [f"`{rule}`", f"{before:.0f} MB", f"{after:.0f} MB", f"{after / before:.2f}",
                     f"{1000 * grown / (9 * few):.1f} kB" if grown > 0 else "",
                     f"{small[rule].cpu:.1f} s", f"{large[rule].cpu:.1f} s"])
        )  # fmt: skip
    head = ["rule", f"{few:,} recordings", f"{10 * few:,} recordings", "ratio", "each more",
            "CPU", "CPU"]  # fmt: skip
    return [head, *(row for _, row in sorted(rows, key=lambda pair: -pair[0]))]
