"""View 3: networks, with the interfaces on them, their addresses, and the ports forwarded to
guests on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bsdvirt.rows.host import AddressUse, ExposeRow, NetworkPort, NetworkRow
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.feed.queries.networks import EXPOSED, NETWORKS
from bsdvirt.tui.views.asking import AskingView, key_of
from bsdvirt.tui.views.entries import HOST, Entry, column, guests_of, style_of
from bsdvirt.tui.widgets.table import Key
from bsdvirt.tui.widgets.tree import TreeTable

COLUMNS = (
    column("name", "NETWORK", 18, grows=2),
    HOST,
    column("state", "STATE", 11),
    column("interface", "INTERFACE", 10, rank=4),
    column("address", "ADDRESS", 22, grows=1, rank=1),
    column("nat", "NAT", 8, rank=3),
    column("uplink", "UPLINK", 10, rank=6),
    column("mtu", "MTU", 5, right=True, rank=7),
    column("used", "USED", 9, right=True, rank=2, descends=True),
    column("why", "WHY", 10, grows=3, rank=5),
)
ADDRESSES, INTERFACES, FORWARDS = 1, 2, 3
"""The order of what belongs to a network."""


class NetworksView(AskingView):
    """Networks; each opens to its ranges of addresses, its interfaces, its forwarded ports."""

    name_ = "networks"
    title = "Networks"
    digit = "3"

    def make_table(self) -> TreeTable[Entry]:
        return TreeTable(COLUMNS, sort="name", empty="no networks: n creates one")

    async def ask(self, host: str) -> list[Entry]:
        desk = desk_of(self)
        networks = await desk.ask(host, NETWORKS)
        forwards = await desk.ask(host, EXPOSED)
        return list(entries(desk.store, host, networks, forwards))


def entries(
    store: Store, host: str, networks: list[NetworkRow], forwards: list[ExposeRow]
) -> Iterator[Entry]:
    """Yield the rows of a host."""
    of_guest: dict[str, Key] = {}
    find = guests_of(store, host)
    for network in networks:
        top = _network(host, network)
        yield top
        for pool in network.use or ():
            yield _addresses(top, pool)
        for port in network.ports or ():
            yield _port(find, top, port)
            if port.guest is not None:
                of_guest.setdefault(port.guest, top.key)
    for forward in forwards:
        yield _forward(host, forward, of_guest.get(forward.guest))


def _network(host: str, row: NetworkRow) -> Entry:
    use = row.use or []
    used, size = sum(one.used for one in use), sum(one.size for one in use)
    uplink = row.uplink or ""
    nat_why = f"no NAT: {row.nat_why}" if row.nat_why else ""
    return Entry(
        key_of(host, row.name),
        Subject(host, "network", row.name, row.state, row),
        {
            "name": row.name,
            "state": row.state,
            "interface": row.bridge or "",
            "address": " ".join(row.addresses or row.subnets or ()),
            "nat": row.nat or "",
            "uplink": f"{uplink}.{row.vlan}" if row.vlan else uplink,
            "mtu": str(row.mtu or ""),
            "used": f"{used}/{size}" if use else "",
            "why": row.error or row.why or nat_why or row.description or "",
        },
        values={"name": (0, row.name), "used": used if use else None},
        styles={"state": style_of(row.state), "nat": style_of(row.nat or "")},
    )


def _addresses(top: Entry, use: AddressUse) -> Entry:
    return Entry(
        key_of(top.host, top.subject.name, "addresses", use.pool),
        top.subject,
        {
            "name": "addresses",
            "address": use.pool,
            "used": f"{use.used}/{use.size}",
            "state": f"{use.free} free",
        },
        parent=top.key,
        values={"name": (ADDRESSES, use.pool), "used": use.used},
        styles={"state": "" if use.free else "bad"},
    )


def _port(find: Callable[[str], Subject], top: Entry, port: NetworkPort) -> Entry:
    if port.guest is None:
        subject, name = top.subject, "uplink" if port.uplink else "other member"
        state = ""
    else:
        subject = find(port.guest)
        name, state = port.guest + (f" nic {port.nic}" if port.nic else ""), subject.state
    return Entry(
        key_of(top.host, top.subject.name, "port", port.interface),
        subject,
        {
            "name": name,
            "state": state,
            "interface": port.interface if port.member else "",
            "address": " ".join(port.addresses),
        },
        parent=top.key,
        values={"name": (INTERFACES, name)},
        styles={"state": style_of(state)},
    )


def _forward(host: str, row: ExposeRow, parent: Key | None) -> Entry:
    source = f" from {row.source}" if row.source else ""
    return Entry(
        key_of(host, "forward", row.guest, row.expose),
        Subject(host, "forward", f"{row.guest} {row.expose}", row.state, row),
        {
            "name": f"{row.expose} {row.guest}",
            "state": row.state,
            "interface": " ".join(row.interfaces),
            "address": f"{row.on or ''}{source}",
            "why": row.why,
        },
        parent=parent,
        values={"name": (FORWARDS, row.expose)},
        styles={"state": style_of(row.state)},
    )
