"""The spectra of augmented copies of a bucket's recordings."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from soundmill.audio.files import read_audio
from soundmill.audio.perturbation import check_rate, perturb
from soundmill.audio.perturbation_options import Augmentation
from soundmill.cache import Cache
from soundmill.features.processing import (
    Done,
    accepted,
    content_of,
    join_arrays,
    place_rows,
    process_rows,
)
from soundmill.features.spectra import spectrum
from soundmill.features.spectra_bucket import COLUMNS, finite, half, save_part
from soundmill.features.spectra_options import SpectraOptions
from soundmill.log import logger
from soundmill.seeds import derive
from soundmill.status import OK, Row, write_table

COPY_COLUMNS = (*COLUMNS, "copy")


def augment_bucket(
    recordings: str | os.PathLike[str],
    wav: str | os.PathLike[str],
    array: str | os.PathLike[str],
    index: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str],
    name: str,
    augmentation: Augmentation,
    options: SpectraOptions,
    code: str,
    threads: int = 1,
) -> None:
    """Compute the spectra of changed copies of a bucket's recordings.

    Parameters are those of `spectra_bucket.compute_spectra_bucket`, and

    name : of the augmentation. Each copy's amount is drawn from its seed, this name, the
        recording's id and the copy's number alone: not from the order of the recordings.
    augmentation : what is changed, how far, and how many copies there are.

    The index has a row a copy, with its number, from 1, as ``copy``. More copies leave those there
    are as they are.

    Raises
    ------
    InputError
        When the augmentation cannot work at the spectra's sample rate.
    """
    check_rate(augmentation, options.sample_rate)
    salt = {
        "name": name,
        "augmentation": augmentation.model_dump(mode="json", exclude={"copies"}),
        "spectra": options.model_dump(mode="json"),
    }
    store = Cache(cache, "augment", salt, code)
    copies = [
        {**row, "copy": str(number)}
        for row in accepted(recordings)
        for number in range(1, augmentation.copies + 1)
    ]
    Path(array).parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tmp-", dir=Path(array).parent) as folder:

        def work(row: Row) -> Done:
            source = Path(wav, f"{row['id']}.wav")
            content = "\x1f".join((content_of(source), row["id"], row["copy"]))
            seed = derive(augmentation.seed, name, row["id"], row["copy"])
            build = _build(source, augmentation, options, seed)
            return store.fetch(content, _part(folder, row), build)

        rows = process_rows(copies, work, threads=threads, label="augmentation")
        frames = place_rows(rows)
        parts = (_part(folder, row) for row in rows if row["status"] == OK)
        join_arrays(array, parts, frames, options.columns)
    table = [{column: row.get(column) for column in COPY_COLUMNS} for row in rows]
    write_table(index, table, COPY_COLUMNS)
    logger.info("augmentation: %d copies computed, %d known already", store.misses, store.hits)


def _part(folder: str, row: Row) -> Path:
    return Path(folder, f"{row['id']}.{row['copy']}.npy")


def _build(
    source: Path, augmentation: Augmentation, options: SpectraOptions, seed: int
) -> Callable[[Path], Done]:
    def write(target: Path) -> Done:
        rate = options.sample_rate
        samples, _ = read_audio(source, sample_rate=rate)
        changed = perturb(finite(samples[0], source), rate, augmentation, seed)
        values = half(spectrum(finite(changed, source), options))
        return save_part(target, values, len(changed) / rate)

    return write
