"""A jail's network stack: the parameters of jail(8), the host addresses that the jail claims, the
aliases that a start may leave behind, and the interfaces passed to the jail (`vnet.interface`).

Such an interface moves into the jail's stack when the jail is created, and returns under its own
name, without addresses, when it is removed (vnet_if_return and if_vmove in if.c of 13.2 and
15.1). Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.dad import shown_by, wait_lines
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import GROUP, conf_file
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import AddressExists, Command, Not, Step, Undo
from bsdvirt.spec.identity import Alias, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import POOL

# ---- parameters of jail(8) ----


def stack_words(jail: Jail, interfaces: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the parameters of jail(8) for the stack, with their values; None for one without.
    Both address families are always given, so that no default decides."""
    match jail.stack:
        case "vnet":
            own = [("vnet.interface", list(interfaces))] if interfaces else []
            return [("vnet", []), *own]
        case "shared":
            return [_family(jail, 4), _family(jail, 6)]
        case "inherit":
            return [("ip4", ["inherit"]), ("ip6", ["inherit"])]
        case _:
            return [("ip4", ["disable"]), ("ip6", ["disable"])]


def shared_wait(jail: Jail) -> list[str]:
    """Wait, in exec.created, until duplicate address detection has passed the IPv6 aliases."""
    if jail.stack != "shared":
        return []
    mine = [s for s in jail.addresses if s.interface and s.address.version == 6]
    shows = dict.fromkeys(shown_by(str(shared.interface)) for shared in mine)
    return wait_lines([*shows], [str(s.address) for s in mine], jail.exec.timeout)


def _family(jail: Jail, version: int) -> tuple[str, list[str]]:
    """Return an address for ip4.addr or ip6.addr. jail(8) adds an alias for `interface|address`;
    with a prefix the alias has that netmask."""
    texts = [
        f"{shared.interface}|{shared.address}" if shared.interface else str(shared.address.ip)
        for shared in jail.addresses
        if shared.address.version == version
    ]
    return (f"ip{version}.addr", texts) if texts else (f"ip{version}", ["disable"])


# ---- what it claims ----


def shared_claims(jail: Jail) -> list[Alias]:
    """Return the addresses that its file asks for."""
    return [
        Alias(address=str(shared.address), interface=str(shared.interface or ""))
        for shared in jail.addresses
    ]


def shared_fit(jail: Jail, identity: Identity) -> bool:
    """Return whether the claims of the next start are what the jail's file asks for."""
    return identity.next_shared is None and identity.shared == shared_claims(jail)


def claim_shared(name: str, jail: Jail, others: Iterable[Guest]) -> list[Alias]:
    """Return the addresses that its file asks for. Raises ConflictError for an address that a
    guest has."""
    wanted = shared_claims(jail)
    taken = {ip: other.name for other in others for ip in _ips(other.identity)} if wanted else {}
    for alias in wanted:
        if owner := taken.get(_ip(alias.address)):
            raise ConflictError(
                f"{name}: {alias.address.split('/')[0]} is guest {owner}'s", "choose another"
            )
    return wanted


def _ips(identity: Identity) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    for claim in (*identity.nics, *(identity.next or ())):
        yield from map(_ip, claim.addresses())
    yield from map(_ip, identity.shares())


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_interface(text).ip


def with_shared(identity: Identity, claims: list[Alias], *, live: bool = False) -> Identity:
    """Return the identity with these addresses; from the next start on if the guest is `live`."""
    if not live:
        return msgspec.structs.replace(identity, shared=claims, next_shared=None)
    later = None if claims == identity.shared else claims
    return msgspec.structs.replace(identity, next_shared=later)


def without_address(
    name: str, jail: Jail, identity: Identity, networks: Mapping[str, Network]
) -> tuple[str, ...]:
    """Return a note for each interface that asks for an address from a pool, on a network without
    one."""
    found = []
    for index, (nic, claim) in enumerate(zip(jail.nics, identity.nics, strict=False)):
        asks = str(nic.address) == POOL and str(nic.address6) in (POOL, "none")
        network = networks.get(nic.network)
        if asks and not claim.addresses() and network is not None and not network.pools:
            found.append(
                f"no address: network {nic.network} has no pool (bsdvirt set {name}"
                f" nics.{index}.address=ADDRESS/LENGTH, or =dhcp where a server gives one)"
            )
    return tuple(found)


# ---- what the host has ----


