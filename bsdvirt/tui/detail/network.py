"""A guest's interfaces and forwarded ports."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from bsdvirt.rows.guest import GuestInfo
from bsdvirt.rows.host import ExposeRow
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.devices import part
from bsdvirt.tui.detail.tab import TableTab
from bsdvirt.tui.feed.queries.detail import FORWARDS
from bsdvirt.tui.views.entries import Entry, column


class NetworkTab(TableTab):
    name_ = "network"
    title = "Network"
    kinds = frozenset({"jail", "vm"})
    nothing = "no interfaces"
    adds = "add-nic"
    columns = (
        column("what", "WHAT", 8),
        column("name", "NAME", 12, grows=1),
        column("address", "ADDRESS", 18, grows=2),
        column("more", "MAC, OR WHERE TO", 18, grows=1),
        column("interface", "ON THE HOST", 10, rank=3),
        column("state", "STATE", 8, rank=2),
    )

    async def load(self, guest: Subject) -> None:
        info = await self.info(guest)
        forwards = await desk_of(self).ask(guest.host, FORWARDS, guest.name)
        self.show([*_nics(guest, info), *(_forward(guest, one) for one in forwards)])


def _nics(guest: Subject, info: GuestInfo) -> Iterator[Entry]:
    for number, nic in enumerate(info.nics):
        own = [one for one in (nic.address, nic.address6, *nic.aliases) if one]
        tap = nic.tap if nic.tap is not UNSET else None
        cells = {
            "what": f"nic {number}", "name": nic.network, "address": ", ".join(own) or "DHCP",
            "more": nic.mac, "interface": nic.interface or tap or "",
            "state": "up" if nic.interface else "not there",
        }  # fmt: skip
        yield part(guest, "nic", str(number), cells)


def _forward(guest: Subject, forward: ExposeRow) -> Entry:
    where = f"{forward.on or 'host'}:{_ports(forward.ports)}"
    cells = {
        "what": "forward", "name": f"{forward.protocol} {_ports(forward.ports)}",
        "address": where + (f" from {forward.source}" if forward.source else ""),
        "more": f"{', '.join(forward.to)} port {_ports(forward.guest_ports)}",
        "interface": ", ".join(forward.interfaces),
        "state": f"{forward.state}: {forward.why}" if forward.why else forward.state,
    }  # fmt: skip
    return part(guest, "forward", forward.expose, cells)


def _ports(ports: list[int]) -> str:
    first, last = ports[0], ports[-1]
    return str(first) if first == last else f"{first}-{last}"
