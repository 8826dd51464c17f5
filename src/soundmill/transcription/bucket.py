"""All recordings of one bucket to MIDI, note CSV and NoteSequence records."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from soundmill.cache import Cache
from soundmill.errors import InputError
from soundmill.files import sha256_file
from soundmill.log import logger, progress
from soundmill.notes import read_notes_csv, to_sequence, write_midi, write_notes_csv
from soundmill.records import write_records
from soundmill.status import OK, REJECTED, Row, read_table, write_table
from soundmill.transcription.options import TranscriberOptions
from soundmill.transcription.transcribe import load_transcriber, transcribe_file

COLUMNS = ("id", "source", "status", "reason", "notes", "seconds", "sha256")
NO_NOTE = (
    "no note was found: it is silent or nearly so, or has no steady pitch; "
    "a lower onset_threshold and sustained_threshold find fainter notes"
)


def transcribe_bucket(
    recordings: str | os.PathLike[str],
    wav: str | os.PathLike[str],
    midi: str | os.PathLike[str],
    records: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str],
    options: TranscriberOptions,
    code: str,
    threads: int = 1,
) -> None:
    """Transcribe the accepted recordings of a bucket; those known to the cache are not heard again.

    Parameters
    ----------
    recordings : table of the bucket's recordings; rows with status ok are transcribed.
    wav : folder of their ``<id>.wav``.
    midi : folder for ``<id>.mid`` and ``<id>.csv``.
    records : TFRecord file for one `NoteSequence` a recording, in the order of the table.
    table : status table (`COLUMNS`). A recording that cannot be read, or in which no note is found,
        gets a row with the reason; it stops nothing.
    cache, code : root of the cache, fingerprint of this code.
    threads : recordings transcribed at once; the results do not depend on it.

    Raises
    ------
    InputError
        When the transcriber itself is missing.
    """
    rows = [row for row in read_table(recordings) if row["status"] == OK]
    parallel = threads if options.method == "basic_pitch" else 1
    transcriber = load_transcriber(options, max(threads // parallel, 1))
    store = Cache(cache, "transcribe", options.model_dump(mode="json"), code)
    folder = Path(midi)
    folder.mkdir(parents=True, exist_ok=True)

    def build(source: Path) -> Callable[[Path], dict[str, Any]]:
        def write(target: Path) -> dict[str, Any]:
            notes = transcribe_file(source, options, transcriber=transcriber)
            if len(notes):
                write_notes_csv(target, notes)
            return {"notes": len(notes)}

        return write

    def transcribe(row: Row) -> dict[str, object]:
        source = Path(wav, f"{row['id']}.wav")
        notes, reason = 0, ""
        try:
            target = folder / f"{row['id']}.csv"
            notes = store.fetch(sha256_file(source), target, build(source))["notes"]
            if notes:
                write_midi(target.with_suffix(".mid"), read_notes_csv(target))
            else:
                reason = NO_NOTE
        except InputError as error:
            reason = str(error)
        except Exception as error:
            logger.exception("%s cannot be transcribed", source)
            reason = f"transcription failed ({type(error).__name__}: {error})"
        status = REJECTED if reason else OK
        return {**row, "status": status, "reason": reason, "notes": notes}

    with ThreadPoolExecutor(parallel) as pool:
        results = pool.map(transcribe, rows)
        done = list(progress(results, total=len(rows), label="transcribing"))
    write_records(records, _sequences(done, folder))
    write_table(table, [{name: row[name] for name in COLUMNS} for row in done], COLUMNS)
    logger.info("%d recordings heard, %d known already", store.misses, store.hits)


def _sequences(rows: list[dict[str, object]], folder: Path) -> Iterator[bytes]:
    """Yield one serialised `NoteSequence` for each transcribed recording."""
    for row in rows:
        if row["status"] != OK:
            continue
        sequence = to_sequence(read_notes_csv(folder / f"{row['id']}.csv"), str(row["id"]))
        # protobuf holds UTF-8 alone; bytes of a name that are none become a replacement character
        name = str(row["source"]).encode("utf-8", "surrogateescape")
        sequence.filename = name.decode("utf-8", "replace")
        yield sequence.SerializeToString(deterministic=True)
