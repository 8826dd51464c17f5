import json

import pytest
import torch

from soundmill.errors import InputError
from soundmill.music.limits import Limits
from soundmill.music.model import MusicTransformer, load_model, relative_logits, save_model
from soundmill.music.network_options import NetworkOptions
from soundmill.music.vocabulary import SIZE

TINY = NetworkOptions(width=16, layers=2, heads=2, context=24)


def make_model(positions="relative") -> MusicTransformer:
    torch.manual_seed(0)
    model = MusicTransformer(TINY.model_copy(update={"positions": positions})).eval()
    with torch.no_grad():  # large enough that positions and attention matter
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


def random_tokens(batch: int, length: int) -> torch.Tensor:
    return torch.randint(0, SIZE, (batch, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (1, 9), (4, 9)])
def test_skewing_equals_the_naive_form(n, m):
    query, embedding = torch.randn(2, 3, n, 5), torch.randn(3, m, 5)
    skewed = relative_logits(query, embedding)
    assert skewed.shape == (2, 3, n, m)
    for i in range(n):
        for j in range(m - n + i + 1):
            distance = (m - n + i) - j
            naive = (query[:, :, i] * embedding[:, m - 1 - distance]).sum(-1)
            torch.testing.assert_close(skewed[:, :, i, j], naive)


@pytest.mark.parametrize("positions", ["relative", "learned", "sinusoidal"])
def test_logits_do_not_see_the_future_but_see_order(positions):
    model, tokens = make_model(positions), random_tokens(2, 24)
    changed = tokens.clone()
    changed[:, 15:] = random_tokens(2, 9).flip(0)
    with torch.inference_mode():
        before, after = model(tokens), model(changed)
        swapped = model(tokens[:, [1, 0, *range(2, 24)]])
    torch.testing.assert_close(before[:, :15], after[:, :15])
    assert not torch.allclose(before[:, 15:], after[:, 15:])
    assert not torch.allclose(before[:, -1], swapped[:, -1])


@pytest.mark.parametrize("positions", ["relative", "learned", "sinusoidal"])
@pytest.mark.parametrize("pieces", [[24], [1] * 24, [5, 1, 1, 10, 7]])
def test_memory_gives_the_logits_of_the_whole_prefix(positions, pieces):
    model, tokens = make_model(positions), random_tokens(3, 24)
    with torch.inference_mode():
        memory = model.new_memory(3)
        remembered = torch.cat([model(part, memory) for part in tokens.split(pieces, 1)], 1)
        torch.testing.assert_close(remembered, model(tokens), atol=1e-4, rtol=1e-4)


def test_relative_logits_depend_on_distance_alone():
    """The same events in a longer window: a one-layer network that attends far sees no shift."""
    torch.manual_seed(0)
    model = MusicTransformer(NetworkOptions(width=16, layers=1, heads=2, context=24)).eval()
    tokens = random_tokens(1, 12)
    short = model(tokens)
    model.options = model.options.model_copy(update={"context": 12})
    for block in model.blocks:
        block.attention.distance.data = block.attention.distance.data[:, -12:]
    torch.testing.assert_close(model(tokens), short)


def test_more_events_than_the_context_are_refused():
    with pytest.raises(ValueError, match="24"):
        make_model()(random_tokens(1, 25))


def test_a_saved_model_loads_with_the_same_weights(tmp_path):
    model = make_model()
    weights = model.state_dict()
    save_model(tmp_path / "model", TINY, weights)
    save_model(tmp_path / "model", TINY, weights, weights, Limits(2.5, 7))  # over an old one
    loaded = load_model(tmp_path / "model")
    assert not loaded.training and loaded.limits == Limits(2.5, 7)
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), atol=0, rtol=0)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"model.safetensors", "last.safetensors", "config.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_best_and_last_weights_are_told_apart(tmp_path):
    best, last = make_model().state_dict(), make_model().state_dict()
    last = {name: value + 1 for name, value in last.items()}
    save_model(tmp_path / "model", TINY, best, last)
    for weights, wanted in (("best", best), ("last", last)):
        loaded = load_model(tmp_path / "model", weights).state_dict()
        torch.testing.assert_close(loaded, wanted, atol=0, rtol=0)
    save_model(tmp_path / "model", TINY, best)
    with pytest.raises(InputError, match=r"last\.safetensors"):
        load_model(tmp_path / "model", "last")


def _no_folder(folder):
    for path in folder.iterdir():
        path.unlink()


def _bad_json(folder):
    (folder / "config.json").write_text("{")


def _other_json(folder):
    (folder / "config.json").write_text("[]")


def _flipped_bit(folder):
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def _edit_config(key, value):
    def edit(folder):
        config = json.loads((folder / "config.json").read_text())
        config[key] = value
        (folder / "config.json").write_text(json.dumps(config))

    return edit


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_no_folder, "not a readable model folder"),
        (_bad_json, "not a readable model folder"),
        (_other_json, "not that of a music model"),
        (_flipped_bit, "checksum"),
        (_edit_config("vocabulary", {"size": 400}), "vocabulary"),
        (_edit_config("network", {"width": 32}), "does not fit"),
        (_edit_config("network", {"depth": 3}), "does not fit"),
    ],
)
def test_a_harmed_model_folder_is_a_clear_error(tmp_path, harm, message):
    save_model(tmp_path / "model", TINY, make_model().state_dict())
    harm(tmp_path / "model")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "model")
