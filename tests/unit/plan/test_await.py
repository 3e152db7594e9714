"""Waiting for what appears by itself, and the progress of tools that move bytes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import StepError
from bsdvirt.plan import events
from bsdvirt.plan.act import act
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.render import shell
from bsdvirt.plan.step import Await, Command, Plan, Step


def test_a_device_that_appears_is_waited_for(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    threading.Timer(0.2, (tmp_path / "zvol").touch).start()
    act(host, Await("/zvol", 10.0))
    assert (tmp_path / "zvol").exists()


def test_one_that_never_appears_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="/zvol did not appear"):
        act(FakeHost(tmp_path), Await("/zvol", 0.1))


def test_waiting_as_shell() -> None:
    assert shell(Await("/dev/zvol/a b")) == "until test -e '/dev/zvol/a b'; do sleep 0.1; done"


@pytest.mark.parametrize(
    ("line", "done"),
    [
        # bin/dd/misc.c of 13.2, progress() and summary(); qemu-img's -p.
        ("  1048576 bytes (1049 kB, 1024 KiB) transferred 1.002s, 1047 kB/s", 1048576),
        ("4000000 bytes transferred in 0.160475 secs (31157565 bytes/sec)", 4000000),
        ("    (25.50/100%)", 1020000),
        ("4+1 records in", None),
        ("dd: /dev/zvol/x: No space left on device", None),
    ],
)
def test_progress_of_what_moves_bytes(tmp_path: Path, line: str, done: int | None) -> None:
    (tmp_path / "state").mkdir()
    host = FakeHost(tmp_path)
    host.fails["move"] = [(0, line + "\n")]
    told: list[events.Event] = []
    step = Step(Command(("move",)), "copy", size=4000000)
    Executor(host, "/state", told.append).run(Plan("try", "x", steps=(step,), op="1"))
    assert [e.done for e in told if isinstance(e, events.Progress)] == [done] * (done is not None)
