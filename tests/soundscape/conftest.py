import pytest
from soundscape.tiny_model import build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny corpus and a model of it; read only."""
    return build(tmp_path_factory.mktemp("tiny"))
