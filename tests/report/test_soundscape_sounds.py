"""The sounds of a soundscape model's page: what is chosen, what is heard, what is drawn."""

import numpy as np
import pytest
import soundfile
from report.soundscape_run import noise, write_sound

from soundmill.errors import InputError
from soundmill.files import read_json
from soundmill.report.soundscape_figures import BANDS, COLUMNS, mel_picture
from soundmill.report.soundscape_sounds import choose_clips, read_sound, show_pieces, show_rows
from soundmill.status import write_table

RATE = 8000
COLUMNS_OF_PIECES = ("name", "file", "kind", "seconds", "seed", "condition", "label", "factor")


def clip(kind, file, label="", source="s", reference=""):
    return {"kind": kind, "file": file, "label": label, "source": source, "reference": reference}


def write_piece(folder, samples, kind="new", rate=RATE):
    write_sound(folder / "generated/a.wav", samples, rate)
    row = {"file": "a.wav", "kind": kind, "seconds": 1, "seed": 3, "factor": ""}
    write_table(folder / "generated/pieces.csv", [row], COLUMNS_OF_PIECES)
    [piece] = show_pieces(folder / "page", folder / "generated")
    assert read_json(folder / "page/pieces.json") == [piece]
    return piece


def tones(seconds, frequencies):
    """Return tones one after another, so that a part can be told by its pitch."""
    time = np.arange(round(seconds / len(frequencies) * RATE)) / RATE
    return np.concatenate([0.5 * np.sin(2 * np.pi * f * time) for f in frequencies])[None]


def pitch(path):
    samples, rate = soundfile.read(path)
    return np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples)


def test_one_clip_a_label_is_shown_and_more_of_few_labels():
    many = [clip("real", f"{n:02d}.wav", f"label {n:02d}") for n in range(14)]
    assert [row["file"] for row in choose_clips(many)] == [f"{n:02d}.wav" for n in range(8)]
    few = [clip("real", f"{label}{n}.wav", label, f"source {n // 2}")
           for label in "ab" for n in range(6)]  # fmt: skip
    assert [row["file"] for row in choose_clips(few)] == ["a0.wav", "b0.wav", "a2.wav", "b2.wav"]
    five = [clip("real", f"{label}.wav", label) for label in "abcde"]
    assert len(choose_clips(five)) == 5
    assert choose_clips([clip("sample", "x.wav")]) == []


def test_clips_that_were_reconstructed_go_first_whatever_the_order_of_rows():
    table = [clip("real", f"{n}.wav", "a", f"s{n}") for n in range(6)]
    table.append(clip("reconstruction", "r.wav", "a", "s5", "5.wav"))
    chosen = [row["file"] for row in choose_clips(table)]
    assert chosen == ["5.wav", "0.wav", "1.wav", "2.wav"]
    assert [row["file"] for row in choose_clips(table[::-1])] == chosen


@pytest.fixture
def row_files(tmp_path):
    """A real clip, its reconstruction at a third and a noise at twice its level; no variation."""
    table = [clip("real", "real.wav", "rain", "id"), clip("sample", "s.wav", "rain"),
             clip("reconstruction", "rec.wav", "rain", "id", "real.wav"),
             clip("noise", "n.wav", "rain", "id", "real.wav")]  # fmt: skip
    levels = {"real.wav": 1.0, "s.wav": 0.5, "rec.wav": 1 / 3, "n.wav": 2.0}
    for name, level in levels.items():
        write_sound(tmp_path / "clips" / name, 0.02 * level * tones(1.0, [440]), RATE)
    write_table(tmp_path / "clips/clips.csv", table, list(table[0]))
    return tmp_path


