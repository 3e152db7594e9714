"""What the wizard knows of a host: guests, images, sizes, free addresses, the user's keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bsdvirt.errors import BsdvirtError
from bsdvirt.rows.host import NetworkRow
from bsdvirt.spec.addresses import AddressRange
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.cloud import SshKey
from bsdvirt.spec.sizes import VmSize, load_named
from bsdvirt.templates import template_text
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.feed.queries.library import IMAGES, PROFILES
from bsdvirt.tui.feed.queries.networks import NETWORKS

MOST_TRIED = 4096
"""How many addresses of a range are looked at for a free one."""
MOST_READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a host when the wizard is opened."""

    host: str = ""
    guests: Collection[str] = ()
    images: Sequence[str] = ()
    profiles: Sequence[str] = ()
    plain_images: Collection[str] = ()
    """Images and profiles without cloud-init."""
    sizes: Mapping[str, VmSize] = field(default_factory=dict)
    free: Mapping[str, str] = field(default_factory=dict)
    """The next free address of each network that has some."""
    keys: Sequence[str] = ()
    """Public keys of the user of this UI."""


async def known(desk: Desk, host: str) -> Known:
    """Return what is known of a host. What cannot be read is left out."""
    guests = [state.row for state in desk.store.hosts[host].guests.values()]
    used = {address for row in guests for address in row.addresses}
    try:
        images = await desk.ask(host, IMAGES)
        profiles = await desk.ask(host, PROFILES)
        networks = await desk.ask(host, NETWORKS)
    except BsdvirtError:
        images, profiles, networks = [], [], []
    plain = {row.name for row in images if not row.cloud_init}
    named = {row.name for row in images}
    return Known(
        host=host,
        guests={row.name for row in guests},
        images=sorted(named),
        profiles=[row.name for row in profiles if row.url is not None],
        plain_images=plain
        | {row.name for row in profiles if not row.cloud_init and row.name not in named},
        sizes=load_named(VmSize, template_text("sizes.yaml")),
        free={row.name: one for row in networks if (one := next_free(row, used))},
        keys=own_keys(Path.home() / ".ssh"),
    )


def next_free(network: NetworkRow, used: Collection[str]) -> str:
    """Return the first address of a network's pools that no guest has; "" if there is none."""
    taken = {address.partition("/")[0] for address in (*used, *(network.addresses or ()))}
    for text in network.pools or ():
        pool = AddressRange.parse(text)
        last = min(int(pool.last), int(pool.first) + MOST_TRIED)
        for number in range(int(pool.first), last + 1):
            address = str(type(pool.first)(number))
            if address not in taken and address != network.gateway:
                return address
    return ""


def own_keys(directory: Path) -> list[str]:
    """Return the public keys of a directory such as ~/.ssh: its own, then those that may log in."""
    found: list[str] = []
    for path in (*sorted(directory.glob("*.pub")), directory / "authorized_keys"):
        try:
            with path.open(encoding="utf-8", errors="replace") as stream:
                lines = stream.read(MOST_READ).splitlines()
        except OSError:
            continue
        found += _keys(lines)
    return list(dict.fromkeys(found))


def _keys(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        try:
            found.append(str(SshKey.parse(line)))
        except BadValueError:
            continue
    return found