def check_host(name: str, aliases: Sequence[Alias], interfaces: Mapping[str, Interface]) -> None:
    """Raise HostError for an interface that does not exist and for a shared address that the host
    lacks, ConflictError for an address that is the host's own."""
    has = {
        _ip(text): interface.name
        for interface in interfaces.values()
        for text in interface.addresses
    }
    for alias in aliases:
        ip = _ip(alias.address)
        if not alias.interface:
            if ip not in has:
                raise HostError(
                    f"{name}: the host has no address {ip}",
                    "name an interface for it, and it is an alias there while the jail runs",
                )
        elif alias.interface not in interfaces:
            raise HostError(f"{name}: no interface {alias.interface}", "ifconfig -l")
        elif ip in has:
            raise ConflictError(
                f"{name}: {ip} is the host's own, on {has[ip]}",
                "choose another, or omit the interface to use the host's",
            )


def member_notes(aliases: Sequence[Alias], interfaces: Mapping[str, Interface]) -> tuple[str, ...]:
    """Return a note for each alias on a member of a bridge."""
    bridges = {member: face.name for face in interfaces.values() for member in face.members}
    return tuple(
        f"{alias.address} is on {alias.interface}, a member of {bridges[alias.interface]}: FreeBSD"
        f" 15 warns of that, and later releases refuse it; name {bridges[alias.interface]} instead"
        for alias in aliases
        if alias.interface in bridges
    )


def left_aliases(guest: Guest, facts: HostFacts) -> list[Alias]:
    """Return the aliases that a start left: the host has the address, and the jail.conf of that
    start exists. Without that file an address is never taken for the jail's."""
    if conf_file(guest.name) not in facts.files:
        return []
    return [alias for alias in guest.identity.shared if _there(alias, facts.interfaces)]


def _there(alias: Alias, interfaces: Mapping[str, Interface]) -> bool:
    interface = interfaces.get(alias.interface)
    return interface is not None and alias.address in interface.addresses


def alias_steps(guest: Guest, facts: HostFacts) -> list[Step]:
    """Remove the aliases that are left."""
    return [
        Step(
            Command(_remove(alias)),
            f"its address {alias.address} on {alias.interface}",
            unless=Not(AddressExists(alias.interface, alias.address)),
        )
        for alias in left_aliases(guest, facts)
    ]


def alias_drift(guest: Guest, facts: HostFacts) -> Iterator[Drift]:
    """Return the addresses of a running jail that the host no longer has."""
    has = {_ip(text) for face in facts.interfaces.values() for text in face.addresses}
    for alias in guest.identity.shared:
        if _there(alias, facts.interfaces) or (not alias.interface and _ip(alias.address) in has):
            continue
        on = f" on {alias.interface}" if alias.interface else ""
        step = Step(Command((*_remove(alias)[:-1], "alias")), f"its address {alias.address}{on}")
        back = alias.interface in facts.interfaces
        yield Drift(
            f"its address {alias.address}{on} is gone from the host", (step,) if back else (),
            f"gave the host its address {alias.address}{on} again",
        )  # fmt: skip


def alias_undos(guest: Guest) -> tuple[Undo, ...]:
    """Remove the aliases of a start that failed or was interrupted: jail -R removes none."""
    return tuple(
        Undo(Command(_remove(alias)), AddressExists(alias.interface, alias.address))
        for alias in guest.identity.shared
        if alias.interface
    )


def _remove(alias: Alias) -> tuple[str, ...]:
    family = "inet6" if ":" in alias.address else "inet"
    return (tools.IFCONFIG, alias.interface, family, alias.address, "-alias")


# ---- interfaces of the host that it has for itself ----

OWN_KINDS = ("bridge", "lo", "pflog", "pfsync", "enc", "tap", "epair")
"""Groups of interfaces that are no card and no VLAN of one."""


def check_passed(
    name: str,
    jail: Jail,
    networks: Mapping[str, Network],
    interfaces: Mapping[str, Interface],
) -> None:
    """Raise HostError for an interface that does not exist, ConflictError for one that the host or
    a network uses."""
    for word in map(str, jail.interfaces):
        face = interfaces.get(word)
        if face is None:
            raise HostError(
                f"{name}: its interface {word} does not exist",
                "ifconfig -l; another jail may have it: jls vnet.interface",
            )
        if GROUP in face.groups or any(kind in face.groups for kind in OWN_KINDS):
            raise ConflictError(
                f"{name}: {word} is neither a network card nor a VLAN", f"bsdvirt nic add {name}"
            )
        for network, one in networks.items():
            if str(one.uplink or "") == word:
                raise ConflictError(
                    f"{name}: {word} is the uplink of network {network}",
                    f"bsdvirt nic add {name} --network {network}",
                )
        for other in interfaces.values():
            if word in other.members:
                raise ConflictError(
                    f"{name}: {word} is a member of {other.name}",
                    f"ifconfig {other.name} deletem {word}",
                )
        if face.addresses:
            raise ConflictError(
                f"{name}: {word} has the host's address {face.addresses[0]}, which would be lost",
                f"name another, or remove the address from {word} (rc.conf, and ifconfig)",
            )
