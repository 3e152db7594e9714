"""jexec(8), after jexec.c of 13.2 and 15.1: its options, user, environment and directory.

jail(8) with exec.clean does the same for the commands of jail.conf (command.c).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bsdvirt.host import tools
from bsdvirt_sim.context import Run, options, split_environment
from bsdvirt_sim.state import Jail

_LOCAL = "/usr/local/sbin:/usr/local/bin"


@dataclass(frozen=True)
class User:
    """A line of a user database."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


ROOT = User("root", 0, 0, "/root", "/bin/sh")
"""The host's root user."""


@dataclass(frozen=True)
class Call:
    """One call: the options before the jail's name, and the command."""

    name: str
    command: list[str]
    clean: bool = False
    inside: str = ""
    """-U: a user of the jail."""
    outside: str = ""
    """-u: a user of the host."""
    given: dict[str, str] | None = None
    """The environment where env(1) set it; None for the caller's own."""


@dataclass(frozen=True)
class Entry:
    """The user in the jail, with directory and environment."""

    user: User = ROOT
    directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)


def parse(run: Run, argv: Sequence[str]) -> Call:
    """Parse `[env -i NAME=VALUE …] jexec [-l] [-u USER | -U USER] JAIL COMMAND …`."""
    words = list(argv)
    given: dict[str, str] | None = None
    if words[:1] == [tools.ENV]:
        bare = words[1:2] == ["-i"]
        assignments, words = split_environment(words[2 if bare else 1 :])
        pairs = (word.partition("=") for word in assignments)
        given = ({} if bare else _caller_environment()) | {name: value for name, _, value in pairs}
    if words[:1] != [tools.JEXEC]:
        raise run.unknown("only jexec enters a jail")
    flags, rest = options(run, words[1:], "l", "uU")
    if len(rest) < 2 or ("u" in flags and "U" in flags):
        raise run.unknown(shlex.join(argv))
    return Call(
        rest[0],
        rest[1:],
        "l" in flags,
        flags.get("U", [""])[-1],
        flags.get("u", [""])[-1],
        given,
    )


def called(run: Run, argv: Sequence[str]) -> tuple[Call, Jail, Entry]:
    """Return the call, its jail and who runs the command. Ends as jexec(8) does on an error."""
    call = parse(run, argv)
    jail = run.jail(call.name)
    if jail is None:
        raise run.fail(f'jexec: jail "{call.name}" not found')
    return call, jail, enter(run, call, jail)


def enter(run: Run, call: Call, jail: Jail) -> Entry:
    """Return who runs the command. Ends as jexec(8) does where the user or home does not exist."""
    if call.outside not in ("", "root"):
        raise run.unknown("the host has no other user than root")
    environment = dict(call.given if call.given is not None else _caller_environment())
    if not (call.clean or call.inside or call.outside):
        return Entry(ROOT, "/", environment)
    user = ROOT
    if call.inside:
        found = users(run, jail).get(call.inside)
        if found is None:
            raise run.fail(f"jexec: {call.inside}: no such user")
        user = found
    if call.clean:
        environment = {"TERM": environment.get("TERM", "dumb")}
    environment |= of_user(user)
    named = bool(call.inside or call.outside)
    directory = "/"
    if call.clean and (named or run.release.goes_home):
        if not has_directory(run, jail, user.home):
            raise run.fail(f"jexec: chdir: {user.home}: No such file or directory")
        directory = user.home
    return Entry(user, directory, environment)


def users(run: Run, jail: Jail) -> dict[str, User]:
    """Return the users of a jail's root: its passwd(5) stands for the database made of it."""
    text = run.fs.read_beneath(jail.path, "etc/passwd") or ""
    found = {}
    for line in text.splitlines():
        words = line.split(":")
        if len(words) >= 7 and words[2].isdigit() and words[3].isdigit():
            found[words[0]] = User(words[0], int(words[2]), int(words[3]), words[5], words[6])
    return found


def of_user(user: User) -> dict[str, str]:
    """Return what setusercontext(3) and jexec(8) set, with FreeBSD's own login.conf."""
    return {
        "BLOCKSIZE": "K",
        "HOME": user.home,
        "MAIL": f"/var/mail/{user.name}",
        "PATH": f"/sbin:/bin:/usr/sbin:/usr/bin:{_LOCAL}:{user.home.rstrip('/')}/bin",
        "SHELL": user.shell or tools.SH,
        "USER": user.name,
    }


def has_directory(run: Run, jail: Jail, path: str) -> bool:
    """Whether the jail has that directory."""
    missing, wrong = run.fs.look_beneath(jail.path, path.strip("/") or ".")
    return not missing and not wrong


def _caller_environment() -> dict[str, str]:
    return {
        "HOME": ROOT.home,
        "LC_ALL": "C",
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
        "TERM": "dumb",
    }
