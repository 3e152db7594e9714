"""What is wrong with virtual machines, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bsdvirt.app import vms
from bsdvirt.app.findings import Finding
from bsdvirt.app.session import Session
from bsdvirt.bhyve.check import check_host, firmware, wanted_paths
from bsdvirt.bhyve.clean import forget_failure
from bsdvirt.errors import BsdvirtError
from bsdvirt.host.facts import HostFacts, read_kernel
from bsdvirt.host.vmm import VmmFacts, read_devices, read_paths, read_vmm
from bsdvirt.plan.step import Plan, Step
from bsdvirt.spec.vm import Vm
from bsdvirt.store import orphans
from bsdvirt.store.guests import Guest, Inventory
from bsdvirt.store.vms import VmFact, read_vms


@dataclass(frozen=True, slots=True)
class Machines:
    """What the checks look at."""

    found: Inventory
    facts: HostFacts
    vms: Mapping[str, VmFact]

    def guests(self) -> Iterator[Guest]:
        return (g for g in self.found.guests.values() if g.identity.kind == "vm")


def machines(session: Session, found: Inventory, facts: HostFacts) -> Machines:
    return Machines(found, facts, read_vms(session.host.fs))


def examine(session: Session, seen: Machines, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    """Everything that is to be said of virtual machines. Changes nothing."""
    yield from _running(session, seen)
    yield from _hardware(session, specs)
    yield from _files(session, seen, specs)
    for step in orphan_steps(session, seen):
        yield Finding(
            "host", f"{step.why} belongs to no guest", "bsdvirt doctor --repair",
            repair="take it away",
        )  # fmt: skip


def _running(session: Session, seen: Machines) -> Iterator[Finding]:
    for guest in seen.guests():
        fact = seen.vms.get(guest.name)
        if fact is not None and fact.runs and not fact.supervised:
            yield Finding(
                guest.name,
                "runs, but its supervisor has gone: no console, and nobody sees how it ends",
                f"bsdvirt start {guest.name}, or bsdvirt doctor --repair",
                repair="give it another",
            )
        elif (fact is None or not fact.runs) and _left(session, seen, guest).finish:
            yield Finding(
                guest.name,
                "is stopped, and has left a vmm device, taps or files",
                "its next start, or bsdvirt doctor --repair",
                repair="take them away",
            )


def _left(session: Session, seen: Machines, guest: Guest) -> Plan:
    """What takes away what it left; the note of why it failed is for its user to read."""
    plan = vms.clean_plan(session, guest, seen.facts)
    kept = tuple(step for step in plan.finish if step != forget_failure(guest.name))
    return Plan("clean", guest.name, finish=kept, op=plan.op, must_journal=False)


def _hardware(session: Session, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    if not specs:
        return
    vmm: VmmFacts = read_vmm(session.host)
    if vmm.useless:
        yield Finding(
            "kernel", "vmm.ko is loaded, and found no processor that it can use",
            "turn on VT-x or SVM in the firmware",
        )  # fmt: skip
    kernel = read_kernel(session.host)
    for name, vm in specs.items():
        try:
            check_host(name, vm, kernel, vmm)
        except BsdvirtError as error:
            yield Finding(name, error.message, error.hint)


def _files(session: Session, seen: Machines, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    """Firmware, disks and media that a start would miss."""
    for name, vm in specs.items():
        guest = seen.found.guests[name]
        paths = read_paths(session.host.fs, wanted_paths(guest, vm))
        try:
            firmware(name, vm, paths)
        except BsdvirtError as error:
            yield Finding(name, error.message, error.hint)
        volumes = {dataset.name for dataset in guest.datasets}
        for disk in vm.disks:
            own = guest.layout.disk(name, disk.name)
            there = str(disk.path) in paths if disk.path else own in volumes
            if not there:
                yield Finding(
                    name,
                    f"disk {disk.name} is not there: {disk.path or own}",
                    f"bring it back, or bsdvirt disk rm {name} {disk.name}",
                )
        for drive in vm.cdroms:
            place = drive.path or (f"{guest.layout.media}/{drive.media}" if drive.media else None)
            if place and str(place) not in paths:
                yield Finding(
                    name,
                    f"the medium of {drive.name} is not there: {place}",
                    f"bsdvirt cdrom eject {name} --drive {drive.name}",
                )


def orphan_steps(session: Session, seen: Machines) -> tuple[Step, ...]:
    """Take away what belongs to none."""
    return orphans.vm_steps(seen.found, seen.vms, read_devices(session.host))


def repairs(session: Session, seen: Machines, names: Iterable[str]) -> Iterator[tuple[Plan, str]]:
    """The plans that mend the guests of these names, whose locks are held; with the words for
    what each does."""
    held = set(names)
    for guest in seen.guests():
        fact = seen.vms.get(guest.name)
        if guest.name not in held:
            continue
        if fact is not None and fact.runs:
            if not fact.supervised:
                yield vms.supervise_plan(session, guest), "got"
            continue
        yield _left(session, seen, guest), "took away"
