"""Disks: on virtio or NVMe in a PCI slot of its own, or on a port of the AHCI controller.

The properties are spec/vmdevices.py's Disk; the steps for volumes are in bhyve/volumes.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from bsdvirt.bhyve import volumes
from bsdvirt.bhyve.devices.base import (
    BootSource,
    Device,
    Keys,
    Missing,
    Networks,
    Pairs,
    Place,
    RunSettings,
    VmStartFacts,
)
from bsdvirt.bhyve.devices.storage import DISK_PORTS, port_node
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import Change
from bsdvirt.layout import Layout
from bsdvirt.plan.marks import destroy_marked, mark_going
from bsdvirt.plan.step import Await, FileExists, Step
from bsdvirt.rows.vm import DiskRow
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.config_keys import AHCI_SLOT
from bsdvirt.spec.fields import written
from bsdvirt.spec.identity import DiskClaim
from bsdvirt.spec.vm import Disk, Vm

MODELS = {"virtio": "virtio-blk", "nvme": "nvme"}
OWN_SECTORS = "512/4096"
"""Logical and physical sector size of a zvol."""


def disk_path(guest: Guest, disk: Disk) -> str:
    """Return what is behind a disk: the device of a zvol, or a file or device of the host."""
    return str(disk.path) if disk.path else guest.layout.disk_device(guest.name, disk.name)


class Disks(Device):
    """The disks of a guest."""

    uses = "disks"
    has_names = True

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """A slot for each disk on virtio and NVMe."""
        for disk in vm.disks:
            claim = guest.identity.disks[disk.name]
            if disk.bus != "ahci" and claim.slot is not None:
                yield claim.slot, _slot_keys(guest, disk, claim)

    def ports(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """A port for each disk on AHCI."""
        for disk in vm.disks:
            if disk.bus == "ahci":
                claim = guest.identity.disks[disk.name]
                # Not rotating: guests then trim, and do not defragment.
                last = [("nmrr", "1"), ("ser", claim.serial)]
                yield claim.port, [("type", "hd"), *_block_keys(guest, disk), *last]

    def boots(self, guest: Guest, vm: Vm) -> Iterator[BootSource]:
        """Every disk."""
        for disk in vm.disks:
            claim = guest.identity.disks[disk.name]
            node = port_node(claim.port) if disk.bus == "ahci" else f"pci.0.{claim.slot}.0"
            own = disk.path is None
            yield BootSource(str(disk.name), disk_path(guest, disk), node, own=own)

    def places(self, vm: Vm) -> Iterator[Place]:
        """A slot and a port for each disk, whichever its bus uses now."""
        for disk in vm.disks:
            yield Place(str(disk.name), DISK_PORTS, slotted=True)

    def holds(self, keys: Keys) -> Iterator[str]:
        """Every file or device that the guest writes to."""
        for key, value in keys.items():
            node, _, last = key.rpartition(".")
            if last == "path" and node.startswith("pci.") and keys.get(f"{node}.ro") != "true":
                yield value

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """What is behind the disks."""
        return [disk_path(guest, disk) for disk in vm.disks]

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """What is behind each disk exists, and nothing else writes to it."""
        existing = {dataset.name for dataset in guest.datasets}
        for disk in vm.disks:
            _check_exists(guest, disk, existing, facts)
        _check_unused(guest, vm, facts)

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """Volumes, files and devices that do not exist."""
        existing = {dataset.name for dataset in guest.datasets}
        for disk in vm.disks:
            own = guest.layout.disk(guest.name, disk.name)
            if not (str(disk.path) in paths if disk.path else own in existing):
                yield Missing(
                    f"disk {disk.name} does not exist: {disk.path or own}",
                    f"restore it, or bsdvirt disk rm {guest.name} {disk.name}",
                )

    def make(
        self, name: str, vm: Vm, layout: Layout, op: str, base: volumes.Base | None, thick: bool
    ) -> tuple[list[Step], list[str]]:
        """A volume for each disk without a path; the first one holds the image `base`."""
        own = [disk for disk in vm.disks if disk.path is None]
        if base is not None and not own:
            raise UsageError(
                f"{name}: there is no disk for the image {base.name}", "give it one, with --disk"
            )
        steps: list[Step] = []
        made: list[str] = []
        for disk in own:
            volume, size = layout.disk(name, disk.name), int(disk.size or 0)
            if base is not None and not made:
                steps += volumes.of_image(volume, base, size, op, thick=thick)
            else:
                steps += volumes.blank(volume, size, op)
            made.append(volume)
        return steps, made

    def start_steps(
        self, guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts
    ) -> list[Step]:
        """Wait for the devices of volumes: each appears a moment after the volume was
        created, or its pool imported."""
        return [
            Step(Await(path), f"the device of {disk.name}", unless=FileExists(path))
            for disk in vm.disks
            if disk.path is None and (path := disk_path(guest, disk)) not in facts.paths
        ]

    def change(
        self, guest: Guest, before: Vm, after: Vm, op: str, *, live: bool,
        destroying: Collection[str],
    ) -> Change:  # fmt: skip
        """Create the volumes of new disks, grow those whose size grew, and destroy those in
        `destroying`, which the file no longer has. A volume that exists under the name of a
        new disk is used as it is: `disk rm` had left it."""
        existing = {dataset.name: dataset for dataset in guest.datasets}
        steps: list[Step] = []
        finish: list[Step] = []
        notes: list[str] = []
        for disk in after.disks:
            if disk.path is not None or disk.size is None:
                continue
            name = guest.layout.disk(guest.name, disk.name)
            volume, had = existing.get(name), before.disk(disk.name)
            if volume is None:
                steps += volumes.blank(name, int(disk.size), op)
                finish.append(volumes.complete(name, op))
                continue
            if had is None or had.path is not None:
                notes.append(f"{disk.name} is the existing volume {name}, with the data on it")
            elif had.size == disk.size:
                continue
            old, size = volume.volsize or 0, volumes.whole(int(disk.size))
            new = volumes.grown(old, size, f"{guest.name}: disk {disk.name}")
            if new > old:
                finish.append(volumes.grow(name, new))
                notes += [volumes.LIVE_NOTE] if live and disk.bus != "ahci" else []
                notes.append(volumes.GROW_NOTE)
        for gone in sorted(destroying):
            name = guest.layout.disk(guest.name, gone)
            if name in existing:
                _refuse_running(guest, gone, live)
                steps.append(mark_going(name, op))
                finish.append(destroy_marked(name, op, f"destroy {name}, with the data on it"))
        notes += _left_notes(guest, before, after, {*existing}, destroying)
        return Change(tuple(steps), tuple(finish), tuple(notes))

    def info(self, guest: Guest, vm: Vm, keys: Keys) -> dict[str, object]:
        """The disks, with where the guest sees them."""
        return {"disks": [_row(guest, disk) for disk in vm.disks]}


def _slot_keys(guest: Guest, disk: Disk, claim: DiskClaim) -> Pairs:
    keys = [("device", MODELS[disk.bus]), *_block_keys(guest, disk), ("ser", claim.serial)]
    return [*keys, ("eui64", claim.eui64)] if disk.bus == "nvme" else keys


def _block_keys(guest: Guest, disk: Disk) -> Pairs:
    """Return the keys of every bus (blockif_open in block_if.c)."""
    sizes = [("sectorsize", size)] if (size := _sectors(disk)) else []
    return [("path", disk_path(guest, disk)), *written(disk, DeviceKey).items(), *sizes]


def _sectors(disk: Disk) -> str:
    """Return the sector sizes that the guest sees. bhyve would present the block of a zvol
    as a physical sector (DIOCGSTRIPESIZE): 16 KiB are more than databases and ZFS want."""
    return str(disk.sectorsize or (OWN_SECTORS if disk.path is None else ""))


def _check_exists(guest: Guest, disk: Disk, existing: Collection[str], facts: VmStartFacts) -> None:
    name = guest.name
    if disk.path is None:
        volume = guest.layout.disk(name, disk.name)
        if volume not in existing:
            raise HostError(
                f"{name}: disk {disk.name}: there is no volume {volume}",
                f"restore it, or bsdvirt disk rm {name} {disk.name}",
            )
        return
    at, kind = f"{name}: disk {disk.name}: {disk.path}", facts.paths.get(str(disk.path))
    if kind is None:
        raise HostError(
            f"{at} does not exist", f"bsdvirt set {name} disks.{disk.name}.path=PATH corrects it"
        )
    if kind not in ("file", "device"):
        raise HostError(f"{at} is neither a file nor a device", "give the path of a file or device")


def _check_unused(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    """Nothing else uses what a disk writes to, nor what a disk in `config` writes to."""
    of = {disk_path(guest, disk): disk for disk in vm.disks}
    written = [path for path, disk in of.items() if not disk.readonly]
    for path in dict.fromkeys((*written, *facts.names)):
        at = f"{guest.name}: disk {of[path].name}: {path}" if path in of else f"config: {path}"
        if holder := facts.taken.holder(Disks.uses, *facts.names.get(path, (path,))):
            raise ConflictError(
                f"{at} is in use by {holder}: two writers destroy the data on it",
                f"bsdvirt stop {holder}, or set readonly=true for the disk of both",
            )
        if use := facts.used.get(path):
            raise ConflictError(
                f"{at} is in use: {use}", "give the guest a disk that nothing else uses"
            )


def _refuse_running(guest: Guest, disk: str, live: bool) -> None:
    if live:
        raise ConflictError(
            f"{guest.name} is running, and uses {disk} until it stops",
            f"bsdvirt stop {guest.name}, or remove it without --destroy",
        )


def _left_notes(
    guest: Guest, before: Vm, after: Vm, existing: Collection[str], destroying: Collection[str]
) -> Iterator[str]:
    for disk in before.disks:
        volume = guest.layout.disk(guest.name, disk.name)
        kept = after.disk(disk.name) is None and disk.name not in destroying
        if kept and disk.path is None and volume in existing:
            yield f"its volume {volume} is kept, with the data on it"


def _row(guest: Guest, disk: Disk) -> DiskRow:
    claim = guest.identity.disks.get(disk.name)
    zvol = next((d for d in guest.datasets if d.name == f"{guest.dataset}/{disk.name}"), None)
    ahci = disk.bus == "ahci"
    return DiskRow(
        name=disk.name,
        bus=disk.bus,
        slot=(AHCI_SLOT if ahci else claim.slot) if claim else None,
        port=claim.port if claim and ahci else None,
        size=int(disk.size) if disk.size else None,
        used=zvol.used if zvol else None,
        path=disk_path(guest, disk),
        serial=claim.serial if claim else None,
        eui64=claim.eui64 if claim and disk.bus == "nvme" else None,
    )
