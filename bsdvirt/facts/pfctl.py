"""Parse pfctl(8), route(8) and sockstat(1) (captures/06-pf)."""

from __future__ import annotations

from msgspec import Struct

from bsdvirt.spec.digits import natural


class Listener(Struct, frozen=True):
    """A listening socket; the protocol is without its family, such as tcp."""

    command: str
    protocol: str
    address: str
    """Address; * for all."""
    port: int

    @property
    def of_guest(self) -> bool:
        """Whether bhyve's user networking listens for a guest; the name of its helper is cut."""
        return self.command.startswith("bhyve-slir")


def enabled(info: str) -> bool:
    """Parse `pfctl -s info`: whether pf is enabled."""
    return any(line.startswith("Status: Enabled") for line in info.split("\n"))


def rules(text: str) -> tuple[str, ...]:
    """Return the rules of `pfctl -s nat` and `pfctl -s rules`, without what -v adds."""
    return tuple(line for line in text.split("\n") if line and not line.startswith(" "))


def calls(text: str, kind: str, anchor: str) -> bool:
    """Whether the rules call every anchor below that one, as nat-anchor "bsdvirt/*" does. A
    restricted call, such as for an interface, does not."""
    return any(line.split() == [kind, f'"{anchor}/*"', "all"] for line in text.split("\n"))


def blocks(text: str) -> bool:
    """Whether one of the filter rules of `pfctl -s rules` blocks."""
    return any(line.startswith("block ") for line in text.split("\n"))


def anchors(text: str, parent: str) -> frozenset[str]:
    """Return the names below `parent` in `pfctl -a PARENT -s Anchors`."""
    names = (line.strip() for line in text.split("\n"))
    return frozenset(n.removeprefix(f"{parent}/") for n in names if n.startswith(f"{parent}/"))


def route_interface(text: str) -> str | None:
    """Return the interface of `route -n get`."""
    for line in text.split("\n"):
        word, _, value = line.strip().partition(": ")
        if word == "interface":
            return value.strip()
    return None


def listeners(text: str) -> list[Listener]:
    """Parse `sockstat -46l -q`: user, command, pid, descriptor, protocol, local, foreign. A socket
    without an owner is not a listener."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        if len(words) < 6 or not words[-3].startswith(("tcp", "udp")):
            continue
        address, _, port = words[-2].rpartition(":")
        if (number := natural(port)) is not None:
            protocol = words[-3].rstrip("46")
            found.append(Listener(words[1], protocol, address.partition("%")[0], number))
    return found
