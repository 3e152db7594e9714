"""What doctor reports about virtual machines: what prevents a start, and disks that two of them
write to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bsdvirt.bhyve.check import check_host, links, missing_tools, wanted_paths
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.disk import Disks
from bsdvirt.bhyve.holds import read_taken
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.vmm import names as names_of
from bsdvirt.facts.vmm import read_paths, read_vmm
from bsdvirt.facts.vms import read_vms
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import View
from bsdvirt.host.fs import Fs
from bsdvirt.rows.host import Finding
from bsdvirt.spec.vm import Vm


def findings(view: View, specs: Mapping[str, Vm], kernel: Kernel) -> Iterator[Finding]:
    """Check the virtual machines. `specs` are those whose file can be read."""
    yield from _hardware(view, specs, kernel)
    for name, vm in specs.items():
        yield from _files(view, view.found.guests[name], vm)
    yield from _seeds(view, specs)
    running = [name for name, fact in read_vms(view.fs).items() if fact.runs]
    for path, names in shared_disks(view.fs, running):
        yield Finding(
            ", ".join(names), f"run, and each of them writes to {path}: its file systems break",
            f"bsdvirt stop {names[-1]}, and give it a disk of its own",
        )  # fmt: skip


def shared_disks(fs: Fs, running: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the path of each disk that more than one of these guests writes to, by any of its
    names, with the guests."""
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


def _hardware(view: View, specs: Mapping[str, Vm], kernel: Kernel) -> Iterator[Finding]:
    if not specs:
        return
    vmm = read_vmm(view.host)
    if vmm.useless:
        yield Finding(
            "kernel", "vmm.ko is loaded, and found no processor that it can use",
            "turn on VT-x or SVM in the firmware",
        )  # fmt: skip
    for name, vm in specs.items():
        try:
            check_host(name, vm, kernel, vmm)
        except BsdvirtError as error:
            yield Finding(name, error.message.removeprefix(f"{name}: "), error.hint)


def _files(view: View, guest: Guest, vm: Vm) -> Iterator[Finding]:
    """What a start would miss: firmware, disks, media."""
    name = guest.name
    paths = read_paths(view.fs, wanted_paths(guest, vm), guest.layout.guest_directory(guest.name))
    for lacking in (*missing_tools(vm, paths), *links(paths)):
        yield Finding(name, lacking.problem, lacking.hint)
    for device in DEVICES:
        for missing in device.missing(guest, vm, paths):
            yield Finding(name, missing.problem.removeprefix(f"{name}: "), missing.hint)


def _seeds(view: View, specs: Mapping[str, Vm]) -> Iterator[Finding]:
    """Guests whose seed sets their addresses and no name server."""
    cloud = {name: vm for name, vm in specs.items() if vm.cloud is not None}
    if not cloud:
        return
    servers = seeds.name_servers(view.fs)
    for name, vm in cloud.items():
        identity = view.found.guests[name].identity
        seed = seeds.seed_of(name, vm, identity, view.networks, servers)
        if seed is not None and seeds.lacks_servers(seed):
            yield Finding(name, seeds.NO_SERVERS, f"bsdvirt set {name} cloud.dns=ADDRESS")
