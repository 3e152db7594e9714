"""Enter a running guest: a command, or a login shell, on the caller's terminal."""

from __future__ import annotations

import os

from bsdvirt.errors import ConflictError
from bsdvirt.host import tools
from bsdvirt.jail.enter import check_user, variables, words_in
from bsdvirt.jail.facts.holds import read_holds
from bsdvirt.jail.facts.started import started_root

TYPE_CHECKING = False
# As in cli/streams.py. A command in a jail that runs needs none of these.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bsdvirt.guest.inventory import Guest, Inventory
    from bsdvirt.host.base import Host
    from bsdvirt.rows.jail import ProcessRow
    from bsdvirt.session.session import Session


def _need_running(session: Session, name: str, found: Inventory | None = None) -> Guest:
    from bsdvirt.facts.jls import read_jails
    from bsdvirt.guest.inventory import running_jail
    from bsdvirt.host.ahead import begin
    from bsdvirt.kinds import need_kind

    read = begin(lambda: read_jails(session.host))
    guest = (found or session.inventory(shallow=True)).guest(name)
    need_kind(guest, "jail", "nothing runs in it from here", f"bsdvirt console {name}, or ssh")
    if running_jail(guest, read()) is None:
        raise ConflictError(f"{name} is not running", f"bsdvirt start {name}")
    return guest


def attach(
    session: Session,
    name: str,
    command: Sequence[str],
    *,
    user: str = "root",
    found: Inventory | None = None,
) -> int:
    """Run a command in a jail; return its exit status. `found` is the inventory, if it was just
    read. Raises ConflictError if the jail does not run, HostError if nothing in it can run as that
    user."""
    root = _need_running(session, name, found).root
    return _attach(session.host, name, root, command, user, last=False)


def attach_started(host: Host, name: str, command: Sequence[str], user: str) -> int | None:
    """Do the same, in place of this process, if it is certain that the jail is a guest's and
    runs; else return None."""
    root = started_root(host, name)
    return None if root is None else _attach(host, name, root, command, user, last=True)


def _attach(
    host: Host, name: str, root: str, command: Sequence[str], user: str, *, last: bool
) -> int:
    holds = read_holds(host.fs, root)
    check_user(name, holds, user)
    words = words_in(name, holds, command, user)
    return host.attach(words, environment=variables(_term()), last=last)


def _term() -> str:
    return os.environ.get("TERM", "")


def package(session: Session, name: str, words: Sequence[str]) -> int:
    """Run pkg(8) for a jail: the host's with -j, which needs none in the jail; else the jail's."""
    _need_running(session, name)
    if session.host.fs.is_file(tools.PKG):
        return session.host.attach((tools.PKG, "-j", name, *words))
    return attach(session, name, ("pkg", *words))


def processes(session: Session, name: str) -> list[ProcessRow]:
    """Return the processes of a running jail, from ps(1) (captures/04). Raises ConflictError."""
    import json

    from bsdvirt.rows.jail import ProcessRow

    _need_running(session, name)
    # Neither -a nor -x: -J brings -x with it, and from 14 on -a selects every process of the host.
    argv = (tools.PS, "--libxo", "json", "-J", name, "-wwo", "pid,ppid,user,command")
    result = session.host.run(argv, changes=False)
    # A jail without any process: exit status 1, and nothing is said.
    if result.status == 1 and not result.stderr.strip():
        return []
    found = json.loads(result.check().stdout, strict=False)["process-information"]["process"]
    return [
        ProcessRow(
            pid=int(process["pid"]),
            ppid=int(process["ppid"]),
            user=process["user"],
            command=process["command"],
        )
        for process in found
    ]


def console(session: Session, name: str) -> int:
    """Give the caller's terminal a running guest's console: of a jail, a login shell of root's."""
    from bsdvirt.kinds import kind_of

    guest = session.inventory(shallow=True).guest(name)
    return session.host.attach(kind_of(guest).console(session.host, guest, _term()))
