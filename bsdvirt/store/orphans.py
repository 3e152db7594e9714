"""What is marked as ours and belongs to no guest: interfaces, mounts, vmm devices. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from bsdvirt.host import tools
from bsdvirt.host.facts import HostFacts
from bsdvirt.plan.step import (
    Command,
    FileExists,
    InterfaceExists,
    Mounted,
    Not,
    RemoveTree,
    Step,
    Undo,
)
from bsdvirt.store.guests import Inventory
from bsdvirt.store.layout import FIRST_UNIT, GROUP, vm_directory
from bsdvirt.store.vms import VmFact

_OURS = re.compile(r"^(bv\d+n\d[ab]?|bvbr\d+|bvvl\d+)$")
_UNIT = re.compile(r"^(?:epair(\d+)[ab]|tap(\d+)|bridge(\d+)|vlan(\d+))$")


def steps(found: Inventory, facts: HostFacts, known: Collection[str]) -> tuple[Step, ...]:
    """Take away the interfaces that are ours by name and group, or by unit, and not in
    `known`; and mounts beneath guests/ of guests that are not there."""
    return (*_interfaces(facts, known), *_mounts(found, facts))


def vm_steps(
    found: Inventory, vms: Mapping[str, VmFact], devices: Collection[str]
) -> tuple[Step, ...]:
    """Take away the vmm devices and run directories of virtual machines that are no guest's
    any more. One that still runs is left alone; so is a device in /dev/vmm (`devices`) that
    no run directory of ours tells of."""
    steps: list[Step] = []
    for name, fact in sorted(vms.items()):
        if name in found.guests or fact.runs:
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
        steps.append(Step(RemoveTree(vm_directory(name)), f"the run directory of {name}"))
    return tuple(steps)


def _interfaces(facts: HostFacts, known: Collection[str]) -> Iterator[Step]:
    gone: set[str] = set()
    for name, interface in facts.interfaces.items():
        ours = (_OURS.match(name) and GROUP in interface.groups) or _by_unit(name)
        other_end = name[:-1] + "a" if name.endswith("b") else ""
        if not ours or name in known or other_end in gone:
            continue
        gone.add(name)
        yield Step(
            Command((tools.IFCONFIG, name, "destroy")),
            f"interface {name}",
            unless=Not(InterfaceExists(name)),
            retry=5.0,
        )


def _by_unit(name: str) -> bool:
    match = _UNIT.match(name)
    return match is not None and int(match[match.lastindex or 1]) >= FIRST_UNIT


def _mounts(found: Inventory, facts: HostFacts) -> Iterator[Step]:
    prefixes = tuple(f"{layout.mountpoint}/guests/" for layout in found.layouts)
    datasets = {dataset.name for dataset in found.datasets}
    for mount in reversed(facts.mounts):
        prefix = next((one for one in prefixes if mount.path.startswith(one)), "")
        if not prefix or mount.source in datasets:
            continue
        guest = found.guests.get(mount.path.removeprefix(prefix).split("/")[0])
        if guest is None or not mount.path.startswith(f"{guest.layout.mountpoint}/"):
            yield Step(
                Command((tools.UMOUNT, mount.path)),
                f"what is mounted on {mount.path}",
                unless=Not(Mounted(mount.path)),
                remedy=(Undo(Command((tools.UMOUNT, "-f", mount.path)), Mounted(mount.path)),),
            )
