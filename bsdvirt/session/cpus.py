"""What the guests of the host have claimed of its CPUs, as a session reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bsdvirt.cpu.given import HostCpus
from bsdvirt.cpu.topology import Topology, topology
from bsdvirt.facts.cpus.topology import read_topology
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.fs import Fs
from bsdvirt.session.reading import Reading, Signature
from bsdvirt.spec.identity import CpuClaim


def host_cpus(
    session: Reading,
    guests: Iterable[Guest],
    planned: Mapping[str, CpuClaim | None] | None = None,
    read: Callable[[], Topology] | None = None,
) -> HostCpus:
    """Return the claims of these guests; `planned` are those that they are about to have. `read`
    returns the topology; by default it is read when it is needed: without claims and reserved CPUs,
    it is not."""
    claims: dict[str, CpuClaim | None] = {guest.name: guest.identity.cpus for guest in guests}
    claims |= planned or {}
    hostfile = session.hostfile

    def read_now() -> Topology:
        session.topology = session.topology or topology(read_topology(session.host))
        return session.topology

    return HostCpus(
        claims={name: claim for name, claim in claims.items() if claim is not None},
        reserved=hostfile.reserved_cpus.cpus if hostfile.reserved_cpus else (),
        spread=hostfile.placement_policy == "spread",
        read=read or read_now,
    )


def signature(fs: Fs, guest: Guest) -> Signature | None:
    """Return what tells whether a guest's file was written since; None without a file."""
    try:
        seen = fs.path(guest.layout.guest_file(guest.name)).lstat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
