"""Notes on what a new jail or interface lacks."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.jail import settings
from bsdvirt.jail.stack import without_address
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network


def notes(
    name: str,
    jail: Jail,
    identity: Identity,
    networks: Mapping[str, Network],
    root: settings.OwnFacts | None,
) -> tuple[str, ...]:
    """Return notes on a new jail. `root` has the settings in the root that it is a copy of; None if
    they are not known."""
    zone = settings.notes(jail, root) if root is not None else ()
    return (*without_address(name, jail, identity, networks), *zone)


def made(origin: str, identity: Identity) -> str:
    """Return the message for a new guest, with the addresses that it was given."""
    addresses = [claim.address or claim.address6 for claim in identity.nics]
    addresses += [alias.address for alias in identity.shared]
    where = ", ".join(text for text in addresses if text)
    return f"created {origin}" + (f", {where}" if where else "")
