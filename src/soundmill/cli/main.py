"""The command `soundmill`: what the pipeline built on single files, and the status of a run."""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml

from soundmill.cli.fusion import digits
from soundmill.cli.status import status
from soundmill.errors import InputError
from soundmill.options import Options, validate

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Use what the pipeline built on single files, and see what a run does.",
)

Model = TypeVar("Model", bound=Options)
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set", "-s", metavar="OPTION=VALUE", help="Any option of docs/options.md; repeatable."
    ),
]
Seed = Annotated[int, typer.Option(help="Same seed, same music.")]


def _options(model: type[Model], settings: list[str], **given: Any) -> Model:
    """Join ``--set`` settings and the options that have flags of their own; flags win."""
    raw: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting}: write OPTION=VALUE")
        raw[name.strip()] = yaml.safe_load(value)
    raw |= {name: value for name, value in given.items() if value is not None}
    return validate(model, raw, "an option")


def _say(path: Path, what: str) -> None:
    typer.echo(f"{path}  ({what})")


@app.command()
def transcribe(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings in any format.")],
    output: Output = Path(),
    method: Annotated[str | None, typer.Option(help="basic_pitch (default) or transkun.")] = None,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Write the notes of recordings as MIDI and CSV."""
    from soundmill.notes import write_midi, write_notes_csv
    from soundmill.transcription.options import TranscriberOptions
    from soundmill.transcription.transcribe import transcribe_file

    options = _options(TranscriberOptions, settings, method=method)
    for recording in recordings:
        notes = transcribe_file(recording, options)
        write_midi(output / f"{recording.stem}.mid", notes)
        write_notes_csv(output / f"{recording.stem}.csv", notes)
        _say(output / f"{recording.stem}.mid", f"{len(notes)} notes")


@app.command()
def generate(
    model: Annotated[Path, typer.Argument(help="Model folder, such as results/music/NAME/model.")],
    output: Output = Path(),
    primer: Annotated[Path | None, typer.Option(help="MIDI file or recording to continue.")] = None,
    primer_seconds: Annotated[float | None, typer.Option(help="How much of it to keep.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Longest new music.")] = None,
    variations: Annotated[int, typer.Option(min=1, help="Pieces to play.")] = 1,
    seed: Seed = 1,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Let a trained model play new pieces, or continue a primer, as MIDI."""
    from soundmill.music.generation import generate as play
    from soundmill.music.generation import load_model
    from soundmill.music.generation_options import GenerationOptions
    from soundmill.notes import write_midi
    from soundmill.seeds import derive

    options = _options(GenerationOptions, settings, seconds=seconds, primer_seconds=primer_seconds)
    start = _read_primer(primer) if primer else None
    name = f"{primer.stem}-continued" if primer else "new"
    seeds = [derive(seed, name, str(number)) for number in range(variations)]
    network = load_model(model, options.weights)
    for number, notes in enumerate(play(network, options, start, seeds=seeds), 1):
        path = output / f"{name}-{seed}-{number:02d}.mid"
        write_midi(path, notes)
        last = float(notes["offset"].max()) if len(notes) else 0.0
        _say(path, f"{len(notes)} notes, {last:.0f} s")


def _read_primer(path: Path) -> Any:
    """Return the notes of a MIDI file, or of a recording by transcribing it."""
    from soundmill.notes import read_midi

    if path.suffix.lower() in (".mid", ".midi"):
        return read_midi(path)
    from soundmill.transcription.options import TranscriberOptions
    from soundmill.transcription.transcribe import transcribe_file

    return transcribe_file(path, TranscriberOptions())


@app.command()
def render(
    pieces: Annotated[list[Path], typer.Argument(help="MIDI files.")],
    output: Output = Path(),
    instrument: Annotated[str | None, typer.Option(help="Such as pad, choir, piano, harp.")] = None,
    preset: Annotated[str | None, typer.Option(help="Such as meadow, cathedral, dry.")] = None,
    suffix: Annotated[str, typer.Option("--format", help="wav, mp3, flac, ogg, m4a.")] = "wav",
    settings: Settings = [],  # noqa: B006
) -> None:
    """Play MIDI files through a SoundFont and effects into audio files."""
    from soundmill.synthesis.options import RenderOptions
    from soundmill.synthesis.render import render_file

    options = _options(RenderOptions, settings, instrument=instrument, preset=preset)
    for piece in pieces:
        path = output / f"{piece.stem}.{suffix.lstrip('.')}"
        render_file(piece, path, options)
        _say(path, f"{options.preset}")


@app.command()
def soundscape(
    model: Annotated[
        Path, typer.Argument(help="Model folder, such as results/soundscapes/NAME/model.")
    ],
    label: Annotated[
        list[str],
        typer.Option(
            metavar="NAME[=WEIGHT]",
            help="What it shall be, in the model's first category: rain, or rain=0.7; repeat it "
            "for a mix. Default anything.",
        ),
    ] = [],  # noqa: B006
    condition: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Any condition: site=forest, hour=6.5, hour=6:30, kind=rain:0.7+wind:0.3; "
            "repeatable.",
        ),
    ] = [],  # noqa: B006
    script: Annotated[
        Path | None,
        typer.Option(help="YAML or CSV of conditions over time: at (s, m:ss, h:mm:ss) and each."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length; default 20, of a script its last time.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same sound.")] = 1,
    variation_of: Annotated[
        str | None,
        typer.Option(
            metavar="RECORDING", help="A recording to vary: a file, or an id of recordings.csv."
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="How far it goes: 0 its own latents, 1 only its place; default 0.5."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="RECORDING", help="Go from --variation-of to this recording."),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="The end meets the beginning.")] = False,
    control: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=AMOUNT",
            help="Turn loudness, brightness, roughness, events, or one latent ('global 3=-2'), in "
            "standard deviations; repeatable.",
        ),
    ] = [],  # noqa: B006
    count: Annotated[int, typer.Option(min=1, help="Pieces, each with a seed of its own.")] = 1,
    suffix: Annotated[str, typer.Option("--format", help="wav, flac, mp3.")] = "flac",
    loudness: Annotated[float | None, typer.Option(help="LUFS; default -23.")] = None,
    output: Output = Path(),
    tell: Annotated[
        bool, typer.Option("--list", help="Say what the model can be asked for, and stop.")
    ] = False,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Let a trained model make new soundscapes of any length, on request."""
    from soundmill.cli.soundscapes import Request, describe, make, speed
    from soundmill.soundscape.generation_options import GenerationOptions, SamplingOptions

    if tell:
        for line in describe(model):
            typer.echo(line)
        return
    sampling = _options(SamplingOptions, settings)
    options = _options(
        GenerationOptions, [], sampling=sampling, loudness=loudness, format=suffix.lstrip(".")
    )
    request = Request(label, condition, script, seconds, variation_of, strength, to, loop, control)
    for path, written, said in make(model, request, output, options, seed=seed, count=count):
        _say(path, f"{said}: {written.seconds:g} s, {speed(written)}")


@app.command()
def classify(
    model: Annotated[
        Path,
        typer.Argument(
            help="Model folder: results/classification/TASK/learners/LEARNER/model; of a network "
            ".../LEARNER/folds/all/model."
        ),
    ],
    recordings: Annotated[list[Path], typer.Argument(help="Recordings in any format.")],
    top: Annotated[int, typer.Option(min=1, help="Classes to name, the likeliest first.")] = 3,
    table: Annotated[
        Path | None, typer.Option(help="CSV to write, one row a recording, all probabilities.")
    ] = None,
) -> None:
    """Decide on recordings with a trained classifier: classes, tags or values."""
    from soundmill.classification.deciding import decide_file, load_decider, phrase
    from soundmill.status import write_table

    decider = load_decider(model)
    rows: list[dict[str, object]] = []
    failed = 0
    for recording in recordings:
        try:
            values = decide_file(recording, decider)
        except InputError as error:  # one bad file of many must not lose the others
            failed += 1
            typer.echo(f"error: {error}", err=True)
            continue
        typer.echo(f"{recording}  {phrase(decider, values, top)}")
        pairs = zip(decider.classes, values, strict=True)
        rows.append({"file": recording, **{name: f"{value:.6f}" for name, value in pairs}})
    if table is not None:
        write_table(table, rows, ("file", *decider.classes))
    if failed:
        raise InputError(f"{failed} of {len(recordings)} recordings could not be decided on")


app.command()(digits)
app.command()(status)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A shard, a shards or model folder, or a cache.")],
) -> None:
    """Say what is in a shard (and check it), a model folder or a cache."""
    from soundmill.cli.inspection import describe

    for line in describe(path):
        typer.echo(line)


def main() -> None:
    """Run a command; what the user can mend is said without a traceback."""
    # pydub looks for an ffmpeg on the PATH when it is imported; soundmill gives it its own
    warnings.filterwarnings("ignore", message="Couldn't find ffmpeg")
    try:
        app()
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
