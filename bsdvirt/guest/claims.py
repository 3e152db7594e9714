"""What a guest claims of this host: its id, MAC addresses, addresses. Pure: chance
comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import MAX_ID
from bsdvirt.net import address, routing
from bsdvirt.net.files import Networks as NetworkFiles
from bsdvirt.net.files import find
from bsdvirt.net.ports import check_port
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.jail import Nic
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import Subnet

Networks = Mapping[str, Network]
RandomBytes = Callable[[int], bytes]
UNCLAIMED = ("none", "dhcp", "slaac")
"""Values of an address that claim none: there is none, or another server gives it."""


def free_id(guests: Iterable[Guest]) -> int:
    """The lowest free id. Raises ConflictError where all are taken."""
    taken = {guest.identity.id for guest in guests}
    for number in range(1, MAX_ID + 1):
        if number not in taken:
            return number
    raise ConflictError(f"all {MAX_ID} guest ids of this host are taken", "destroy a guest")


def free_mac(random_bytes: RandomBytes, taken: Iterable[str]) -> str:
    """A locally administered unicast MAC address; the last bit is 0, since the host's
    end of an epair is the same with 1."""
    known = set(taken)
    while True:
        tail = random_bytes(5)
        octets = (0x02, *tail[:4], tail[4] & 0xFE)
        mac = ":".join(f"{octet:02x}" for octet in octets)
        if mac not in known:
            return mac


def host_end_mac(mac: str) -> str:
    """The MAC address of the host's end: the guest's, but for the last bit."""
    return mac[:-2] + f"{int(mac[-2:], 16) ^ 1:02x}"


def _macs(claims: Iterable[Claim]) -> set[str]:
    """What is in use where these are: of each, both ends."""
    return {end for claim in claims for end in (claim.mac, host_end_mac(claim.mac))}


def claims_fit(guest: GuestSpec, claims: Sequence[Claim], networks: Networks) -> bool:
    """Whether what is claimed is what the guest's file asks for. What was claimed was
    free then, so the other guests are not checked."""
    if len(guest.nics) != len(claims):
        return False
    return all(
        (network := find(networks, nic.network)) is not None
        and claim.network == nic.network
        and nic.mac in (None, claim.mac)
        and _is_what(nic, 4, claim.address, network)
        and _is_what(nic, 6, claim.address6, network)
        and len(nic.aliases) == len(claim.aliases)
        and all(map(_is_given, map(str, nic.aliases), claim.aliases))
        for nic, claim in zip(guest.nics, claims, strict=True)
    )


def _is_what(nic: Nic, version: int, had: str | None, network: Network) -> bool:
    wanted, subnet = _wanted(nic, version)
    if wanted in UNCLAIMED or (wanted == "pool" and not _can_be_given(network, version, subnet)):
        return had is None
    if had is None:
        return False
    if wanted == "pool":
        (plain,) = address.addresses([had])
        fits = _fits(had, network, version, set(), subnet)
        return fits and had == address.with_prefix(network, plain)
    return _is_given(wanted, had)


def _is_given(wanted: str, had: str) -> bool:
    return had == wanted or had.split("/")[0] == wanted


def _wanted(nic: Nic, version: int) -> tuple[str, Subnet | None]:
    if version == 4:
        return str(nic.address), nic.subnet
    return str(nic.address6), nic.subnet6


def _can_be_given(network: Network, version: int, subnet: Subnet | None) -> bool:
    """Whether there is a pool; a subnet that was asked for and has none is an error."""
    return subnet is not None or bool(address.pools_of(network, version))


def carried(
    before: Sequence[Nic], after: Sequence[Nic], claims: Sequence[Claim]
) -> list[Claim | None]:
    """What the interfaces `after` a change of the guest's file inherit of the `claims` of
    those `before`: one that is still there keeps its own, whichever were added or removed
    ahead of it, and one that was changed has those of what it was."""
    if len(before) != len(claims):
        return list(claims)
    from difflib import SequenceMatcher

    found: list[Claim | None] = [None] * len(after)
    same = SequenceMatcher(None, [repr(nic) for nic in before], [repr(nic) for nic in after])
    for _, start, end, into, until in same.get_opcodes():
        for old, new in zip(range(start, end), range(into, until), strict=False):
            found[new] = claims[old]
    return found


def claim_nics(
    name: str,
    guest: GuestSpec,
    before: Iterable[Claim | None],
    others: Iterable[Guest],
    networks: Networks,
    random_bytes: RandomBytes,
) -> list[Claim]:
    """What the guest's interfaces hold: what they held before (in their order; see `carried`)
    where that still fits, else something free.

    Raises UsageError for a network that does not exist, ConflictError for an address, or a
    MAC address, that is taken.
    """
    others = list(others)
    theirs = [
        claim for guest in others for claim in (*guest.identity.nics, *(guest.identity.next or ()))
    ]
    held = list(before)
    claims: list[Claim] = []
    for index, nic in enumerate(guest.nics):
        network = find(networks, nic.network)
        if network is None:
            if isinstance(networks, NetworkFiles) and nic.network in networks.broken:
                raise networks.broken[nic.network]
            raise UsageError(
                f"{name}: nics.{index}.network: no network {nic.network}",
                f"available: {', '.join(networks) or 'none'}; bsdvirt network create creates one",
            )
        old = held[index] if index < len(held) else None
        taken = address.addresses(
            text
            for claim in (*theirs, *claims)
            if claim.network == nic.network
            for text in claim.addresses()
        )
        taken |= address.addresses(text for other in others for text in other.identity.shares())
        aliases = _aliases(nic, network, taken)
        taken |= address.addresses(aliases)
        check_port(name, index, nic, network)
        mac = _mac(nic, index, name, old, _macs((*theirs, *claims)), random_bytes)
        # A new address is none that another interface of the guest is about to keep.
        kept = [claim for claim in held[index + 1 :] if claim and claim.network == nic.network]
        kept_too = taken | address.addresses(text for claim in kept for text in claim.addresses())
        claims.append(
            Claim(
                network=nic.network,
                mac=mac,
                address=_address(4, nic, network, old, taken, kept_too),
                address6=_address(6, nic, network, old, taken, kept_too),
                aliases=aliases,
                slot=old.slot if old else None,
            )
        )
    routing.check(name, list(zip(guest.nics, claims, strict=True)))
    return claims


def _mac(
    nic: Nic, index: int, name: str, old: Claim | None, taken: set[str], random_bytes: RandomBytes
) -> str:
    """The one that is given, that of before, or another. Raises ConflictError for one that
    somebody has."""
    if nic.mac is None:
        return old.mac if old and old.mac not in taken else free_mac(random_bytes, taken)
    if nic.mac in taken:
        raise ConflictError(
            f"{name}: nics.{index}.mac: {nic.mac} is that of another interface, or of its end"
            " on the host",
            "choose another",
        )
    return str(nic.mac)


def _address(
    version: int,
    nic: Nic,
    network: Network,
    old: Claim | None,
    taken: set[address.Address],
    kept_too: set[address.Address],
) -> str | None:
    wanted, subnet = _wanted(nic, version)
    if wanted in UNCLAIMED:
        return None
    if wanted != "pool":
        return address.static(nic.network, network, wanted, taken)
    if not _can_be_given(network, version, subnet):
        return None
    had = (old.address if version == 4 else old.address6) if old else None
    if had and old and old.network == nic.network:
        (plain,) = address.addresses([had])
        if _fits(had, network, version, taken, subnet):
            return address.with_prefix(network, plain)
    return address.from_pool(nic.network, network, version, kept_too, subnet)


def _aliases(nic: Nic, network: Network, taken: set[address.Address]) -> list[str]:
    return [address.static(nic.network, network, str(alias), taken) for alias in nic.aliases]


def _fits(
    had: str, network: Network, version: int, taken: set[address.Address], subnet: Subnet | None
) -> bool:
    """Whether an address of earlier is still one of the pools', and free."""
    (plain,) = address.addresses([had])
    return (
        plain not in taken
        and plain not in address.reserved(network)
        and any(plain in pool for pool in address.pools_of(network, version, subnet))
    )


def with_nics(identity: Identity, claims: list[Claim], *, live: bool = False) -> Identity:
    """The identity with these claims: from the next start on, where the guest is `live`."""
    if not live:
        return msgspec.structs.replace(identity, nics=claims, next=None)
    later = None if claims == identity.nics else claims
    return msgspec.structs.replace(identity, next=later)


def settled(identity: Identity) -> Identity:
    """Return the identity as the next start will have it."""
    nics = identity.nics if identity.next is None else identity.next
    shared = identity.shared if identity.next_shared is None else identity.next_shared
    return msgspec.structs.replace(identity, nics=nics, next=None, shared=shared, next_shared=None)
