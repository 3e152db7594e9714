"""What the lines of a virtual machine's `config` take of the numbers that bsdvirt gives out:
PCI slots, ports of the AHCI controller, devices of the host's, consoles and taps.

A key of a device that is there (nodelete of a disk, say) changes it; `device` in a slot, and
`type` or `path` of a port, put another in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.spec.types import BhyveLine

AHCI_SLOT = 2
"""One controller has every disk and drive on AHCI, each on a port of its own."""
_PCI = re.compile(r"pci\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.(.+)")
_PORT = re.compile(rf"pci\.0\.{AHCI_SLOT}\.0\.port\.(\d+)\.(.+)")
OURS = re.compile(r"/dev/nmdm-bv\d+[AB]|bv\d+n\d+")
"""A console's device, or a tap, of a guest's."""


@dataclass(frozen=True, slots=True)
class RawDevices:
    """What the lines name."""

    slots: frozenset[int]
    """Slots of the first bus that a line is about."""
    devices: dict[int, int]
    """Slots of the first bus with a device of their own: the number of the line."""
    ports: frozenset[int]
    media: dict[int, int]
    """Ports with a disk or drive of their own: the number of the line."""
    buses: frozenset[int]
    """Buses with a device."""
    host: dict[str, int]
    """The host's PCI devices that are passed through, as 3/0/0 or ppt0: the number of the line."""


def raw_devices(lines: Sequence[BhyveLine]) -> RawDevices:
    """What of the lines is about PCI devices."""
    slots: set[int] = set()
    devices: dict[int, int] = {}
    ports: set[int] = set()
    media: dict[int, int] = {}
    buses: set[int] = set()
    for number, line in enumerate(lines):
        if port := _PORT.fullmatch(line.key):
            ports.add(int(port[1]))
            if port[2] in ("type", "path"):
                media[int(port[1])] = number
        elif found := _PCI.fullmatch(line.key):
            bus, slot = int(found[1]), int(found[2])
            if bus == 0:
                slots.add(slot)
            if found[4] == "device":
                buses.add(bus)
                if bus == 0:
                    devices[slot] = number
    host = {who: _line_of(lines, node) for node, who in passed(dict(_pairs(lines))).items()}
    return RawDevices(frozenset(slots), devices, frozenset(ports), media, frozenset(buses), host)


def misnumbered(key: str) -> bool:
    """Whether a key is of a PCI device that bhyve does not look for: it makes the name of
    each from the numbers (init_pci in pci_emul.c)."""
    return re.match(r"pci\.\d", key) is not None and not _PCI.fullmatch(key)


def _pairs(lines: Sequence[BhyveLine]) -> list[tuple[str, str]]:
    return [(line.key, line.value) for line in lines]


def _line_of(lines: Sequence[BhyveLine], node: str) -> int:
    return next(n for n, line in enumerate(lines) if line.key == f"{node}.device")


def passed(keys: dict[str, str]) -> dict[str, str]:
    """The host's PCI devices that keys of bhyve_config(5) pass through, by the guest's: bus,
    slot and function as 3/0/0, or a device of ppt(4) by its name."""
    found: dict[str, str] = {}
    for key, value in keys.items():
        node, _, last = key.rpartition(".")
        if last == "device" and value == "passthru" and node.startswith("pci."):
            where = [keys.get(f"{node}.{part}", "") for part in ("bus", "slot", "func")]
            name = keys.get(f"{node}.pptdev") or "/".join(where)
            if name != "//":
                found[node] = name
    return found
