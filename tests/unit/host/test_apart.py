"""What runs in a guest for a user at a terminal cannot type on that terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 30.0
CALLER = """
import select, sys, termios
from bsdvirt.host.real import RealHost
before = termios.tcgetattr(2)
status = RealHost().attach([sys.executable, "-c", sys.argv[1]])
print(f"status {status}, restored {termios.tcgetattr(2) == before},"
      f" typed {bool(select.select([0], [], [], 0)[0])}", file=sys.stderr)
"""
HOSTILE = """
import fcntl, os, sys, termios
print("session", os.getsid(0) == os.getpid(), "parent's", os.getsid(os.getppid()) == os.getsid(0))
for fd in (0, 1, 2):
    for letter in b"touch pwned\\n":
        try:
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([letter]))
        except OSError:
            break
print("typed", flush=True)
"""


class Terminal:
    """A user's terminal, with a program in its foreground that runs a command in a guest."""

    def __init__(self, script: str, stdout: int | None = None) -> None:
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if stdout is not None:
                    os.dup2(stdout, 1)
                os.chdir(REPOSITORY)
                os.execv(sys.executable, [sys.executable, "-c", CALLER, script])
            finally:
                os._exit(99)

    def until(self, words: str) -> str:
        """Read until these words are shown."""
        deadline = time.monotonic() + PATIENCE
        while words.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.fd], [], [], 1)[0]:
                self.shown += os.read(self.fd, 65536)
        return self.shown.decode()

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> None:
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def make(script: str, stdout: int | None = None) -> Terminal:
        made.append(Terminal(script, stdout))
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_nothing_is_typed_for_the_caller(terminal: Callable[..., Terminal]) -> None:
    user = terminal(HOSTILE)
    shown = user.until("restored True")
    assert "session True parent's False" in shown
    assert "status 0" in shown
    assert "typed False" in user.until("typed False")


def test_a_command_is_used_as_on_the_callers_terminal(terminal: Callable[..., Terminal]) -> None:
    user = terminal(
        "import os, signal, sys\n"
        "def resized(*_): print(os.get_terminal_size(1), flush=True)\n"
        "signal.signal(signal.SIGWINCH, resized)\n"
        "print(os.get_terminal_size(1), os.tcgetpgrp(0) == os.getpgrp(), flush=True)\n"
        "try:\n"
        "    print('got', sys.stdin.readline().upper(), flush=True)\n"
        "    sys.stdin.readline()\n"
        "except KeyboardInterrupt: sys.exit(7)\n"
    )
    user.until("True")
    fcntl.ioctl(user.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    user.until("columns=77, lines=33")
    user.type("hello\r")
    assert "got HELLO" in user.until("got HELLO")
    user.type("\x03")
    assert "status 7, restored True" in user.until("restored")


def test_in_a_pipeline_it_reads_the_terminal_and_gets_signals(
    terminal: Callable[..., Terminal],
) -> None:
    reader, writer = os.pipe()
    user = terminal(
        "import os, sys\n"
        "try:\n"
        "    print(sys.stdin.readline(), os.getsid(0) == os.getpid(), flush=True)\n"
        "    sys.stdin.readline()\n"
        "except KeyboardInterrupt: sys.exit(7)\n",
        stdout=writer,
    )
    os.close(writer)
    user.type("hello\r")
    said = b""
    while b"True" not in said:
        said += os.read(reader, 100)
    user.type("\x03")
    assert "status 7, restored True" in user.until("restored")
    os.close(reader)


def test_a_process_that_stays_is_not_waited_for(terminal: Callable[..., Terminal]) -> None:
    user = terminal(
        "import subprocess, sys\n"
        "subprocess.Popen(['/bin/sh', '-c', 'trap \"\" HUP; exec sleep 60'])\n"
        "print('begun', flush=True)\nsys.exit(5)\n"
    )
    assert "status 5" in user.until("restored True")


def test_a_terminal_that_goes_ends_the_command(terminal: Callable[..., Terminal]) -> None:
    user = terminal("import os, time\nprint(f'<{os.getpid()}>', flush=True)\ntime.sleep(60)\n")
    inner = int(user.until(">").partition("<")[2].partition(">")[0])
    os.kill(user.pid, signal.SIGTERM)
    user.until("restored True")
    with pytest.raises(ProcessLookupError):
        os.kill(inner, 0)
