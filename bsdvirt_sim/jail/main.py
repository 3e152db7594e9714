"""A jail's main command: a real process that runs a few commands."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence

from bsdvirt_sim.context import Exit, Machine, Run
from bsdvirt_sim.jail.commands import HOME_FIRST
from bsdvirt_sim.jail.jexec import called
from bsdvirt_sim.state import Process

TICK = 0.1


def run_main(host: Machine, words: Sequence[str]) -> int:
    """Run jexec(8) of `/bin/sh -c LINE`, as the jail's supervisor runs it."""
    with host.change() as state:
        run = Run(["/usr/sbin/jexec", *words], state, host.directory, changes=None, limit=0.0)
        try:
            call, jail, _ = called(run, run.argv)
        except Exit as end:
            sys.stderr.write("".join(run.err))
            return end.status
        line = _command_line(call.command)
        jail.processes.append(Process(os.getpid(), line, real=True))
    # SIGTERM ends it, as it would the command.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        return _line(host, line)
    finally:
        _remove_process(host)


def _command_line(command: list[str]) -> str:
    """Return the command: of a shell's line, what follows the change to the user's home."""
    if command[:2] == ["/bin/sh", "-c"] and len(command) == 3:
        return command[2].removeprefix(HOME_FIRST).lstrip()
    return shlex.join(command)


def _line(host: Machine, line: str) -> int:
    """Run commands joined by `;`."""
    status = 0
    for part in line.split(";"):
        match shlex.split(part):
            case []:
                continue
            case ["exit", number]:
                return int(number)
            case ["true"]:
                status = 0
            case ["false"]:
                status = 1
            case ["echo", *said]:
                print(" ".join(said), flush=True)
                status = 0
            case ["trap", "", "TERM"]:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case ["yes", *said]:
                _yes(host, " ".join(said) or "y")
            case ["sleep", seconds]:
                _sleep(host, float(seconds))
                status = 0
            case [name, *_]:
                print(f"{name}: not found", file=sys.stderr)
                status = 127
    return status


def _sleep(host: Machine, seconds: float) -> None:
    """Sleep, as long as the host exists."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and host.directory.exists():
        time.sleep(min(TICK, max(0.0, end - time.monotonic())))


def _yes(host: Machine, said: str) -> None:
    """Print as fast as it is read."""
    text = f"{said}\n" * 1024
    while host.directory.exists():
        sys.stdout.write(text)
        sys.stdout.flush()


def _remove_process(host: Machine) -> None:
    if not host.directory.exists():
        return
    with host.change() as state:
        for jail in state.jails.values():
            jail.processes = [p for p in jail.processes if not (p.real and p.pid == os.getpid())]
