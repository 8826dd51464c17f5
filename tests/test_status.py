"""Status tables and max_rejected."""

from pathlib import Path

import pytest

from soundmill.errors import InputError
from soundmill.status import check_rejected, read_table, write_table


def rows(ok, rejected, ignored=0):
    return [
        {"source": f"{status} {n}.mp3", "status": status, "reason": "why"}
        for status, count in (("ok", ok), ("rejected", rejected), ("ignored", ignored))
        for n in range(count)
    ]


def test_any_file_name_survives_the_table(tmp_path):
    names = ['a,"b".mp3', "line\nbreak.mp3", "日本.mp3", "caf\udce9.mp3", "=1+1.mp3", " x "]
    write_table(
        tmp_path / "t.csv", [{"source": name, "n": None} for name in names], ["source", "n"]
    )
    assert [row["source"] for row in read_table(tmp_path / "t.csv")] == names


@pytest.mark.parametrize(
    ("ok", "bad", "limit"), [(3, 1, 0.25), (95, 5, 0.05), (1, 0, 0.0), (1, 9, 1.0)]
)
def test_few_rejections_pass(ok, bad, limit):
    check_rejected(rows(ok, bad, ignored=50), limit, Path("t.csv"))


@pytest.mark.parametrize(
    ("ok", "bad", "limit", "said"),
    [
        (2, 1, 0.25, "1 of 3"),
        (0, 2, 1.0, "2 of 2"),
        (0, 0, 1.0, "no recording"),
        (94, 6, 0.05, "6 of 100"),
    ],
)
def test_too_many_rejections_stop_with_the_first_reason(ok, bad, limit, said):
    with pytest.raises(InputError, match=said) as caught:
        check_rejected(rows(ok, bad, ignored=3), limit, Path("t.csv"))
    assert "t.csv" in str(caught.value)
