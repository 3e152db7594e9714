"""What a guest's file says and only one guest can have: a copy gets its own, or none. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.net.address import pools_of
from bsdvirt.net.files import Networks
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.nic import Nic
from bsdvirt.spec.types import Ipv4OrDhcp, Ipv6OrSlaac

SpecT = TypeVar("SpecT", bound=GuestSpec)
NicT = TypeVar("NicT", bound=Nic)
OF_ONE = ("protected", "template")
"""What is set for one guest, and not for its copies."""
POOLED = {4: Ipv4OrDhcp("pool"), 6: Ipv6OrSlaac("pool")}


def without_unique(
    source: str, before: SpecT, after: SpecT, networks: Networks
) -> tuple[SpecT, tuple[str, ...]]:
    """Return `after`, the file of a copy, without what is still as `before`, in the file of its
    source, and only one guest can have; with notes.

    Raises UsageError for a fixed address on a network that has no pool to take another from.
    """
    notes: list[str] = []
    nics = [
        _own_nic(source, number, was, nic, networks, notes)
        for number, (was, nic) in enumerate(_paired(before, after))
    ]
    changes: dict[str, object] = {"nics": nics}
    exposed = [one for one in after.expose if one in before.expose]
    if exposed:
        changes["expose"] = [one for one in after.expose if one not in exposed]
        notes.append(f"expose: {', '.join(exposed)} stays {source}'s")
    if after.hostname and after.hostname == before.hostname:
        changes["hostname"] = None
        notes.append(f"hostname: {after.hostname} stays {source}'s; it is named after itself")
    changes |= {name: False for name in OF_ONE if getattr(before, name)}
    return msgspec.structs.replace(after, **changes), tuple(notes)


def _paired(before: GuestSpec, after: GuestSpec) -> list[tuple[Nic | None, Nic]]:
    """Return the interfaces, each with that of the source in its place."""
    was = [*before.nics, *[None] * len(after.nics)]
    return list(zip(was, after.nics, strict=False))


def _own_nic(
    source: str, number: int, was: Nic | None, nic: Nic, networks: Networks, notes: list[str]
) -> Nic:
    if was is None:
        return nic
    at = f"nics.{number}"
    changes: dict[str, object] = {}
    if nic.mac and nic.mac == was.mac:
        changes["mac"] = None
        notes.append(f"{at}.mac: {nic.mac} stays {source}'s")
    for version, field in ((4, "address"), (6, "address6")):
        given = getattr(nic, field)
        if not given.address or given != getattr(was, field):
            continue
        network = networks.get(nic.network)
        if network is None or not pools_of(network, version):
            raise UsageError(
                f"{at}.{field}: {given} is {source}'s, and network {nic.network} has no pool to"
                " take another from",
                f"add {at}.{field}=ADDRESS",
            )
        changes[field] = POOLED[version]
        notes.append(f"{at}.{field}: {given} stays {source}'s; it gets one of the pool")
    kept = [alias for alias in nic.aliases if alias not in was.aliases]
    if len(kept) < len(nic.aliases):
        gone = [str(alias) for alias in nic.aliases if alias in was.aliases]
        changes["aliases"] = kept
        notes.append(f"{at}.aliases: {', '.join(gone)} stays {source}'s")
    return msgspec.structs.replace(nic, **changes) if changes else nic
