"""The rows of `cpu map`: the host's CPUs, and the guests that may run on each.

The kernel says where running guests may run: one command for all virtual machines, none for jails.
What stopped ones ask for stands in their files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.cpu.given import HostCpus
from bsdvirt.cpu.shares import Placed, cpu_map
from bsdvirt.cpu.topology import Topology, topology
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.cpus.topology import read_topology
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.usage.host import read_sysctls, ticks
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.state import read_states
from bsdvirt.guest.view import Cpus
from bsdvirt.host.fs import Fs
from bsdvirt.kinds import KINDS, kind_of, load_spec
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.session.cpus import host_cpus, signature
from bsdvirt.session.reading import Signature
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec


class _Wanted(Struct, frozen=True):
    """What a guest's file says; `error`, if it cannot be read."""

    spec: GuestSpec | None = None
    error: str | None = None


class Kept(Struct, dict=True):
    """What a caller keeps who reads the map again and again: the topology, which no kernel changes
    while it runs, and what the files of guests say, until they change."""

    topology: Topology | None = None
    files: dict[str, tuple[Signature | None, _Wanted]] = field(default_factory=dict)


def read_cpu_map(
    session: Session, kept: Kept | None = None, busy: Sequence[float | None] = ()
) -> CpuMap:
    """Return the map; `busy` is how busy each CPU is, by number."""
    kept = kept or Kept()
    kept.topology = kept.topology or topology(read_topology(session.host))
    found = session.inventory(shallow=True)
    jails = read_jails(session.host)
    states = read_states(session.host.fs, found, jails)
    now: dict[str, Cpus] = {}
    for kind, guests in _by_kind(found).items():
        now |= KINDS[kind].cpus_now(session.host, guests, jails)
    kept.files = {
        name: _read(session.host.fs, guest, kept.files.get(name))
        for name, guest in found.guests.items()
    }
    topology_of_host = kept.topology
    cpus = host_cpus(session, found.guests.values(), read=lambda: topology_of_host)
    placed = [
        _placed(guest, states.of(name), now, kept.files[name][1], cpus)
        for name, guest in found.guests.items()
    ]
    return cpu_map(kept.topology, placed, busy, cpus.reserved)


def read_ticks(session: Session) -> list[tuple[int, int]]:
    """Return the busy ticks and all ticks of each CPU since boot, by number."""
    name = "kern.cp_times"
    return ticks(read_sysctls(session.host, [name]).get(name, ""))


def _by_kind(found: Inventory) -> dict[str, list[Guest]]:
    guests: dict[str, list[Guest]] = {}
    for guest in found.guests.values():
        guests.setdefault(guest.identity.kind, []).append(guest)
    return guests


def _placed(
    guest: Guest, state: str, now: Mapping[str, Cpus], wanted: _Wanted, given: HostCpus
) -> Placed:
    running, spec, claim = guest.name in now, wanted.spec, guest.identity.cpus
    cpus = now.get(guest.name, Cpus())
    if not running and spec is not None:
        cpus = kind_of(guest).cpus_wanted(given.given(guest.name, spec))
    return Placed(
        name=guest.name,
        kind=guest.identity.kind,
        state=state,
        running=running,
        cpus=cpus.cpus,
        cpuset=str(spec.cpuset) if spec is not None and spec.cpuset is not None else None,
        placement=spec.placement if spec is not None else None,
        claimed=claim.cpus.cpus if claim is not None else None,
        owns=claim is not None and claim.exclusive,
        virtual=cpus.virtual,
        pins=cpus.pins,
        error=None if running else wanted.error,
    )


def _read(
    fs: Fs, guest: Guest, known: tuple[Signature | None, _Wanted] | None
) -> tuple[Signature | None, _Wanted]:
    """Return what a guest's file says, read again only if it was changed."""
    now = signature(fs, guest)
    if known is not None and known[0] == now is not None:
        return known
    try:
        return now, _Wanted(load_spec(fs, guest))
    except (BsdvirtError, OSError) as error:
        return now, _Wanted(error=str(error))
