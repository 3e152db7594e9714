"""Wait until duplicate address detection has completed for IPv6 addresses. Pure.

bind(2) to a tentative address fails (in6_pcb.c), for about a second after it was set; an address
that another host of the network has is `duplicated`, and cannot be used (nd6_nbr.c). ifconfig(8)
prints both words after the prefix length (af_inet6.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_interface

from msgspec import Struct

from bsdvirt.host import tools

ROUNDS = 50
PAUSE = 0.1
"""Seconds between two checks: five in all; detection takes one, and starts up to a second later."""


class Awaited(Struct, frozen=True):
    """An address, as ifconfig(8) prints it."""

    address: str
    shown: str

    @property
    def tentative(self) -> str:
        return f"{self.shown} tentative"

    @property
    def duplicated(self) -> str:
        return f"{self.shown} duplicated"


def awaited(cidrs: Sequence[str]) -> list[Awaited]:
    """Return the IPv6 addresses."""
    found = []
    for cidr in cidrs:
        if ":" in cidr:
            parsed = ip_interface(cidr)
            shown = f"inet6 {parsed.ip} prefixlen {parsed.network.prefixlen}"
            found.append(Awaited(str(parsed.ip), shown))
    return found


def shown_by(interface: str) -> str:
    """Return the command that shows an interface's IPv6 addresses."""
    return f"{tools.IFCONFIG} {interface} inet6"


def wait_line(shows: Sequence[str], addresses: Sequence[Awaited], rounds: int = ROUNDS) -> str:
    """Return a line for sh(1) that waits, and fails with a message if another host has an address.
    If the wait is in vain (no carrier), it prints a warning and succeeds."""
    other = "bsdvirt: %s: another host of the network has this IPv6 address"
    taken = " ".join(
        f'*"{one.duplicated}"*) echo "{other % one.address}" >&2; exit 1;;' for one in addresses
    )
    waiting = "|".join(f'*"{one.tentative}"*' for one in addresses)
    late = ", ".join(one.address for one in addresses)
    return (
        f"i=0; while s=$({'; '.join(shows)}); do"
        f" case $s in {taken} {waiting}) ;; *) break;; esac;"
        f' if [ $i -ge {rounds} ]; then echo "bsdvirt: {late}: still tentative" >&2; break; fi;'
        f" i=$((i+1)); {tools.SLEEP} {PAUSE}; done"
    )


def wait_lines(
    shows: Sequence[str], cidrs: Sequence[str], seconds: float = ROUNDS * PAUSE
) -> list[str]:
    """Return that line if any address is IPv6, with a limit in seconds."""
    wanted = awaited(cidrs)
    rounds = max(1, min(ROUNDS, int(seconds / PAUSE) - ROUNDS // 10))
    return [wait_line(shows, wanted, rounds)] if wanted else []
