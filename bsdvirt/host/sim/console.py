"""jexec(8) on the caller's terminal: commands in a jail, and its console."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bsdvirt.host import tools
from bsdvirt.host.base import DEFAULT_TIMEOUT
from bsdvirt.host.sim.context import Exit, Run, TimedOut, UnknownCommand
from bsdvirt.host.sim.jailexec import Inside
from bsdvirt.host.sim.state import Jail

if TYPE_CHECKING:
    from bsdvirt.host.sim.host import SimHost


def attach(host: SimHost, argv: Sequence[str]) -> int:
    """Run `jexec ...` with the caller's own input and output."""
    words = list(argv)
    if words[:1] != [tools.JEXEC]:
        raise UnknownCommand(argv, "only jexec takes the terminal")
    words = words[1:]
    user = ""
    if words[:2] == ["-l", "-U"] and len(words) > 3:
        user, words = words[2], words[3:]
    elif words[:1] == ["-l"]:
        # Without -U, who is in the jail is root by number, at the host's root's home.
        user, words = "root", words[1:]
    if len(words) < 2 or words[0].startswith("-"):
        raise UnknownCommand(argv)
    name, command = words[0], words[1:]
    if command == [tools.LOGIN, "-f", "root"] or command[-1].endswith("exec sh -l"):
        return _console(host, argv, name)
    return _one(host, argv, name, lambda inside: inside.execute(command), user)


def _one(
    host: SimHost, argv: Sequence[str], name: str, act: Callable[[Inside], int], user: str
) -> int:
    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=DEFAULT_TIMEOUT)
        jail = run.jail(name)
        if jail is None:
            _tell([(True, f'jexec: jail "{name}" not found\n')])
            return 1
        inside = Inside(run, jail, strict=False)
        if user:
            home = _home(run, jail, user)
            if home is None:
                _tell([(True, f"jexec: {user}: no such user\n")])
                return 1
            inside.directory = home
        try:
            status = act(inside)
        except Exit as end:
            status = end.status
        except TimedOut:
            # Nobody waits here but the user, whose time is not virtual.
            status = 0
    _tell(inside.said)
    return status


def _home(run: Run, jail: Jail, user: str) -> str | None:
    """The home of a user of the jail's, or None where it has no such user."""
    if user == "root":
        return "/root"
    text = run.fs.read_beneath(jail.path, "etc/passwd") or ""
    entries = [line.split(":") for line in text.splitlines()]
    return next((entry[5] for entry in entries if entry[0] == user and len(entry) > 5), None)


def _line(text: str, inside: Inside) -> int:
    return inside.line(text, "sh")


def _tell(said: list[tuple[bool, str]]) -> None:
    for error, text in said:
        stream = sys.stderr if error else sys.stdout
        stream.write(text)
        stream.flush()


def _console(host: SimHost, argv: Sequence[str], name: str) -> int:
    """A root shell: lines are read until `exit` or the end of input."""
    shown = ""

    def greet(inside: Inside) -> int:
        nonlocal shown
        release = inside.jail.params.get("osrelease", inside.run.state.release)
        shown = inside.jail.params.get("host.hostname", "").partition(".")[0]
        inside.say(f"FreeBSD {release}: a jail of a simulated host, with a few commands only.")
        return 0

    if _one(host, argv, name, greet, "root"):
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
            status = _one(host, argv, name, partial(_line, line), "root")
        except UnknownCommand:
            _tell([(True, f"sh: the simulated jail does not know: {shlex.quote(line.strip())}\n")])
            continue
        if status == 1 and not _there(host, name):
            # The jail was removed meanwhile, and the shell with it.
            return 137


def _there(host: SimHost, name: str) -> bool:
    with host.change() as state:
        return any(jail.name == name for jail in state.jails.values())