def test_a_row_is_turned_up_as_a_whole(row_files):
    [held_out], [label] = show_rows(row_files, row_files / "clips", {"id": "a/b.ogg"})
    assert held_out["title"] == "b.ogg" and held_out["label"] == label["title"] == "rain"
    sounds = {cell["kind"]: cell["sound"] for cell in held_out["cells"]}
    assert list(sounds) == ["real", "reconstruction", "phase", "variation"]
    assert sounds["phase"] is None and sounds["variation"] is None
    middle = slice(RATE // 4, RATE // 2)
    levels = {k: np.std(soundfile.read(row_files / v)[0][middle]) for k, v in sounds.items() if v}
    assert levels["real"] / levels["reconstruction"] == pytest.approx(3, rel=0.05)
    assert levels["real"] == pytest.approx(0.9 / np.sqrt(2), rel=0.05)
    sounds = {cell["kind"]: cell["sound"] for cell in label["cells"]}
    assert list(sounds) == ["real", "sample", "granular", "noise"] and not sounds["granular"]


def test_silence_is_not_turned_up(row_files):
    for path in (row_files / "clips").glob("*.wav"):
        write_sound(path, np.zeros((1, RATE)), RATE)
    [held_out], _ = show_rows(row_files, row_files / "clips", {})
    assert np.abs(soundfile.read(row_files / held_out["cells"][0]["sound"])[0]).max() < 1e-3


def test_a_long_piece_is_heard_at_its_beginning_middle_and_end(tmp_path):
    piece = write_piece(tmp_path, tones(210, [300, 700, 1500, 1900, 1100, 500, 900]))
    page = tmp_path / "page"
    assert piece["seconds"] == 210 and (page / piece["overview"]).stat().st_size
    assert [part["words"] for part in piece["parts"]] == [
        "beginning, from 0:00", "middle, from 1:30", "end, from 3:00",
    ]  # fmt: skip
    assert [round(pitch(page / part["sound"]), -1) for part in piece["parts"]] == [300, 1900, 900]
    assert {part["seconds"] for part in piece["parts"]} == {30}


def test_a_loop_is_heard_across_its_seam(tmp_path):
    piece = write_piece(tmp_path, tones(2, [300, 700]), "loop")
    assert piece["seconds"] == 2 and piece["parts"][0]["seconds"] == 4
    piece = write_piece(tmp_path / "long", tones(90, [300, 700, 1100]), "loop")
    [part] = piece["parts"]
    assert part["words"] == "the end, then the beginning" and part["seconds"] == 60
    samples, rate = soundfile.read(tmp_path / "long/page" / part["sound"])
    for half, wanted in ((samples[: 30 * rate], 1100), (samples[30 * rate :], 300)):
        assert np.argmax(np.abs(np.fft.rfft(half))) * rate / len(half) == pytest.approx(wanted, 1)


def test_pieces_stand_by_kind_and_keep_what_is_not_known(tmp_path):
    kinds = ("loop", "<b>odd</b>", "new")
    rows = []
    for kind in kinds:
        name = f"{kinds.index(kind)}.wav"
        write_sound(tmp_path / name, noise(0.5, 1, RATE), RATE)
        rows.append({"file": name, "kind": kind, "factor": 2.5, "condition": "rain\n"})
    write_table(tmp_path / "pieces.csv", rows, COLUMNS_OF_PIECES)
    pieces = show_pieces(tmp_path / "page", tmp_path)
    assert [piece["kind"] for piece in pieces] == ["new", "loop", "<b>odd</b>"]
    assert pieces[0]["title"] == "2" and pieces[0]["condition"] == "rain␊"
    assert pieces[0]["factor"] == "2.50\u202f×" and pieces[2]["what"] == "<b>odd</b>"


@pytest.mark.parametrize(
    ("rate", "channels", "wanted"), [(9600, 1, 11025), (96_000, 2, 48_000), (22_050, 3, 22_050)]
)
def test_any_rate_and_channels_become_an_mp3(tmp_path, rate, channels, wanted):
    piece = write_piece(tmp_path, noise(0.5, 1, rate, channels), rate=rate)
    info = soundfile.info(tmp_path / "page" / piece["parts"][0]["sound"])
    assert (info.samplerate, info.channels) == (wanted, min(channels, 2))
    assert info.duration == pytest.approx(0.5, abs=0.06)


def test_an_empty_sound_is_an_error_that_names_it(tmp_path):
    write_sound(tmp_path / "none.wav", np.zeros((1, 0)), RATE)
    with pytest.raises(InputError, match=r"none\.wav holds no samples"):
        read_sound(tmp_path / "none.wav")


def test_a_picture_of_blocks_is_that_of_the_whole():
    samples = noise(3.0, 4, RATE)[0]
    whole = mel_picture([samples], RATE)
    cuts = np.split(samples, [5, 700, 701, 9000, 20_000])
    assert np.allclose(mel_picture(cuts, RATE), whole, rtol=1e-5)
    assert whole.shape == (BANDS, (len(samples) - 512) // 128 + 1)
    assert mel_picture([samples[:10]], RATE).shape == (BANDS, 1)
    assert mel_picture([], RATE).max() == 0


def test_a_long_picture_keeps_its_mean_and_stays_narrow():
    samples = noise(120.0, 4, RATE)[0]
    long = mel_picture(np.split(samples, 12), RATE, len(samples))
    assert COLUMNS <= long.shape[1] < 2 * COLUMNS
    assert np.allclose(long.mean(axis=1), mel_picture([samples], RATE).mean(axis=1), rtol=0.02)
