"""Which jail or process of the host a running guest is: by that its usage is counted."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host.fs import Fs
from bsdvirt.layout import host_end, tap


class Running(Struct, frozen=True):
    """A guest that runs: a jail has a jid, a virtual machine the pid of its bhyve."""

    guest: Guest
    jid: int | None = None
    pid: int | None = None

    @property
    def run(self) -> tuple[int | None, int | None]:
        """What differs after it was started again."""
        return self.jid, self.pid

    @property
    def ports(self) -> list[str]:
        """The host's sides of its interfaces, by number."""
        identity = self.guest.identity
        port = host_end if self.pid is None else tap
        return [port(identity.id, nic) for nic in range(len(identity.nics))]


def running_guests(
    fs: Fs, guests: Mapping[str, Guest], jails: Mapping[str, JailFact]
) -> dict[str, Running]:
    """Return the guests that run, as far as the caller may know: an ordinary user may not read
    /var/run/bsdvirt."""
    running: dict[str, Running] = {}
    for name, guest in guests.items():
        jail = running_jail(guest, jails)
        if jail is not None:
            running[name] = Running(guest, jid=jail.jid)
        elif pid := _bhyve(fs, name):
            running[name] = Running(guest, pid=pid)
    return running


def _bhyve(fs: Fs, name: str) -> int | None:
    try:
        fact = read_vm(fs, name)
    except OSError:
        return None
    return fact.said.pid if fact is not None and fact.runs and fact.said is not None else None
