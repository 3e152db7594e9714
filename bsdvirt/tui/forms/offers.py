"""What a form offers for a field: the names of what there is on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError
from bsdvirt.rows.guest import GuestRow
from bsdvirt.spec.base import Names
from bsdvirt.spec.nic import SLIRP
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.feed.queries.guests import GUESTS
from bsdvirt.tui.feed.queries.library import IMAGES, MEDIA, PROFILES, RELEASES
from bsdvirt.tui.feed.queries.networks import INTERFACES, NETWORKS
from bsdvirt.tui.feed.queries.pools import POOLS
from bsdvirt.tui.feed.source import Query


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked of the host, and the names in the rows."""

    query: Query[Any]
    names: Callable[[Any], Iterable[str]]


def _names(rows: Any) -> list[str]:
    return [row.name for row in rows]


def _tags(rows: list[GuestRow]) -> Iterable[str]:
    return sorted({tag for row in rows for tag in row.tags})


OFFERS: dict[Names, Offer] = {
    Names.GUEST: Offer(GUESTS, _names),
    Names.NETWORK: Offer(NETWORKS, lambda rows: [*_names(rows), SLIRP]),
    Names.RELEASE: Offer(RELEASES, _names),
    Names.IMAGE: Offer(IMAGES, _names),
    Names.MEDIUM: Offer(MEDIA, _names),
    Names.TAG: Offer(GUESTS, _tags),
    Names.POOL: Offer(POOLS, _names),
    Names.PROFILE: Offer(PROFILES, _names),
    Names.INTERFACE: Offer(INTERFACES, _names),
}


async def offered(desk: Desk, host: str, names: Names) -> list[str]:
    """Return the names of what there is on a host; none if it cannot be read."""
    offer = OFFERS[names]
    try:
        return list(offer.names(await desk.ask(host, offer.query)))
    except BsdvirtError:
        return []


async def network_data(desk: Desk, host: str, name: str) -> dict[str, Any]:
    """Return the properties of a network, as plain data. Raises BsdvirtError."""
    rows = await desk.ask(host, NETWORKS)
    row = next((one for one in rows if one.name == name), None)
    if row is None:
        raise NotFoundError(f"no network {name}", "bsdvirt network ls")
    if row.config is None:
        raise ConflictError(f"network {name}: {row.error}", "correct its file")
    return row.config
