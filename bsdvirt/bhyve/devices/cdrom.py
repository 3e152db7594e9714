"""CD drives: each a port of the AHCI controller. The properties are spec/vmdevices.py's Cdrom.

bhyve opens what is behind a port once, at its start, so an empty drive is not shown to the
guest, and a medium that was inserted appears when the guest reboots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve.devices.base import (
    BootSource,
    Device,
    Keys,
    Missing,
    Pairs,
    Place,
    RunSettings,
    VmStartFacts,
)
from bsdvirt.bhyve.devices.storage import (
    CDROM_PORTS,
    CONTROLLER,
    compact_disc,
    on_controller,
    port_node,
)
from bsdvirt.bhyve.keys import escape
from bsdvirt.errors import HostError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest.inventory import Guest
from bsdvirt.rows.vm import DriveRow
from bsdvirt.spec.vm import Cdrom, Vm


class Cdroms(Device):
    """The CD drives of a guest."""

    def ports(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """A port for each drive with a medium."""
        yield from _ports(guest, vm).items()

    def boots(self, guest: Guest, vm: Vm) -> Iterator[BootSource]:
        """Every drive, the empty ones too."""
        for drive in vm.cdroms:
            claim = guest.identity.disks.get(drive.name)
            node = port_node(claim.port) if claim else ""
            fill = f"bsdvirt cdrom insert {guest.name} MEDIUM --drive {drive.name}"
            yield BootSource(str(drive.name), _file(guest, drive), node, removable=True, fill=fill)

    def places(self, vm: Vm) -> Iterator[Place]:
        """A port for each drive."""
        for drive in vm.cdroms:
            yield Place(str(drive.name), CDROM_PORTS)

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """The files in the drives."""
        return [path for drive in vm.cdroms if (path := _file(guest, drive))]

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """The media exist."""
        for drive in vm.cdroms:
            path = _file(guest, drive)
            if path and facts.paths.get(path) not in ("file", "device"):
                raise HostError(
                    f"{guest.name}: the medium in {drive.name} does not exist: {path}",
                    f"bsdvirt media ls lists the media; {_eject(guest, drive)}",
                )

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """Media that do not exist."""
        for drive in vm.cdroms:
            path = _file(guest, drive)
            if path and path not in paths:
                yield Missing(
                    f"the medium of {drive.name} does not exist: {path}", _eject(guest, drive)
                )

    def at_reboot(self, conf: str, guest: Guest, before: Vm, after: Vm) -> str:
        """The media that are in the drives now."""
        return conf if before.cdroms == after.cdroms else with_media(conf, guest, after)

    def media(self, conf: str) -> list[str]:
        """The files in the drives."""
        keys = [f"{port_node(port)}.path=" for port in CDROM_PORTS]
        return [
            line.removeprefix(key)
            for key in keys
            for line in conf.split("\n")
            if line.startswith(key)
        ]

    def info(self, guest: Guest, vm: Vm, keys: Keys) -> dict[str, object]:
        """The drives, with what is in them."""
        claims = guest.identity.disks
        return {
            "cdroms": [
                DriveRow(
                    name=drive.name,
                    media=str(drive.media) if drive.media else None,
                    path=str(drive.path) if drive.path else None,
                    port=claims[drive.name].port if drive.name in claims else None,
                )
                for drive in vm.cdroms
            ]
        }


def with_media(conf: str, guest: Guest, vm: Vm) -> str:
    """Return the configuration with these media in the drives; everything else stays."""
    drives = _ports(guest, vm)
    ports = tuple(f"{port_node(port)}." for port in CDROM_PORTS)
    order = tuple(f"{port_node(port)}.bootindex=" for port in drives)
    given = conf.removesuffix("\n").split("\n")
    lines = [line for line in given if not line.startswith(ports)]
    lines += [line for line in given if line.startswith(order)]
    head = f"{CONTROLLER}.device=ahci"
    new = [
        f"{port_node(port)}.{key}={escape(value)}"
        for port in sorted(drives)
        for key, value in drives[port]
    ]
    if not new and not any(on_controller(line) for line in lines):
        lines = [line for line in lines if line != head]
    elif head in lines:
        at = lines.index(head) + 1
        lines[at:at] = new
    else:
        at = next((n for n, line in enumerate(lines) if line.startswith("pci.")), len(lines))
        lines[at:at] = [head, *new]
    return "\n".join(lines) + "\n"


def _ports(guest: Guest, vm: Vm) -> dict[int, Pairs]:
    return {
        claim.port: compact_disc(path, claim.serial)
        for drive in vm.cdroms
        if (path := _file(guest, drive))
        and (claim := guest.identity.disks.get(drive.name)) is not None
    }


def _file(guest: Guest, drive: Cdrom) -> str:
    """Return the file in a drive; empty for an empty one."""
    if drive.path:
        return str(drive.path)
    return guest.layout.medium(str(drive.media)) if drive.media else ""


def _eject(guest: Guest, drive: Cdrom) -> str:
    return f"bsdvirt cdrom eject {guest.name} --drive {drive.name}"
