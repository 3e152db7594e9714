"""Waiting until duplicate address detection has let IPv6 addresses be used. Pure.

bind(2) to an address that is still tentative fails (in6_pcb.c), for about a second after it
was set; one that another host of the network has is `duplicated`, and is of no use at all
(nd6_nbr.c). ifconfig(8) prints both words behind the prefix length (af_inet6.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_interface

from bsdvirt.host import tools

ROUNDS = 50
PAUSE = 0.1
"""Seconds between two looks: five in all, where detection takes one, and up to a second more
before it begins."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An address, as ifconfig(8) begins to tell of it."""

    address: str
    shown: str

    @property
    def tentative(self) -> str:
        return f"{self.shown} tentative"

    @property
    def duplicated(self) -> str:
        return f"{self.shown} duplicated"


def awaited(cidrs: Sequence[str]) -> list[Awaited]:
    """Those of the addresses that are IPv6."""
    found = []
    for cidr in cidrs:
        if ":" in cidr:
            parsed = ip_interface(cidr)
            shown = f"inet6 {parsed.ip} prefixlen {parsed.network.prefixlen}"
            found.append(Awaited(str(parsed.ip), shown))
    return found


def shown_by(interface: str) -> str:
    """The command that shows an interface's IPv6 addresses."""
    return f"{tools.IFCONFIG} {interface} inet6"


def wait_line(shows: Sequence[str], addresses: Sequence[Awaited], rounds: int = ROUNDS) -> str:
    """A line for sh(1) that waits, and fails with words where an address is another host's.
    Where the wait is in vain (no carrier), it says so and ends well."""
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
    """That line, where any address is IPv6; within so many seconds."""
    wanted = awaited(cidrs)
    rounds = max(1, min(ROUNDS, int(seconds / PAUSE) - ROUNDS // 10))
    return [wait_line(shows, wanted, rounds)] if wanted else []
