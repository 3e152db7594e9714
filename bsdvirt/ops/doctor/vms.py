"""What keeps virtual machines from starting, and what they left that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bsdvirt.bhyve.check import check_host, wanted_paths
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.disk import Disks
from bsdvirt.bhyve.devices.firmware import firmware
from bsdvirt.bhyve.holds import read_taken
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.vmm import VmmFacts, read_devices, read_paths, read_vmm
from bsdvirt.facts.vmm import names as names_of
from bsdvirt.guest import orphans
from bsdvirt.host.fs import Fs
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.plan.step import Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.vm import Vm


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """What keeps virtual machines from starting. Changes nothing."""
    specs = seen.machines()
    yield from _hardware(session, specs)
    yield from _files(session, seen, specs)
    yield from _seeds(session, seen, specs)
    running = [name for name, fact in seen.vms.items() if fact.runs]
    for path, names in shared_disks(session.host.fs, running):
        yield Finding(
            ", ".join(names), f"run, and each of them writes to {path}: its file systems break",
            f"bsdvirt stop {names[-1]}, and give it a disk of its own",
        )  # fmt: skip


def shared_disks(fs: Fs, running: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """What more than one of these guests writes to, by whatever name it does; its path."""
    users: dict[str, list[str]] = {}
    for name in sorted(running):
        for disk in read_taken(fs, [name]).of(Disks.uses):
            users.setdefault(disk, []).append(name)
    told: set[tuple[str, ...]] = set()
    for disk, names in sorted(users.items(), key=lambda one: not one[0].startswith("/")):
        if len(names) > 1 and tuple(names) not in told:
            told.add(tuple(names))
            mine = (d for d in read_taken(fs, names[:1]).of(Disks.uses) if d.startswith("/"))
            yield next((path for path in mine if disk in names_of(fs, path)), disk), names


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


def _files(session: Session, seen: Seen, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    """Firmware, disks and media that a start would miss."""
    for name, vm in specs.items():
        guest = seen.found.guests[name]
        paths = read_paths(session.host.fs, wanted_paths(guest, vm))
        try:
            firmware(name, vm, paths)
        except BsdvirtError as error:
            yield Finding(name, error.message, error.hint)
        for device in DEVICES:
            for missing in device.missing(guest, vm, paths):
                yield Finding(name, missing.problem, missing.hint)


def _seeds(session: Session, seen: Seen, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    """Guests that are told their addresses, and of no name server."""
    told = {name: vm for name, vm in specs.items() if vm.cloud is not None}
    if not told:
        return
    servers = seeds.name_servers(session.host.fs)
    networks = session.networks()
    for name, vm in told.items():
        seed = seeds.seed_of(name, vm, seen.found.guests[name].identity, networks, servers)
        if seed is not None and seeds.lacks_servers(seed):
            yield Finding(name, seeds.NO_SERVERS, f"bsdvirt set {name} cloud.dns=ADDRESS")


def orphan_steps(session: Session, seen: Seen) -> tuple[Step, ...]:
    """Take away what belongs to no guest."""
    return orphans.vm_steps(seen.found, seen.vms, read_devices(session.host))
