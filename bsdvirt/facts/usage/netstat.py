"""The traffic of the host's interfaces: `netstat -ibn --libxo json` (captures/02-ifconfig)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from bsdvirt.host import tools
from bsdvirt.host.base import Host

LINK = "<Link#"
"""The row of an interface itself begins its `network` with it; other rows are of its addresses."""

_MADE = re.compile(
    r".*\.|(bridge|bv[a-z]*|carp|disc|edsc|enc|epair|gif|gre|ipfw|ipfwlog|ipsec|lagg|lo|me|ovpn|pflog"
    r"|pfsync|stf|tap|tun|usbus|vlan|vmnet|vxlan|wg)\d"
)
"""Interfaces that are made by software: their traffic passes through a card, or stays here."""


class Traffic(NamedTuple):
    """What an interface received and sent, as the host sees it."""

    bytes_in: int
    bytes_out: int
    packets_in: int
    packets_out: int


def read_traffic(host: Host) -> dict[str, Traffic]:
    """Return the traffic by interface; empty if netstat(1) fails."""
    shown = host.run((tools.NETSTAT, "-ibn", "--libxo", "json"), changes=False)
    return parse_traffic(shown.stdout) if shown.status == 0 else {}


def parse_traffic(text: str) -> dict[str, Traffic]:
    """Return the traffic by interface. A jail may have renamed an interface that came back from
    it: libxo does not escape tabs, and of two with one name the first counts."""
    try:
        rows = json.loads(text, strict=False)["statistics"]["interface"]
    except (ValueError, KeyError, TypeError):
        return {}
    found: dict[str, Traffic] = {}
    for row in rows:
        if str(row.get("network", "")).startswith(LINK) and row.get("name") not in found:
            found[row["name"]] = _traffic(row)
    return found


def of_cards(traffic: Mapping[str, Traffic]) -> Traffic | None:
    """Return what the host's network cards together received and sent; None if there are none."""
    cards = [one for name, one in traffic.items() if not _MADE.match(name)]
    return Traffic(*map(sum, zip(*cards, strict=True))) if cards else None


def _traffic(row: dict[str, Any]) -> Traffic:
    return Traffic(
        int(row.get("received-bytes", 0)),
        int(row.get("sent-bytes", 0)),
        int(row.get("received-packets", 0)),
        int(row.get("sent-packets", 0)),
    )
