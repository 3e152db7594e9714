"""What is to be said of a jail, or an interface, that has just been made: what it will lack."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.jail import settings
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import POOL


def notes(
    name: str,
    jail: Jail,
    identity: Identity,
    networks: Mapping[str, Network],
    root: settings.OwnFacts | None,
) -> tuple[str, ...]:
    """`root` is what the root that it is a copy of shows; None where that is not known."""
    zone = settings.notes(jail, root) if root is not None else ()
    return (*without_address(name, jail, identity, networks), *zone)


def made(origin: str, identity: Identity) -> str:
    """What was made, with the addresses that it was given."""
    addresses = [claim.address or claim.address6 for claim in identity.nics]
    addresses += [alias.address for alias in identity.shared]
    where = ", ".join(text for text in addresses if text)
    return f"created {origin}" + (f", {where}" if where else "")


def without_address(
    name: str, jail: Jail, identity: Identity, networks: Mapping[str, Network]
) -> tuple[str, ...]:
    """Interfaces that wait for an address from a pool, on networks that have none."""
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
