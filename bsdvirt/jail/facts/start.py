"""What the starts of jails depend on, read for all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bsdvirt.errors import HostError
from bsdvirt.facts.host import HostFacts, read_kernel, ruleset_exists, ruleset_shows
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.packetfilter import read_listeners
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import View
from bsdvirt.host import restore
from bsdvirt.host.base import Host
from bsdvirt.jail.datasets import StorageFacts, needs_values
from bsdvirt.jail.facts.datasets import read_storage_facts
from bsdvirt.jail.facts.holds import read_holds
from bsdvirt.jail.facts.mounts import read_mount_facts
from bsdvirt.jail.facts.root import read_foreign, read_root
from bsdvirt.jail.facts.settings import read_own
from bsdvirt.layout import job_file
from bsdvirt.net.resolver import PORT, is_the_hosts_alone, servers_of
from bsdvirt.plan.locks import is_held
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.params import needs_vmm

if TYPE_CHECKING:
    from bsdvirt.jail.start import StartFacts

RESOLVER = "etc/resolv.conf"
"""The jail's, beneath its root."""
HOST_RESOLVER = "/etc/resolv.conf"
RESOLVER_BYTES = 64 << 10
"""Of a root's resolv.conf, whose text the journal keeps for an undo."""


def read_resolver(host: Host) -> tuple[str, HostError | None]:
    """Return the host's resolv.conf, and the error where it cannot be read: only jails that copy
    it are refused for that."""
    try:
        return host.fs.read_or(HOST_RESOLVER), None
    except OSError as error:
        why = f"{HOST_RESOLVER}: {error.strerror}"
        return "", HostError(why, "correct it, or set resolver.mode to own or keep")


def read_answering(host: Host, text: str) -> frozenset[str]:
    """Return the host's addresses with a listener on the DNS port; asked for only where every
    name server of its resolv.conf is one that only the host itself reaches."""
    if not all(map(is_the_hosts_alone, servers_of(text))):
        return frozenset()
    waiting = {one.address for one in read_listeners(host) if one.port == PORT}
    if "*" not in waiting:
        return frozenset(waiting)
    own = (text for face in read_interfaces(host).values() for text in face.addresses)
    return frozenset(text.partition("/")[0] for text in own)


def start_facts_reader(
    view: View, jails: Mapping[str, Jail], facts: HostFacts, resolver: str
) -> Callable[[Guest, Jail], StartFacts]:
    """Read what all starts share, and return what reads the facts of one."""
    # Imported here: a creation only asks for name servers.
    from bsdvirt.jail.start import StartFacts

    host, found = view.host, view.found
    kernel = read_kernel(host, params=any(jail.params for jail in jails.values()))
    numbers = {jail.ruleset for jail in jails.values()}
    rulesets = frozenset(number for number in numbers if ruleset_exists(host, number))
    answering = read_answering(host, resolver)
    elsewhere = [str(g.identity.root) for g in found.guests.values() if g.identity.root]
    elsewhere += [jail.path for jail in facts.jails.values() if jail.path != "/"]
    foreign = read_foreign(host, jails.values())

    def read(guest: Guest, jail: Jail) -> StartFacts:
        fs, name = host.fs, guest.name
        root = view.stand_ins.get(name, guest.root)
        return StartFacts(
            host=facts,
            kernel=kernel,
            rulesets=rulesets,
            host_resolver=resolver,
            jail_resolver=fs.read_beneath(root, RESOLVER, RESOLVER_BYTES),
            mounts=read_mount_facts(fs, view.layouts, root, jail.mounts, elsewhere),
            storage=read_storage_facts(host, guest, jail)
            if needs_values(None, jail)
            else StorageFacts(),
            kept=job_file(name) not in facts.files or is_held(fs, "keeper", name),
            root=read_root(fs, guest, jail, root, found.guests.values(), view.layouts),
            foreign=foreign,
            holds=read_holds(fs, root),
            resolver_was=restore.look(fs, root, RESOLVER),
            own=read_own(fs, root, jail),
            hides_vmm=needs_vmm(jail.params) and not ruleset_shows(host, jail.ruleset, "vmm"),
            answering=answering,
            job=fs.read_or(job_file(name)) if job_file(name) in facts.files else "",
            open_cpus=view.open_cpus,
        )

    return read
