"""A second signal hastens: the orderly end of a guest is given up on, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt.host.interrupt import SIGNALS, Interrupt
from bsdvirt.host.real import RealHost


@pytest.fixture
def patient() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("patient")
def test_the_second_signal_hastens() -> None:
    interrupt = Interrupt()
    told: list[str] = []
    interrupt.install()
    interrupt.be_patient(told.append)
    os.kill(os.getpid(), signal.SIGTERM)
    assert (interrupt.hurried, interrupt.pending) == (False, False)
    os.kill(os.getpid(), signal.SIGINT)
    assert (interrupt.hurried, interrupt.pending) == (True, False)
    assert told == ["SIGTERM", "SIGINT"]


def test_what_it_hastens() -> None:
    interrupt = Interrupt()
    stop = (tools.JAIL, "-f", "/x.conf", "-r", "web")
    assert not interrupt.hastens(stop)
    interrupt.hurry()
    assert interrupt.hastens(stop)
    assert not interrupt.hastens((tools.JAIL, "-R", "web"))
    assert not interrupt.hastens((tools.ZFS, "destroy", "-r", "tank"))


def test_a_real_command_is_given_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jail = tmp_path / "jail"
    jail.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    jail.chmod(0o755)
    monkeypatch.setattr(tools, "JAIL", str(jail))
    host = RealHost()
    host.interrupt.hurry()
    began = time.monotonic()
    result = host.run((str(jail), "-r", "web"), changes=True)
    assert result.timed_out
    assert time.monotonic() - began < 10
