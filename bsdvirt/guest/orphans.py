"""Orphans: interfaces, mounts and vmm devices that are marked as ours and belong to no guest. Pure.

A guest that is missing from a listing may still run: what a living jail, a process, or a bridge
with members uses is never removed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.mount import Mount
from bsdvirt.facts.vms import VmFact
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.layout import FIRST_UNIT, GROUP, MAX_NICS, run_lock, supervisor_lock, vm_directory
from bsdvirt.plan.step import (
    Command,
    FileExists,
    InterfaceExists,
    Locked,
    Mounted,
    Not,
    RemoveTree,
    Step,
    Undo,
)
from bsdvirt.spec.mounts import within

_OURS = re.compile(r"^(bv\d+n\d[ab]?|bvbr\d+|bvvl\d+)$")
_EPAIR = re.compile(r"^(bv\d+n\d|epair\d+)[ab]$")
_NAMED = re.compile(r"bv(\d+)n(\d)[ab]")
_CLONED = re.compile(r"epair(\d+)[ab]")
_UNIT = re.compile(r"^(?:epair(\d+)[ab]|tap(\d+)|bridge(\d+)|vlan(\d+))$")


def steps(found: Inventory, facts: HostFacts, known: Collection[str]) -> tuple[Step, ...]:
    """Destroy the interfaces that are ours by name and group, or by unit, and neither in `known`
    nor in use; unmount what starts of missing guests mounted beneath guests/."""
    return (*_interfaces(facts, known), *_mounts(found, facts))


def vm_steps(
    found: Inventory, vms: Mapping[str, VmFact], devices: Collection[str]
) -> tuple[Step, ...]:
    """Destroy the vmm devices and remove the run directories of virtual machines that no longer
    exist. One that still runs is left alone, and so is a device in /dev/vmm (`devices`) for which
    there is no run directory of ours."""
    steps: list[Step] = []
    for name, fact in sorted(vms.items()):
        if name in found.guests or name in found.foreign or fact.runs:
            continue
        if fact.left and name in devices:
            device = f"/dev/vmm/{name}"
            steps.append(
                Step(
                    Command((tools.BHYVECTL, f"--vm={name}", "--destroy")),
                    f"{device} of a guest that is gone",
                    unless=Not(FileExists(device)),
                    retry=5.0,
                )
            )
        steps.append(
            Step(
                RemoveTree(vm_directory(name)),
                f"the run directory of {name}",
                unless=Locked((run_lock(name), supervisor_lock(name))),
            )
        )
    return tuple(steps)


def _interfaces(facts: HostFacts, known: Collection[str]) -> Iterator[Step]:
    gone: set[str] = set()
    for name, interface in facts.interfaces.items():
        ours = (_OURS.match(name) and GROUP in interface.groups) or _by_unit(name)
        other_end = name[:-1] + "a" if name.endswith("b") else ""
        if not ours or name in known or other_end in gone or in_use(interface, facts):
            continue
        gone.add(name)
        yield Step(
            Command((tools.IFCONFIG, name, "destroy")),
            f"interface {name}",
            unless=Not(InterfaceExists(name)),
            retry=5.0,
        )


def in_use(interface: Interface, facts: HostFacts) -> bool:
    """Return whether the interface is in use: a tap opened by a process, an epair with its other
    end in a jail, a bridge with members, or the uplink of such a bridge."""
    if interface.opened or interface.members:
        return True
    if interface.name.startswith(("bvvl", "vlan")):
        return any(
            interface.name in face.members and len(face.members) > 1
            for face in facts.interfaces.values()
        )
    return away(interface.name, facts)


def away(name: str, facts: HostFacts) -> bool:
    """Return whether this is one end of an epair whose other end is in a vnet jail."""
    if not _EPAIR.match(name):
        return False
    peer = name[:-1] + ("b" if name.endswith("a") else "a")
    numbered = _CLONED.fullmatch(name) or _NAMED.fullmatch(name)
    names = {peer}
    if numbered and numbered.re is _NAMED:
        unit = FIRST_UNIT + MAX_NICS * int(numbered[1]) + int(numbered[2])
        names.add(f"epair{unit}{peer[-1]}")
    elif numbered:
        number = int(numbered[1]) - FIRST_UNIT
        names.add(f"bv{number // MAX_NICS}n{number % MAX_NICS}{peer[-1]}")
    return not names & set(facts.interfaces) and any(j.vnet for j in facts.jails.values())


def _by_unit(name: str) -> bool:
    match = _UNIT.match(name)
    return match is not None and int(match[match.lastindex or 1]) >= FIRST_UNIT


def _mounts(found: Inventory, facts: HostFacts) -> Iterator[Step]:
    for mount in reversed(facts.mounts):
        if not _of_nobody(found, mount):
            continue
        guest, _, place = mount.path.partition("/root/")
        started = mount.kind in ("devfs", "fdescfs") and place in ("dev", "dev/fd")
        lives = any(
            within(jail.path, f"{guest}/root") or within(mount.path, jail.path)
            for jail in facts.jails.values()
            if jail.path != "/"
        )
        if started and not lives and mount.path not in facts.fstab:
            yield Step(
                Command((tools.UMOUNT, mount.path)),
                f"the mount on {mount.path}",
                unless=Not(Mounted(mount.path)),
                remedy=(Undo(Command((tools.UMOUNT, "-f", mount.path)), Mounted(mount.path)),),
            )


def _of_nobody(found: Inventory, mount: Mount) -> bool:
    """Return whether it is mounted in the place of a guest that does not exist."""
    for layout in found.layouts:
        prefix = f"{layout.mountpoint}/guests/"
        if mount.path.startswith(prefix):
            guest = found.guests.get(mount.path.removeprefix(prefix).split("/")[0])
            return guest is None or not mount.path.startswith(f"{guest.layout.mountpoint}/")
    return False
