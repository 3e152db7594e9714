"""jexec(8) on the caller's terminal: commands in a jail, and its console."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial

from bsdvirt.host import tools
from bsdvirt.host.base import DEFAULT_TIMEOUT
from bsdvirt_sim.context import Exit, Machine, Run, TimedOut, UnknownCommand
from bsdvirt_sim.jail.commands import Inside
from bsdvirt_sim.jail.jexec import called
from bsdvirt_sim.net.dad import settle


def attach(host: Machine, argv: Sequence[str]) -> int:
    """Run `jexec ...`, with or without env(1), with the caller's input and output."""
    command = argv[argv.index(tools.JEXEC) + 1 :] if tools.JEXEC in argv else ()
    if not command:
        raise UnknownCommand(argv, "only jexec takes the terminal")
    if command[-3:] == (tools.LOGIN, "-f", "root") or command[-1].endswith("exec sh -l"):
        return _console(host, argv)
    return _one(host, argv)


def _one(host: Machine, argv: Sequence[str], act: Callable[[Inside], int] | None = None) -> int:
    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=DEFAULT_TIMEOUT)
        settle(run)
        said: list[tuple[bool, str]] = []
        try:
            call, jail, entered = called(run, argv)
            inside = Inside(run, jail, strict=False, entered=entered)
            said = inside.said
            status = act(inside) if act else inside.execute(call.command)
        except Exit as end:
            status = end.status
        except TimedOut:
            # The user's time is real, not virtual: do not wait.
            status = 0
    _tell([*said, *((True, text) for text in run.err)])
    return status


def _line(text: str, inside: Inside) -> int:
    return inside.line(text, "sh")


def _tell(said: list[tuple[bool, str]]) -> None:
    for error, text in said:
        stream = sys.stderr if error else sys.stdout
        stream.write(text)
        stream.flush()


def _console(host: Machine, argv: Sequence[str]) -> int:
    """Run a root shell: read lines until `exit` or the end of input."""
    shown = name = ""

    def greet(inside: Inside) -> int:
        nonlocal shown, name
        if inside.execute(["/bin/sh", "-c", "true"]):
            return 1
        release = inside.jail.params.get("osrelease", inside.run.state.release)
        shown = inside.jail.params.get("host.hostname", "").partition(".")[0]
        name = inside.jail.name
        inside.say(f"FreeBSD {release}: a jail of a simulated host, with a few commands only.")
        return 0

    if _one(host, argv, greet):
        return 1
    while True:
        sys.stdout.write(f"root@{shown}:~ # ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line or line.strip() in ("exit", "logout"):
            sys.stdout.write("" if line else "\n")
            return 0
        if not line.strip():
            continue
        try:
            status = _one(host, argv, partial(_line, line))
        except UnknownCommand:
            _tell([(True, f"sh: the simulated jail does not know: {shlex.quote(line.strip())}\n")])
            continue
        if status == 1 and not _exists(host, name):
            # The jail was removed meanwhile, and the shell with it.
            return 137


def _exists(host: Machine, name: str) -> bool:
    with host.change() as state:
        return any(jail.name == name for jail in state.jails.values())
