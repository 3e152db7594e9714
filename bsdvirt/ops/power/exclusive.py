"""What virtual machines have for themselves of the host while they run: disks, ports, PCI
devices, terminals. Claimed under one lock before a start is planned, so that of two guests
that are started together the second sees what the first is about to hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from bsdvirt.bhyve import config
from bsdvirt.bhyve.devices.base import RunSettings, Taken
from bsdvirt.bhyve.devices.disk import Disks, disk_path
from bsdvirt.bhyve.holds import read_taken, written_paths
from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.host import HostFacts, read_mounts
from bsdvirt.facts.vmm import names
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file, running_jail
from bsdvirt.host.fs import Fs
from bsdvirt.plan.locks import Lock
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.vm import Vm

ZVOLS = "/dev/zvol/"


@contextlib.contextmanager
def claiming(
    session: Session, found: Inventory, guest: Guest, vm: Vm | None, *, foreground: bool = False
) -> Iterator[Taken]:
    """What the other virtual machines hold. Within, they see what this one is about to hold
    (`vm` is None where it runs already); with `foreground`, until the process ends that this
    one becomes."""
    others = [
        name
        for name, other in found.guests.items()
        if other.identity.kind == "vm" and name != guest.name
    ]
    fs = session.host.fs
    if session.dry_run or vm is None:
        yield read_taken(fs, others)
        return
    verb = f"start {guest.name}"
    claim = Lock(fs, "start", guest.name)
    with session.locked("allocation", "", verb):
        taken = read_taken(fs, others)
        claim.acquire(verb, wait=1.0)
        claim.say(config.render(guest, vm, RunSettings()))
    try:
        yield taken
        if foreground:
            claim.outlive()
    finally:
        claim.release()


def names_of(fs: Fs, paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Each path with the other names of what is there."""
    return {path: names(fs, path) for path in paths}


def other_uses(
    session: Session, found: Inventory, host: HostFacts, guest: Guest, vm: Vm
) -> dict[str, str]:
    """Of what the guest's disks write to, what on this host uses it but virtual machines."""
    own = {disk.path is None and disk_path(guest, disk) for disk in vm.disks}
    paths = [path for path in written_paths(guest, vm) if path not in own]
    used: dict[str, str] = {}
    if not paths:
        return used
    fs = session.host.fs
    mounted = {
        name: mount.path
        for mount in read_mounts(session.host)
        if mount.source.startswith("/") and ".." not in mount.source.split("/")
        for name in names(fs, mount.source)
    }
    zvols = _zvols_of_jails(session, found, host)
    for path in paths:
        known = names(fs, path)
        at = next((mounted[name] for name in known if name in mounted), None)
        jail = next((jail for name in known for jail in _in_jail(found, name)), None)
        owner = next((o for name in known for tree, o in zvols.items() if _within(name, tree)), "")
        if at is not None:
            used[path] = f"it is mounted at {at}"
        elif jail is not None:
            used[path] = f"it lies in the root of the jail {jail}, which may put a link there"
        elif owner:
            used[path] = f"the jail {owner}, which runs, has it"
    return used


def _in_jail(found: Inventory, path: str) -> Iterator[str]:
    for name, other in found.guests.items():
        if other.identity.kind == "jail" and path.startswith(f"{other.root}/"):
            yield name


def _zvols_of_jails(session: Session, found: Inventory, host: HostFacts) -> dict[str, str]:
    """The places in /dev/zvol that running jails were given: each with its jail."""
    given: dict[str, str] = {}
    for name, other in found.guests.items():
        if other.identity.kind == "jail" and running_jail(other, host.jails) is not None:
            given |= dict.fromkeys((ZVOLS + one for one in _datasets(session, found, other)), name)
    return given


def _datasets(session: Session, found: Inventory, jail: Guest) -> list[str]:
    """What a jail is given of ZFS: all of its own, and what its file names."""
    datasets = [jail.dataset]
    with contextlib.suppress(BsdvirtError):
        spec = load_guest_file(session.host.fs, found.home(jail.name), jail.name)
        if isinstance(spec, Jail):
            datasets += [str(one.dataset) for one in spec.datasets if one.dataset]
    return datasets


def _within(path: str, tree: str) -> bool:
    return path == tree or path.startswith(f"{tree}/")


def refuse_disks_of_vms(session: Session, found: Inventory, jail: Guest) -> None:
    """Raises ConflictError where a virtual machine writes to a zvol that the jail, about to
    start, would be given."""
    vms = [name for name, guest in found.guests.items() if guest.identity.kind == "vm"]
    disks: Mapping[str, str] = read_taken(session.host.fs, vms).of(Disks.uses)
    if not any(path.startswith(ZVOLS) for path in disks):
        return
    for dataset in _datasets(session, found, jail):
        for path, name in disks.items():
            if _within(path, ZVOLS + dataset):
                raise ConflictError(
                    f"{jail.name}: {path} is in use by {name} as its disk", f"bsdvirt stop {name}"
                )
