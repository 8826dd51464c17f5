"""Folders that are written whole or not at all."""

import os

import pytest

from soundmill.files import atomic_folder


def test_a_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    folder = tmp_path / "deep" / "model"
    for name in ("first", "second"):
        with atomic_folder(folder) as draft:
            (draft / name).write_text(name)
            assert not (folder / name).exists()
        assert [path.name for path in folder.iterdir()] == [name]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_what_fails_leaves_the_old_folder_and_nothing_beside_it(tmp_path):
    with atomic_folder(tmp_path / "model") as draft:
        (draft / "kept").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "model") as draft:
        (draft / "half").touch()
        raise ZeroDivisionError
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == [
        "model",
        "model/kept",
    ]
