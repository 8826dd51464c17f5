"""The clips of an evaluation: real ones, made ones, and what each was made from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from soundmill.audio.files import Samples
from soundmill.errors import InputError
from soundmill.seeds import derive
from soundmill.status import read_table

TRAIN, REAL = "train", "real"
PAIRED = ("reconstruction", "phase", "variation", "noise")
"""Kinds whose clips stand for a real one."""
NEW = ("sample", "granular")
KINDS = (TRAIN, REAL, *PAIRED, *NEW)


@dataclass(frozen=True)
class Clip:
    """A row of ``clips.csv``.

    Attributes
    ----------
    kind : one of `KINDS`. file : in the folder.
    source : recording it comes from, or that of its real counterpart; empty for new clips.
    label : empty where there is none.
    reference : file of the real counterpart, or empty.
    """

    kind: str
    file: str
    source: str
    label: str
    reference: str


class ClipSets:
    """The clips of a folder with ``clips.csv``; their sound is read when asked for.

    Raises
    ------
    InputError
        When there is no list, a file is missing, a kind is unknown, a counterpart is not listed,
        or rates or channels differ.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            rows = read_table(folder / "clips.csv")
        except OSError as error:
            raise InputError(f"{folder} holds no clips.csv ({error}). Make the clips.") from error
        if not rows:
            raise InputError(f"{folder / 'clips.csv'} lists no clips. Make them again.")
        sources = {row["file"]: row["source"] for row in rows}
        for row in rows:
            if row["kind"] not in KINDS:
                raise InputError(
                    f"{folder / 'clips.csv'}: unknown kind {row['kind']!r} of {row['file']}; "
                    f"known are {', '.join(KINDS)}"
                )
            if row["reference"] and row["reference"] not in sources:
                raise InputError(
                    f"{folder / 'clips.csv'}: {row['reference']}, the real counterpart of "
                    f"{row['file']}, is not listed. Make the clips again."
                )
        self._clips = [
            Clip(
                row["kind"],
                row["file"],
                row["source"] or sources.get(row["reference"], ""),
                row["label"],
                row["reference"],
            )
            for row in rows
        ]
        self.sample_rate, self.channels = self._form()

    def __len__(self) -> int:
        return len(self._clips)

    def of(self, kind: str) -> list[Clip]:
        """Return the clips of a kind, in the table's order."""
        return [clip for clip in self._clips if clip.kind == kind]

    def counts(self) -> dict[str, int]:
        """Return how many clips there are of each kind."""
        found = Counter(clip.kind for clip in self._clips)
        return {kind: found[kind] for kind in KINDS}

    def labels(self) -> list[str]:
        """Return the labels of the clips."""
        return sorted({clip.label for clip in self._clips} - {""})

    def read(self, file: str) -> Samples:
        """Return the samples (channels, n) of a clip."""
        return soundfile.read(self.folder / file, dtype="float32", always_2d=True)[0].T

    def _form(self) -> tuple[int, int]:
        forms: dict[tuple[int, int], str] = {}
        for clip in self._clips:
            try:
                info = soundfile.info(self.folder / clip.file)
            except (OSError, soundfile.LibsndfileError) as error:
                raise InputError(
                    f"{self.folder / clip.file} cannot be read ({error}), though clips.csv lists "
                    "it. Make the clips again."
                ) from error
            if not info.frames:
                raise InputError(f"{self.folder / clip.file} is empty. Make the clips again.")
            forms.setdefault((info.samplerate, info.channels), clip.file)
        if len(forms) > 1:
            said = "; ".join(f"{file}: {r} Hz, {c} channels" for (r, c), file in forms.items())
            raise InputError(f"{self.folder}: the clips do not compare ({said}). Make them again.")
        return next(iter(forms))


def evenly(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Return the numbers of ``count`` clips, drawn evenly over their recordings and labels.

    First one of each recording and label, then a second, and so on, in an order drawn by ``seed``.
    """
    order = sorted(range(len(clips)), key=lambda i: derive(seed, "even", clips[i].file))
    seen: Counter[tuple[str, str]] = Counter()
    rounds = []
    for place, number in enumerate(order):
        group = (clips[number].source, clips[number].label)
        rounds.append((seen[group], place, number))
        seen[group] += 1
    return sorted(number for _, _, number in sorted(rounds)[:count])
