"""Into a running guest: a command, or a login shell, on the caller's terminal."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.app.session import Session
from bsdvirt.errors import ConflictError
from bsdvirt.host import tools
from bsdvirt.host.facts import read_jails
from bsdvirt.store.guests import running_jail


def _need_running(session: Session, name: str) -> None:
    found = session.inventory()
    found.guest(name)
    if running_jail(found.layout, name, read_jails(session.host)) is None:
        raise ConflictError(f"{name} is not running", f"bsdvirt start {name}")


def attach(session: Session, name: str, command: Sequence[str], *, user: str = "root") -> int:
    """Run a command in a jail; its exit status. Raises ConflictError where it does not run.

    The jail's own shell starts it, so that a command which is not there is 127, as in sh(1).
    """
    _need_running(session, name)
    shell = (tools.SH, "-c", 'exec "$0" "$@"')
    return session.host.attach((tools.JEXEC, "-l", "-U", user, name, *shell, *command))


def console(session: Session, name: str) -> int:
    """A login shell of root's, as login(1) gives it."""
    _need_running(session, name)
    return session.host.attach((tools.JEXEC, name, tools.LOGIN, "-f", "root"))
