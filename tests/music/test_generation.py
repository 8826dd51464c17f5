import numpy as np
import pytest
import torch
from toy_shards import arpeggio, write_toy_shards

from soundmill.errors import InputError
from soundmill.music.events import decode, encode
from soundmill.music.generation import (
    SlidingWindow,
    choose_primers,
    cut_primer,
    generate,
    generate_pieces,
    primer_tokens,
)
from soundmill.music.generation_options import GenerationOptions, piece_names
from soundmill.music.model import MusicTransformer, save_model
from soundmill.music.network_options import NetworkOptions
from soundmill.music.vocabulary import SIZE
from soundmill.notes import make_notes, read_midi, write_midi
from soundmill.status import read_table

CONTEXT = 32
SHORT = GenerationOptions(new=2, primers=2, variations=2, primer_seconds=1.0, seconds=3)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    options = NetworkOptions(width=16, layers=2, heads=2, context=CONTEXT)
    model = MusicTransformer(options).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model


@pytest.fixture(scope="module")
def places(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    save_model(folder / "model", model.options, model.state_dict())
    write_toy_shards(folder / "shards", train=2, valid=1, test=1)
    return folder


@pytest.mark.parametrize("prompt", [1, 20, CONTEXT, CONTEXT + 9])
def test_a_sliding_window_gives_the_logits_of_the_window_without_memory(model, prompt):
    tokens = torch.randint(0, SIZE, (2, 110), generator=torch.Generator().manual_seed(1))
    window = SlidingWindow(model, 2)
    start = 0 if prompt <= CONTEXT else prompt - CONTEXT // 2
    with torch.inference_mode():
        logits = window.feed(tokens[:, :prompt])
        for end in range(prompt, 110):
            torch.testing.assert_close(
                logits, model(tokens[:, start:end])[:, -1], atol=1e-4, rtol=1e-4
            )
            assert end == prompt or CONTEXT // 2 <= end - start <= CONTEXT or start == 0
            logits = window.feed(tokens[:, end : end + 1])
            if end + 1 - start > CONTEXT:
                start = end + 1 - CONTEXT // 2
    assert start > 2 * CONTEXT // 2  # it slid


def same(a, b):
    return a.tobytes() == b.tobytes()


def test_a_piece_depends_on_its_own_seed_alone(model):
    first, second = generate(model, SHORT, seeds=[1, 2])
    assert same(generate(model, SHORT, seeds=[2])[0], second)
    assert not same(first, second)
    greedy = generate(model, SHORT.model_copy(update={"temperature": 0}), seeds=[1, 2])
    assert same(*greedy)


def test_pieces_go_on_beyond_the_context_to_the_length_asked_for(model):
    options = GenerationOptions(seconds=None, events=5 * CONTEXT, shortest=1.0)
    for notes in generate(model, options, seeds=[1, 2, 3]):
        assert 4 * CONTEXT < len(encode(notes)) <= 5 * CONTEXT
    options = GenerationOptions(seconds=30, shortest=0.9)
    for notes in generate(model, options, seeds=[1, 2]):
        assert 20 < notes["offset"].max() <= 30


def test_constraints_bind_new_notes_only(model):
    options = SHORT.model_copy(
        update={"scale": "C# major pentatonic", "velocity_range": (20, 40), "seconds": 6.0}
    )
    primer = make_notes([0, 0.5], [0.5, 0.9], [60, 62], [100, 100])
    for notes in generate(model, options, primer, seeds=[5, 6]):
        new = notes[notes["onset"] >= 0.9]
        assert list(notes["pitch"][:2]) == [60, 62] and len(new) == len(notes) - 2 > 0
        assert set(new["pitch"] % 12) <= {1, 3, 5, 8, 10}
        assert 17 <= new["velocity"].min() <= new["velocity"].max() <= 40


def test_a_continuation_begins_with_the_primer(model):
    primer = arpeggio(3)
    primer["onset"] += 7  # a primer is counted from its first note
    primer["offset"] += 7
    for seconds in (0.1, 1.0, 2.5):
        expected = decode(encode(cut_primer(primer, seconds)))
        options = SHORT.model_copy(update={"primer_seconds": seconds})
        for notes in generate(model, options, primer, seeds=[1, 2]):
            opening = notes[: len(expected)]
            for column in ("onset", "pitch", "velocity"):
                np.testing.assert_array_equal(opening[column], expected[column])
            ended = expected["offset"] < seconds
            np.testing.assert_array_equal(opening["offset"][ended], expected["offset"][ended])
            assert (notes["onset"][len(expected) :] >= seconds - 1e-9).all()
            assert notes["offset"].max() <= seconds + 3 + 1e-9


def test_notes_that_sound_at_the_cut_stay_open():
    primer = make_notes([2, 2.2], [2.5, 9], [60, 64], [64, 64])
    opening = primer_tokens(primer, 1.0)
    assert opening.steps == 100
    assert list(decode(opening.tokens)["pitch"]) == [60, 64]
    assert len(opening.tokens) == 6  # velocity, on, shift, on, shift, off
    assert primer_tokens(primer, 60.0).steps == 700  # a primer that is shorter is taken whole


def test_all_pieces_are_written_and_listed(places, tmp_path):
    generate_pieces(places / "model", places / "shards", tmp_path / "a", SHORT, seed=1, threads=1)
    generate_pieces(places / "model", places / "shards", tmp_path / "b", SHORT, seed=1, threads=1)
    names = piece_names(SHORT)
    assert {p.name for p in (tmp_path / "a").iterdir()} == {f"{n}.mid" for n in names} | {
        "pieces.csv"
    }
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    rows = {row["id"]: row for row in read_table(tmp_path / "a/pieces.csv")}
    assert list(rows) == names
    for name, row in rows.items():
        notes = read_midi(tmp_path / f"a/{name}.mid")
        assert len(notes) == int(row["notes"]) > 0
        assert notes["offset"].max() == pytest.approx(float(row["seconds"]), abs=0.02)
    assert rows["primer-01"]["recording"] == "test-0" and rows["primer-01"]["split"] == "test"
    assert rows["primer-02"]["recording"] == "valid-0" and rows["primer-02"]["split"] == "valid"
    assert rows["continued-02b"]["primer"] == "primer-02"
    assert rows["continued-02b"]["kind"] == "continuation"
    assert rows["continued-02b"]["primer_seconds"] == "1.0"
    primer, continued = (read_midi(tmp_path / f"a/{n}.mid") for n in ("primer-01", "continued-01a"))
    np.testing.assert_array_equal(primer["pitch"], continued["pitch"][: len(primer)])


def test_a_small_corpus_gives_its_recordings_again(places):
    primers = choose_primers(places / "shards", 6, seed=0)
    assert [p.split for p in primers] == ["test", "valid", "train", "train", "test", "valid"]
    assert len({p.recording for p in primers}) == 4


def test_a_primer_from_a_file(model, places, tmp_path):
    def compose(path):
        options = SHORT.model_copy(update={"primers": 1, "new": 0, "primer_file": str(path)})
        generate_pieces(places / "model", places / "shards", tmp_path / "out", options, seed=1)

    write_midi(tmp_path / "Mein Stück.mid", arpeggio(9))
    compose(tmp_path / "Mein Stück.mid")
    rows = read_table(tmp_path / "out/pieces.csv")
    assert {row["source"] for row in rows} == {"Mein Stück.mid"}
    assert {row["recording"] for row in rows} == {""}
    write_midi(tmp_path / "empty.mid", arpeggio(9)[:0])
    for name, message in (("empty.mid", "no pitched notes"), ("gone.mid", "does not exist")):
        with pytest.raises(InputError, match=message):
            compose(tmp_path / name)
    with pytest.raises(InputError, match="no notes"):
        generate(model, SHORT, arpeggio(9)[:0], seeds=[1])
