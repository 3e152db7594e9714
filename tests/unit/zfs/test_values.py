"""Values that zfs(8) did not report are not missing values."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.errors import CommandError
from bsdvirt.host.base import Result
from bsdvirt.zfs.values import read_values
from bsdvirt_sim import SimHost

GONE = "cannot open 'tank/nosuch': dataset does not exist\n"


def answered(monkeypatch: pytest.MonkeyPatch, host: SimHost, result: Result) -> None:
    monkeypatch.setattr(host, "run", lambda argv, **how: result)


def test_those_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    assert list(read_values(SimHost(tmp_path), ["tank", "tank/nosuch"], ["mounted"])) == ["tank"]


@pytest.mark.parametrize(
    "result",
    [
        Result((), 1, "", "cannot open 'tank/a': I/O error\n"),
        Result((), 1, "", GONE + "internal error: out of memory\n"),
        Result((), 1, "", ""),
        Result((), -13, "", "it printed more than 16 MiB\n"),
        Result((), 1, "", GONE, timed_out=True),
    ],
)
def test_no_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Result
) -> None:
    host = SimHost(tmp_path)
    answered(monkeypatch, host, result)
    with pytest.raises(CommandError):
        read_values(host, ["tank/a"], ["mounted"])
