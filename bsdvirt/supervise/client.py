"""The modes for a virtual machine: its supervisor, what is asked of one, and a viewer of the
guest's console."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import termios
from collections.abc import Callable
from functools import partial

from bsdvirt.supervise.attend import in_background, take_lock
from bsdvirt.supervise.console import make_raw
from bsdvirt.supervise.files import Failed, Json, read_json, try_lock
from bsdvirt.supervise.runs import JOB, LOOKING, SOCKET, STATE
from bsdvirt.supervise.server import line
from bsdvirt.supervise.vm import ALIVE, Refused, Vm

ENDING = 15.0
"""Seconds to wait for a supervisor that ends by itself."""
LOCK = "supervisor.lock"
NO_SUPERVISOR = 3
FORCED = 4
IDLE = 2.0
"""Seconds without output after which a viewer whose input has ended leaves."""
LEAVE = 0x1D
"""Ctrl-]."""
Answer = tuple[socket.socket, Json, bytes]
"""A connection, the supervisor's answer, and what came after it."""


class Gone(Exception):  # noqa: N818
    """The supervisor ended before it answered."""


def _ask(request: Json, patience: float | None = None) -> Answer | None:
    """Ask the supervisor; None where there is none. Raises Gone, and Failed where it
    refuses."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience)
    try:
        # Its path may be longer than an address holds, so it is named from where we are.
        link.connect(SOCKET)
        link.sendall(line(request))
        text = b""
        while b"\n" not in text:
            data = link.recv(65536)
            if not data:
                raise Gone
            text += data
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    except ConnectionError:
        raise Gone from None
    first, _, rest = text.partition(b"\n")
    answer = json.loads(first)
    if not answer.get("ok"):
        raise Failed(answer.get("error", "the supervisor refused"))
    return link, answer, rest


def _answers() -> bool:
    """Whether a supervisor answers."""
    with contextlib.suppress(Gone, Failed, OSError, ValueError):
        if (asked := _ask({"do": "status"}, LOOKING)) is not None:
            asked[0].close()
            return True
    return False


def _none_runs() -> int:
    print("no supervisor runs for this guest", file=sys.stderr)
    return NO_SUPERVISOR


def _state() -> str:
    return str(read_json(STATE).get("state"))


def start() -> int:
    """Attend the guest in the background; return once it runs."""
    word = in_background(_serve)
    if word not in ("ok", "already"):
        raise Failed(word.removeprefix("failed: ") or "the supervisor ended; see supervisor.log")
    print("started" if word == "ok" else "already")
    return 0


def _serve(ready: int, adopt: bool = False) -> None:
    lock = take_lock(LOCK, _answers, LOOKING)
    if lock is None:
        stopping = b"failed: it is just being stopped; try again in a moment"
        os.write(ready, stopping if _state() == "stopping" else b"already")
        return
    vm = Vm(lock, ready)
    for fd in (1, 2):
        os.dup2(vm.notes.fd, fd)
    vm.run(adopt)


def foreground() -> int:
    """Attend the guest in this process, until it has powered off."""
    lock = take_lock(LOCK, _answers, LOOKING)
    if lock is None:
        raise Failed("a supervisor keeps this guest already")
    vm = Vm(lock)
    if not vm.run():
        raise Failed(vm.failure)
    return 0


def stop(timeout: float | None, force: bool) -> int:
    """Have the guest stopped, and wait for it."""
    there, word = True, ""
    while True:
        with contextlib.suppress(Gone, ConnectionError):
            asked = _ask({"do": "stop", "timeout": timeout, "force": force})
            there = asked is not None or bool(word)
            if asked is not None and (end := _follow_stop(asked)):
                print(end)
                return 0 if end == "stopped" else FORCED
        # There was none, it was killed, or it is just ending.
        lock = try_lock(LOCK, ENDING)
        if lock is None or (word and _state() in ALIVE):
            raise Failed(word.removeprefix("failed: ") or "its supervisor does not answer")
        os.close(lock)
        if _state() not in ALIVE:
            if not there:
                return _none_runs()
            print("stopped")
            return 0
        # What it left needs another.
        word = in_background(partial(_serve, adopt=True))


def _follow_stop(asked: Answer) -> str:
    """Show the progress; return how the guest ended, or nothing where the supervisor ended
    first. Raises Failed where the guest goes on."""
    link, _, rest = asked
    with link, link.makefile("rb") as stream:
        if rest and not rest.endswith(b"\n"):
            rest += stream.readline()
        lines = rest.splitlines()
        while lines or (lines := [stream.readline()]) != [b""]:
            told = json.loads(lines.pop(0))
            if "progress" in told:
                print(told["progress"], file=sys.stderr, flush=True)
            if "error" in told:
                raise Failed(told["error"])
            if "end" in told:
                return str(told["end"])
    return ""


def console(log: bool) -> int:
    """Be the guest's terminal."""
    asked = _ask({"do": "console", "log": log})
    if asked is None:
        return _none_runs()
    link, _, rest = asked
    name = read_json(JOB).get("name", "the guest")
    if _view(link, name, rest):
        return 0
    if _state() in ALIVE:
        raise Failed(f"the supervisor of {name} is gone: `bsdvirt start {name}` replaces it")
    if os.isatty(0):
        print(f"\n{name} has ended.", file=sys.stderr)
    return 0


