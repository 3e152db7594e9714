"""The seed of a guest, made from its file, its claims and its networks."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.bhyve.cloud import seed as cloud
from bsdvirt.bhyve.cloud.seed import Seed, SeedNic
from bsdvirt.bhyve.cloud.userdata import blank_users, names_users
from bsdvirt.errors import UsageError
from bsdvirt.guest import logs
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.fs import Fs
from bsdvirt.layout import Layout
from bsdvirt.net import routing
from bsdvirt.net.files import existing, find
from bsdvirt.net.resolver import is_the_hosts_alone
from bsdvirt.net.resolver import name_servers as network_servers
from bsdvirt.plan.step import Plan
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import HostName
from bsdvirt.spec.vm import Vm

RESOLVER = "/etc/resolv.conf"
MOST_SERVERS = 3
DRIVERS = {"virtio": "vtnet", "e1000": "em"}
"""The names of FreeBSD's drivers, by model."""
NO_SERVERS = f"it has no name server: {RESOLVER} of this host has none that a guest can reach"
AT_FIRST_BOOT = (
    "FreeBSD reads its seed at its first boot only: the guest keeps what it has until"
    " `touch /firstboot` in it, and its reboot"
)


def seed_of(
    name: str,
    vm: Vm,
    identity: Identity,
    networks: Mapping[str, Network],
    servers: tuple[str, ...],
) -> Seed | None:
    """Return a guest's seed; None for a guest without. `servers` are the host's name servers."""
    if vm.cloud is None:
        return None
    hostname = str(vm.hostname or HostName.of_guest(name))
    known = [net for nic in vm.nics if (net := find(networks, nic.network)) is not None]
    servers = tuple(network_servers(known)) or servers
    return Seed(hostname, identity.uuid, vm.cloud, seed_nics(vm, identity, networks), servers)


def seed_nics(vm: Vm, identity: Identity, networks: Mapping[str, Network]) -> tuple[SeedNic, ...]:
    """Return the configuration of the interfaces, of those whose network exists."""
    every = enumerate(zip(vm.nics, identity.nics, strict=False))
    known = [
        (number, pair) for number, pair in every if find(networks, pair[0].network) is not None
    ]
    names = _interfaces(vm, identity)
    routes = routing.routes([pair for _, pair in known], networks)
    found = []
    for (index, (nic, claim)), ways in zip(known, routes, strict=True):
        network = existing(networks, nic.network)
        gateways = [way.partition("%")[0] for way in routing.gateways(index, nic, claim, network)]
        found.append(
            SeedNic(
                claim.mac,
                tuple(claim.addresses()),
                next((way for way in gateways if ":" not in way), None),
                next((way for way in gateways if ":" in way), None),
                nic.mtu or (network.mtu if network.mtu != Network(id=0).mtu else None),
                tuple((str(route.to), str(route.via)) for route in ways),
                names[claim.mac],
                nic.address == "dhcp" or nic.has_user_networking,
                nic.address6 == "slaac",
            )
        )
    return tuple(found)


def _interfaces(vm: Vm, identity: Identity) -> dict[str, str]:
    """Return the name of each interface in FreeBSD, by its MAC address: a driver numbers its
    cards in the order of their PCI slots."""
    found: dict[str, str] = {}
    wired = sorted(zip(vm.nics, identity.nics, strict=False), key=lambda pair: pair[1].slot or 0)
    for nic, claim in wired:
        driver = DRIVERS[nic.model]
        unit = sum(name.startswith(driver) for name in found.values())
        found[claim.mac] = f"{driver}{unit}"
    return found


def name_servers(fs: Fs) -> tuple[str, ...]:
    """Return the host's name servers, without those that only the host itself can reach; none
    if its file cannot be read."""
    found = []
    try:
        text = fs.read_or(RESOLVER)
    except OSError:
        return ()
    for line in text.split("\n"):
        words = line.split()
        if len(words) == 2 and words[0] == "nameserver" and not is_the_hosts_alone(words[1]):
            found.append(words[1])
    return tuple(found[:MOST_SERVERS])


