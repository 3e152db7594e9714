"""What doctor says of jails: what keeps them from starting, what is wrong in their roots, and what
a running one lacks of what its start made.

What is within its network stack, its routes and addresses, is the jail's own to change: it is
not looked at from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.cpu.limits import NO_PINS, cpuset_drift, limit_drift
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import HostFacts, Kernel, ruleset_exists
from bsdvirt.facts.rctl import jail_subject
from bsdvirt.guest.inventory import Guest, foreign_jail
from bsdvirt.guest.view import View
from bsdvirt.jail.facts.datasets import wrong_storage
from bsdvirt.jail.facts.root import root_trouble
from bsdvirt.jail.facts.start import read_answering, read_resolver
from bsdvirt.jail.mounted import refuse_neighbours, sort, started_of
from bsdvirt.jail.settings import differs, newer_note, resolver_of
from bsdvirt.jail.stack import alias_drift
from bsdvirt.layout import conf_file, host_end, jail_end
from bsdvirt.net.bridge import bridge_of
from bsdvirt.net.ports import port_drift, running_nic
from bsdvirt.plan.drift import Drift
from bsdvirt.rows.host import Finding
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.zfs.values import read_values


def findings(
    view: View, facts: HostFacts, specs: Mapping[str, Jail], kernel: Kernel
) -> Iterator[Finding]:
    """Check the jails. `specs` are those whose file can be read."""
    jails = {name: g for name, g in view.found.guests.items() if g.identity.kind == "jail"}
    if not kernel.vimage:
        yield Finding("kernel", "has no VIMAGE, so no vnet jails", "build one with options VIMAGE")
    yield from _rulesets(view, specs)
    yield from _inherited(view, jails)
    for guest in jails.values():
        yield from _root(view, guest, specs.get(guest.name), facts)
    yield from _newer(view, jails, specs, kernel)
    yield from _without_names(view, specs)
    for name, jail in specs.items():
        for message, remedy, problem in wrong_storage(view.host, jails[name], jail):
            yield Finding(name, message, remedy, problem)


def _rulesets(view: View, specs: Mapping[str, Jail]) -> Iterator[Finding]:
    users: dict[int, list[str]] = {}
    for name, jail in specs.items():
        users.setdefault(jail.ruleset, []).append(name)
    for number, names in sorted(users.items()):
        if not ruleset_exists(view.host, number):
            yield Finding(
                ", ".join(names),
                f"devfs ruleset {number} does not exist, so they cannot start",
                "write it in /etc/devfs.rules, and service devfs restart",
            )


def _inherited(view: View, jails: Mapping[str, Guest]) -> Iterator[Finding]:
    """Properties of the roots' datasets with which a jail does not work."""
    roots: dict[str, str] = {}
    for guest in jails.values():
        if guest.identity.root_dataset:
            roots[str(guest.identity.root_dataset)] = guest.name
        elif not guest.identity.root:
            roots[guest.layout.jail_root(guest.name)] = guest.name
    for name, values in read_values(view.host, roots, ("exec", "setuid")).items():
        if (value := values.get("exec")) is not None and value.value == "off":
            yield Finding(
                roots[name], f"its root {name} has exec=off: no program of it can be run",
                f"zfs set exec=on {name}",
            )  # fmt: skip
        if (value := values.get("setuid")) is not None and value.value == "off":
            yield Finding(
                roots[name], f"its root {name} has setuid=off: su(1), passwd(1) and their like"
                " work for root only", f"zfs set setuid=on {name}", problem=False,
            )  # fmt: skip


def _root(view: View, guest: Guest, jail: Jail | None, facts: HostFacts) -> Iterator[Finding]:
    name = guest.name
    if (other := foreign_jail(guest, facts.jails)) is not None:
        what = f"a jail of that name, not bsdvirt's, runs at {other.path}"
        yield Finding(name, what, f"jail -r {name}")
        return
    try:
        refuse_neighbours(guest, facts.jails.values())
    except BsdvirtError as error:
        yield Finding(name, error.message, error.hint)
    for mount in sort(guest, jail, facts).hosts:
        yield Finding(
            name, f"the host has mounted {mount.source} in its root, at {mount.path}",
            f"it stays there; umount {mount.path}, and set mounts or datasets, if the jail is to"
            " have it", problem=False,
        )  # fmt: skip
    root = guest.layout.jail_root(name)
    if guest.identity.root is None and not any(d.name == root for d in guest.datasets):
        yield Finding(name, "has no root dataset", f"bsdvirt destroy {name}")
    if guest.identity.root and (why := root_trouble(view.fs, guest, view.found, facts)):
        yield Finding(name, f"its root {guest.root} {why}", "put it back as it was")


def _newer(
    view: View, jails: Mapping[str, Guest], specs: Mapping[str, Jail], kernel: Kernel
) -> Iterator[Finding]:
    """Jails whose userland is newer than the kernel."""
    # Other verbs import this module too.
    from bsdvirt.facts.userland import version_in

    for name, jail in specs.items():
        if jail.userland != "freebsd":
            continue
        version = version_in(view.fs, jails[name].root) or ""
        if differs(version, kernel.release) == "newer":
            yield Finding(
                name, newer_note(version, kernel.release),
                f"update the host, or bsdvirt upgrade {name} --back", problem=False,
            )  # fmt: skip


def _without_names(view: View, specs: Mapping[str, Jail]) -> Iterator[Finding]:
    """Jails that copy the host's name servers and reach none of them."""
    text, unread = read_resolver(view.host)
    if unread is not None:
        yield Finding("host", unread.message, unread.hint)
        return
    answering = read_answering(view.host, text)
    for name, jail in specs.items():
        guest = view.found.guests[name]
        there = all(nic.network in view.networks for nic in jail.nics)
        if not there or len(jail.nics) != len(guest.identity.nics):
            continue
        why, remedy = resolver_of(guest, jail, view.networks, text, answering)[1:]
        if why:
            yield Finding(name, why, remedy, problem=False)


# ---- running jails ----


def drift(
    guest: Guest,
    jail: Jail | None,
    networks: Mapping[str, Network],
    facts: HostFacts,
    kernel: Kernel,
    mask: CpuList | None = None,
    below: Mapping[int, CpuList] = NO_PINS,
) -> Iterator[Drift]:
    """Every such difference. `jail` is its file, where it can be read; `mask` its CPUs, `below`
    those of the sets below its own that have others."""
    yield from _ports(guest, jail, networks, facts)
    yield from alias_drift(guest, facts)
    yield from _mounts(guest, facts)
    if jail is None:
        return
    if kernel.racct:
        yield from limit_drift(jail_subject(guest.name), jail.limits, facts.rules)
    yield from cpuset_drift(("-j", guest.name), jail.cpuset, mask, kernel, below=below)


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
    """Without the jail.conf of its start it is unknown what that mounted."""
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
