"""What a running jail lacks of what its start made, as far as the host shows it. Pure.

What is within its network stack, its routes and addresses, is the jail's own to change: it is
not looked at from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.cpu.limits import cpuset_drift, limit_drift
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail.clean import subject
from bsdvirt.jail.mounted import started_of
from bsdvirt.jail.stack import alias_drift
from bsdvirt.layout import conf_file, host_end, jail_end
from bsdvirt.net.bridge import bridge_of
from bsdvirt.net.ports import port_drift, running_nic
from bsdvirt.plan.difference import Drift
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList


def drift(
    guest: Guest,
    jail: Jail | None,
    networks: Mapping[str, Network],
    facts: HostFacts,
    kernel: Kernel,
    mask: CpuList | None = None,
) -> Iterator[Drift]:
    """Every such difference. `jail` is its file, where it can be read; `mask` its CPUs."""
    yield from _ports(guest, jail, networks, facts)
    yield from alias_drift(guest, facts)
    yield from _mounts(guest, facts)
    if jail is None:
        return
    if kernel.racct:
        yield from limit_drift(subject(guest.name), jail.limits, facts.rules)
    yield from cpuset_drift(("-j", guest.name), jail.cpuset, mask, kernel)


def _ports(
    guest: Guest, jail: Jail | None, networks: Mapping[str, Network], facts: HostFacts
) -> Iterator[Drift]:
    for index, claim in enumerate(guest.identity.nics):
        network = networks.get(claim.network)
        if network is None:
            continue
        mine = running_nic(guest.identity, jail.nics if jail else (), index)
        port, inner = host_end(guest.identity.id, index), jail_end(guest.identity.id, index)
        if inner in facts.interfaces:
            yield Drift(f"{inner}, its end of {port}, is not in the jail")
        yield from port_drift(port, bridge_of(network), mine, network, facts.interfaces)


def _mounts(guest: Guest, facts: HostFacts) -> Iterator[Drift]:
    """Without the jail.conf of its start nobody knows what that mounted."""
    if conf_file(guest.name) not in facts.texts:
        return
    started = started_of(guest, facts)
    there = {(mount.path, mount.kind) for mount in facts.mounts}
    for place, kind in (*started.mounts, (f"{guest.root.rstrip('/')}/dev", "devfs")):
        if (place, kind) not in there:
            yield Drift(f"{kind} is not mounted at {place}, as its start did")
    sources = {mount.source for mount in facts.mounts if mount.path.startswith(guest.root + "/")}
    for name in started.datasets:
        if name not in sources:
            yield Drift(f"its dataset {name} is not mounted in it", problem=False)