def control(verb: str) -> int:
    """Reset, pause, resume or interrupt the guest."""
    return _none_runs() if _ask({"do": verb}) is None else 0


def main(mode: str, directory: str, timeout: float | None, words: list[str]) -> int:
    """Do what the words say, in the guest's run directory; the exit status."""
    modes: dict[str, Callable[[], int]] = {
        "start": start,
        "foreground": foreground,
        "stop": lambda: stop(timeout, "--force" in words),
        "console": lambda: console("--log-first" in words),
    }
    os.umask(0o077)
    try:
        os.chdir(directory)
        return modes[mode]() if mode in modes else control(mode)
    except (FileNotFoundError, NotADirectoryError, Gone):
        return _none_runs()
    except Refused as error:
        raise Failed(str(error)) from None


def _view(link: socket.socket, name: str, data: bytes) -> bool:
    """Show `data`, and pass bytes both ways; whether it was the user who left, or whose input
    has ended."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    before = None
    if os.isatty(0):
        print(f"The console of {name}; leave it with ~. or Ctrl-]", file=sys.stderr, flush=True)
        before = make_raw(0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        left = _pass(link, data)
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    if left and before is not None:
        print("\nLeft the console.", file=sys.stderr)
    return left


def _pass(link: socket.socket, data: bytes) -> bool:
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(link, select.POLLIN)
    keys = Keys()
    _write_all(1, data)
    patience: float | None = None
    while True:
        ready = {fd for fd, _ in poll.poll(patience)}
        if not ready:
            return True
        if link.fileno() in ready:
            try:
                data = link.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return patience is not None
            _write_all(1, data)
        if 0 in ready:
            data = os.read(0, 4096)
            with contextlib.suppress(OSError):  # The other direction tells how it ended.
                link.sendall(keys.pass_on(data))
                if not data:
                    link.sendall(keys.held())
                    link.shutdown(socket.SHUT_WR)
            if keys.leave:
                return True
            if not data:
                # What was typed is still answered; a guest that falls silent then has ended.
                poll.unregister(0)
                patience = IDLE * 1000


class Keys:
    """What is typed, but for the two ways to leave: Ctrl-], and ~. on a line of its own."""

    def __init__(self) -> None:
        self.at_line = True
        self.tilde = False
        self.leave = False

    def held(self) -> bytes:
        """Return what was typed last, and might have been the beginning of a way to leave."""
        return b"~" if self.tilde and not self.leave else b""

    def pass_on(self, data: bytes) -> bytes:
        """Return what of it is the guest's."""
        passed = bytearray()
        for key in data:
            if key == LEAVE or (self.tilde and key == ord(".")):
                self.leave = True
                break
            if self.tilde:
                self.tilde = False
                passed += b"~"
                if key == ord("~"):
                    self.at_line = False
                    continue
            elif self.at_line and key == ord("~"):
                self.tilde = True
                continue
            passed.append(key)
            self.at_line = key in b"\r\n"
        return bytes(passed)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
