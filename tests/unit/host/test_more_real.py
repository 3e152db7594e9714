"""Pipes on the real host: neither end is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bsdvirt.errors import Interrupted
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.real import RealHost

SH = "/bin/sh"
PATIENCE = 4.0


@pytest.fixture
def host() -> RealHost:
    return RealHost()


@pytest.mark.parametrize("missing", ["left", "right"])
def test_pipe_without_one_of_its_tools(host: RealHost, missing: str) -> None:
    """The other one must not be left running."""
    tools = {"left": ("/bin/sleep", "61.5"), "right": ("/bin/cat",), missing: ("/nosuch/tool",)}
    began = time.monotonic()
    result = host.pipe(tools["left"], tools["right"])
    assert result.status == 127
    assert "/nosuch/tool: No such file" in result.stderr
    assert time.monotonic() - began < PATIENCE
    assert _left_running("sleep\x0061.5") == []


def _left_running(words: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if words in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def test_an_interrupt_ends_both_ends_of_a_pipe() -> None:
    interrupt = Interrupt()
    threading.Timer(0.3, interrupt.ask, ("SIGTERM",)).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        RealHost(interrupt).pipe(("/bin/sleep", "62.5"), (SH, "-c", "cat; sleep 63.5"))
    assert time.monotonic() - began < PATIENCE
    assert _left_running("sleep\x0062.5") == []
    assert _left_running("sleep\x0063.5") == []


def test_no_descriptor_is_left_by_commands(host: RealHost) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        host.pipe(("/bin/echo", "x"), ("/bin/cat",))
        host.pipe(("/bin/sleep", "0.1"), ("/nosuch/tool",))
    assert len(os.listdir("/proc/self/fd")) == before
