"""The interfaces of a freshly booted host."""

from __future__ import annotations

from bsdvirt_sim.state import Inet, Interface

CARD = "vtnet0"
_MAC = "52:54:00:12:34:56"


def interfaces() -> dict[str, Interface]:
    """Return the interfaces that every boot finds."""
    return {
        CARD: Interface(
            CARD, "ether", CARD, 1, _MAC, _MAC, up=True, addresses=[Inet("inet", "10.0.2.15", 24)]
        ),
        "lo0": loopback(2),
    }


def loopback(index: int) -> Interface:
    """Return the loopback interface of a network stack that is up."""
    return Interface(
        "lo0",
        "lo",
        "lo0",
        index,
        "",
        "",
        up=True,
        mtu=16384,
        groups=["lo"],
        addresses=[
            Inet("inet6", "::1", 128),
            Inet("inet6", f"fe80::1%lo0 scopeid 0x{index:x}", 64),
            Inet("inet", "127.0.0.1", 8),
        ],
        ifdisabled=False,
    )
