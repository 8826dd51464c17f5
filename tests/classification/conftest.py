import pytest
from heard_task import build


@pytest.fixture(scope="session")
def heard(tmp_path_factory):
    """A corpus of sounds, its task, and learners of it; read only."""
    folder = tmp_path_factory.mktemp("heard")
    build(folder)
    return folder
