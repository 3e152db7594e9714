"""Seeds: what a guest is told at its first boot, of its file, its claims and its networks."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.app.session import Session
from bsdvirt.bhyve import cloud
from bsdvirt.bhyve.cloud import Seed, SeedNic
from bsdvirt.host.fs import Fs
from bsdvirt.net import address
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm, VmNic
from bsdvirt.store.layout import Layout

RESOLVER = "/etc/resolv.conf"
MOST_SERVERS = 3


def seed_of(
    hostname: str,
    vm: Vm,
    told: CloudInit,
    identity: Identity,
    networks: Mapping[str, Network],
    servers: tuple[str, ...],
) -> Seed:
    """A guest's seed. `servers` are the host's name servers, for a guest that names none."""
    nics = tuple(
        seed_nic(index, nic, claim, networks[nic.network])
        for index, (nic, claim) in enumerate(zip(vm.nics, identity.nics, strict=True))
    )
    return Seed(hostname, identity.uuid, told, nics, servers)


def seed_nic(index: int, nic: VmNic, claim: Claim, network: Network) -> SeedNic:
    """What an interface is to have in the guest."""
    addresses = tuple(text for text in (claim.address, claim.address6) if text)
    mtu = nic.mtu or (network.mtu if network.mtu != Network(id=0).mtu else None)
    return SeedNic(
        claim.mac,
        addresses,
        _gateway(4, index, nic, claim, network),
        _gateway(6, index, nic, claim, network),
        mtu,
    )


def _gateway(version: int, index: int, nic: VmNic, claim: Claim, network: Network) -> str | None:
    """As for a jail: `auto` is the network's, on the first interface only."""
    has = claim.address if version == 4 else claim.address6
    way = str(nic.gateway if version == 4 else nic.gateway6)
    if not has or way == "none":
        return None
    if way == "auto":
        return address.gateway(network, version) if index == 0 else None
    return way


def name_servers(fs: Fs) -> tuple[str, ...]:
    """The host's own name servers, but for those that only the host itself reaches."""
    found = []
    for line in fs.read_or(RESOLVER).splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "nameserver" and not _loopback(words[1]):
            found.append(words[1])
    return tuple(found[:MOST_SERVERS])


def _loopback(text: str) -> bool:
    return text.startswith("127.") or text == "::1" or "%" in text


def is_current(fs: Fs, layout: Layout, name: str, seed: Seed) -> bool:
    """Whether the seed that is there says what it is to say."""
    place = cloud.directory(layout, name)
    wanted = cloud.files(seed)
    if set(fs.listdir(place)) != set(wanted) or not fs.is_file(cloud.iso(layout, name)):
        return False
    try:
        return all(fs.read_text(f"{place}/{f}", follow=False) == wanted[f] for f in wanted)
    except OSError:
        return False


def renew(session: Session, name: str, seed: Seed) -> bool:
    """Make a guest's seed anew where something of it has changed; whether it had. The caller
    has the guest's lock."""
    home = session.homes.get(name, session.layout)
    if is_current(session.host.fs, home, name, seed):
        return False
    session.run(cloud.plan_renew(seed, home, name, session.new_op()))
    return True