def is_current(fs: Fs, layout: Layout, name: str, seed: Seed) -> bool:
    """Return whether the existing seed is up to date."""
    place = cloud.directory(layout, name)
    wanted = cloud.files(seed)
    if set(fs.listdir(place)) != set(wanted) or not fs.is_file(cloud.iso(layout, name)):
        return False
    try:
        return all(fs.read_text(f"{place}/{f}", follow=False) == wanted[f] for f in wanted)
    except OSError:
        return False


def plan_renewed(fs: Fs, guest: Guest, seed: Seed, op: str) -> Plan:
    """Return the plan that replaces a guest's seed; empty if it is up to date. The caller holds
    the guest's lock."""
    if is_current(fs, guest.layout, guest.name, seed):
        return Plan("seed", guest.name, reason="its seed is current", op=op)
    left = [path for path in cloud.fresh_paths(guest.layout, guest.name) if fs.exists(path)]
    return cloud.plan_renew(seed, guest.layout, guest.name, op, left)


def renewed(
    fs: Fs, guest: Guest, vm: Vm, networks: Mapping[str, Network], op: str
) -> tuple[tuple[Plan, ...], tuple[str, ...]]:
    """Return the plans that replace a seed that has changed, as with another address, and notes."""
    seed = seed_of(guest.name, vm, guest.identity, networks, name_servers(fs))
    if seed is None:
        return (), ()
    plan = plan_renewed(fs, guest, seed, op)
    plans = () if plan.empty else (plan,)
    if not has_started(fs, guest):
        return plans, lacks(guest.name, seed)
    return plans, (AT_FIRST_BOOT,) if plans and seed.cloud.system == "freebsd" else ()


# ---- notes ----


def has_started(fs: Fs, guest: Guest) -> bool:
    """Return whether the guest was ever started: a start makes the directory of its logs, and a
    copy of the firmware's variables."""
    variables = guest.layout.uefi_vars(guest.name)
    own = logs.owner(fs, guest.name) in ("", guest.identity.uuid)
    return own or fs.is_file(variables)


def changed(
    fs: Fs,
    guest: Guest,
    networks: Mapping[str, Network],
    before: tuple[Vm, Identity],
    after: tuple[Vm, Identity],
) -> tuple[str, ...]:
    """Return notes about a change of a FreeBSD guest that has already read its seed. Raise
    UsageError if no seed can be made after it."""
    servers = name_servers(fs)
    old = seed_of(guest.name, *before, networks, servers)
    new = seed_of(guest.name, *after, networks, servers)
    if new is None or new == old:
        return ()
    wanted = cloud.files(new)
    if old is None or new.cloud.system != "freebsd" or not has_started(fs, guest):
        return ()
    return (AT_FIRST_BOOT,) if _was(old) != wanted else ()


def _was(seed: Seed) -> dict[str, str]:
    """Return the files of the seed before a change; none if it could not be made."""
    try:
        return cloud.files(seed)
    except UsageError:
        return {}


def lacks_servers(seed: Seed) -> bool:
    """Return whether a guest gets static addresses and no name server."""
    static = any(nic.addresses and not nic.dhcp4 for nic in seed.nics)
    return seed.wired and static and not seed.names.servers


def lacks(name: str, seed: Seed) -> tuple[str, ...]:
    """Return notes about what the guest lacks at its first boot, and how to add it."""
    data = seed.cloud
    found = []
    if lacks_servers(seed):
        found.append(f"{NO_SERVERS}; bsdvirt set {name} cloud.dns=ADDRESS")
    if not (data.user_data or data.ssh_keys or data.password):
        found.append(
            "nobody can log in: it has no SSH key and no password; before its first start:"
            f" bsdvirt set {name} cloud.password=HASH, or cloud.ssh_keys"
        )
    if data.system == "freebsd" and data.user_data and not names_users(data.user_data):
        found.append(
            "its user-data names no users, and nuageinit would make `freebsd` with the password"
            " `freebsd`: `users: []` is added"
        )
    blank = blank_users(data.user_data) if data.system == "freebsd" else []
    if blank:
        found.append(
            f"nuageinit gives {', '.join(blank)} a blank password: write `passwd: '*'` beside the"
            " name, or a hash"
        )
    return tuple(found)
