"""The argument lists that run something in a jail, as a user of it. Pure.

jexec(8) with -l goes to the user's home and fails where there is none, as www and nobody
have none: so it is run without, in an environment of ours. With -U it takes what a login
sets (PATH, HOME, USER, SHELL, groups, limits) from the jail's own database of users. What it
runs there goes to the home where it can, and else stays in /.
"""

from __future__ import annotations

from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Sequence

GO_HOME = 'cd -- "$HOME" 2>/dev/null || cd /'
RUN_WORDS = f'{GO_HOME}; exec "$0" "$@"'
LOGIN_SHELL = f"{GO_HOME}; command -v bash >/dev/null && exec bash -l; exec sh -l"
ENVIRONMENT = {"PATH": tools.SEARCH_PATH, "HOME": "/root", "USER": "root", "SHELL": tools.SH}
"""What root has where nothing in the jail says more."""
SU = "su"
"""A jail's own, where its users are in no database that jexec(8) reads."""


class Holds(Record):
    """What a jail's root holds."""

    users: bool = True
    """FreeBSD's database of users."""
    shell: bool = True
    """/bin/sh."""
    login: bool = True
    """login(1)."""


def variables(term: str = "") -> dict[str, str]:
    """Return the environment of a command: nothing of the caller's but the terminal's type."""
    return ENVIRONMENT | ({"TERM": term} if term else {})


def environment(term: str = "") -> tuple[str, ...]:
    """Return the same as env(1) in front of the command."""
    return (tools.ENV, "-i", *(f"{name}={value}" for name, value in variables(term).items()))


def check_user(name: str, holds: Holds, user: str) -> None:
    """Raises HostError where nothing in the jail can make a command that user's."""
    if user != "root" and not holds.users and not holds.shell:
        raise HostError(
            f"{name}: its root has neither a database of users nor /bin/sh: nothing there runs"
            f" as {user}",
            "run it as root",
        )


def words_in(name: str, holds: Holds, words: Sequence[str], user: str = "root") -> tuple[str, ...]:
    """jexec(8) of a command with its arguments. The jail's own shell starts it where there is
    one, so that a command which does not exist is 127, as in sh(1)."""
    if holds.shell:
        return _shell_in(name, holds, user, RUN_WORDS, words)
    return (*enter(name, holds, user), *words)


def line_in(name: str, holds: Holds, line: str, user: str = "root") -> tuple[str, ...]:
    """jexec(8) of a line for the jail's shell; without one, of the words that it is made of."""
    if holds.shell:
        return _shell_in(name, holds, user, f"{GO_HOME}\n{line}", ())
    import shlex

    return (*enter(name, holds, user), *shlex.split(line))


def login_in(name: str, holds: Holds) -> tuple[str, ...]:
    """jexec(8) of a login shell of root's, as login(1) gives it; without that, of bash where
    it is there, else of sh."""
    if holds.users and holds.login:
        return (tools.JEXEC, name, tools.LOGIN, "-f", "root")
    return (tools.JEXEC, name, tools.SH, "-c", LOGIN_SHELL)


def _shell_in(
    name: str, holds: Holds, user: str, line: str, words: Sequence[str]
) -> tuple[str, ...]:
    if user != "root" and not holds.users:
        return (tools.JEXEC, name, SU, "-s", tools.SH, "-c", line, "--", user, *words)
    return (*enter(name, holds, user), tools.SH, "-c", line, *words)


def enter(name: str, holds: Holds, user: str = "root") -> tuple[str, ...]:
    """jexec(8), as a user of the jail's own database where it has one."""
    return (tools.JEXEC, *(("-U", user) if holds.users else ()), name)
