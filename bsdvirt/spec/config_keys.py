"""Resources that the lines of a virtual machine's `config` use and bsdvirt also assigns: PCI
slots, AHCI ports, PCI devices of the host, consoles and taps.

A key such as nodelete changes an existing device; `device` in a slot, and `type` or `path` of a
port, define another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.spec.types import BhyveLine

AHCI_SLOT = 2
"""The controller of all AHCI disks and drives, each on its own port."""
_PCI = re.compile(r"pci\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.(.+)")
_PORT = re.compile(rf"pci\.0\.{AHCI_SLOT}\.0\.port\.(\d+)\.(.+)")
_LATER = re.compile(
    r"acpi_tables_in_memory|boot(rom|vars)|lpc\.fwcfg|pci\.enable_bars|x86\.verbosemsr"
    r"|domains\..+|pci\..+\.(bootindex|hostfwd|pcireg\..+)"
)
"""Keys of bhyve_config(5) that bhyve of 13.2 ignores, as the sources of 13.2 and 15.1 differ; those
of TPMs are checked with the TPM."""
_WORDS = (
    "acpi_tables_in_memory",
    "bootindex",
    "lpc.fwcfg",
    "pci.enable_bars",
    "pcireg",
    "x86.verbosemsr",
)
"""Names of such keys that are in bhyve's program by themselves, if it knows them."""
OURS = re.compile(r"/dev/nmdm-bv\d+[AB]|bv\d+n\d+")
"""The console device or a tap of a guest."""


class RawDevices(Struct, frozen=True):
    """The PCI devices in the lines."""

    slots: frozenset[int]
    """Slots of the first bus that a line refers to."""
    devices: dict[int, int]
    """Slots of the first bus in which a line defines a device, and the number of that line."""
    ports: frozenset[int]
    media: dict[int, int]
    """Ports on which a line defines a disk or drive, and the number of that line."""
    buses: frozenset[int]
    """Buses with a device."""
    host: dict[str, int]
    """PCI devices of the host passed through, as 3/0/0 or ppt0, and the number of the line."""


def raw_devices(lines: Sequence[BhyveLine]) -> RawDevices:
    """Return the PCI devices in the lines."""
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


def later(key: str) -> bool:
    """Return whether bhyve of 13.2 ignores a key that later releases have."""
    return _LATER.fullmatch(key) is not None


def word_of(key: str) -> str:
    """Return the word of bhyve's program that shows whether it knows a later key; empty if none
    does."""
    return next((word for word in _WORDS if word == key or word in key.split(".")), "")


def misnumbered(key: str) -> bool:
    """Return whether a key names a PCI device in a form that bhyve ignores, such as with leading
    zeros (init_pci in pci_emul.c)."""
    return re.match(r"pci\.\d", key) is not None and not _PCI.fullmatch(key)


def _pairs(lines: Sequence[BhyveLine]) -> list[tuple[str, str]]:
    return [(line.key, line.value) for line in lines]


def _line_of(lines: Sequence[BhyveLine], node: str) -> int:
    return next(n for n, line in enumerate(lines) if line.key == f"{node}.device")


def passed(keys: dict[str, str]) -> dict[str, str]:
    """Return the host's PCI devices that keys of bhyve_config(5) pass through, by the guest's
    device: bus, slot and function as 3/0/0, or the name of a ppt(4) device."""
    found: dict[str, str] = {}
    for key, value in keys.items():
        node, _, last = key.rpartition(".")
        if last == "device" and value == "passthru" and node.startswith("pci."):
            where = [keys.get(f"{node}.{part}", "") for part in ("bus", "slot", "func")]
            name = keys.get(f"{node}.pptdev") or "/".join(where)
            if name != "//":
                found[node] = name
    return found
