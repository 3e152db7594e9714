"""Where a virtual machine's devices are seen and by what number: given once, and kept for
as long as the device is there. Pure: chance comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.spec.identity import Claim, DiskClaim, Identity
from bsdvirt.spec.rawkeys import AHCI_SLOT as AHCI_SLOT
from bsdvirt.spec.rawkeys import FBUF_SLOT as FBUF_SLOT
from bsdvirt.spec.rawkeys import HOSTBRIDGE_SLOT as HOSTBRIDGE_SLOT
from bsdvirt.spec.rawkeys import LPC_SLOT as LPC_SLOT
from bsdvirt.spec.rawkeys import RNG_SLOT as RNG_SLOT
from bsdvirt.spec.rawkeys import XHCI_SLOT as XHCI_SLOT
from bsdvirt.spec.rawkeys import RawDevices, raw_devices
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import MOST_CDROMS, Vm

RandomBytes = Callable[[int], bytes]

SLOTS = range(4, 28)
"""For disks on virtio and NVMe, and for network cards: 16 and 8 of them."""
DISK_PORTS = range(23)
SEED_PORT = 23
CDROM_PORTS = range(24, 24 + MOST_CDROMS)
PORTS = 32
"""Ports of bhyve's AHCI controller (MAX_PORTS in pci_ahci.c)."""
SERIAL_LENGTH = 20
"""The longest serial number that virtio, ATA and NVMe know."""


def fits(identity: Identity, vm: Vm) -> bool:
    """Whether every device of the guest's file has its place, and nothing else has one."""
    disks = {str(disk.name) for disk in vm.disks}
    names = disks | {str(drive.name) for drive in vm.cdroms}
    every = (*identity.nics, *(identity.next or ()))
    return (
        set(identity.disks) == names
        and all((claim.slot is not None) == (n in disks) for n, claim in identity.disks.items())
        and all(claim.slot is not None for claim in every)
        and next(_clashes(identity, raw_devices(vm.config)), None) is None
    )


def _clashes(identity: Identity, raw: RawDevices) -> Iterator[tuple[str, str, int]]:
    """Each device of the guest's in whose place a line of `config` puts another: what it is,
    where, and the number of the line."""
    for name, disk in identity.disks.items():
        if disk.slot in raw.devices:
            yield f"disk {name}", f"PCI slot {disk.slot}", raw.devices[disk.slot]
        if disk.port in raw.media:
            yield name, f"AHCI port {disk.port}", raw.media[disk.port]
    for number, nic in enumerate((*identity.nics, *(identity.next or ()))):
        if nic.slot in raw.devices:
            which = number % max(1, len(identity.nics))
            yield f"nics.{which}", f"PCI slot {nic.slot}", raw.devices[nic.slot]


def fit(identity: Identity, vm: Vm, random_bytes: RandomBytes) -> Identity:
    """The identity with a place for each device of the guest's file: what had one keeps
    it, what is gone leaves its own to others.

    Raises ConflictError where no slot or port is left, or a line of `config` puts another
    device in the place of one.
    """
    raw = raw_devices(vm.config)
    slots = _Slots(identity, vm, raw)
    disks: dict[str, DiskClaim] = {}
    ports = [claim.port for name, claim in identity.disks.items() if _is_there(vm, name)]
    ports += raw.ports
    serials = [claim.serial for claim in identity.disks.values()]
    for disk in vm.disks:
        held = identity.disks.get(disk.name)
        if held is not None and held.slot is not None:
            disks[disk.name] = held
            continue
        port = _free(DISK_PORTS, ports, "ports of the AHCI controller")
        serial = _serial(random_bytes, serials)
        eui64 = "0x02" + random_bytes(7).hex()
        disks[disk.name] = DiskClaim(slot=slots.free(), port=port, serial=serial, eui64=eui64)
        ports.append(port)
        serials.append(serial)
    for drive in vm.cdroms:
        held = identity.disks.get(drive.name)
        if held is not None and held.slot is None:
            disks[drive.name] = held
            continue
        port = _free(CDROM_PORTS, ports, "ports for CD drives")
        serial = _serial(random_bytes, serials)
        disks[drive.name] = DiskClaim(port=port, serial=serial)
        ports.append(port)
        serials.append(serial)
    later = None if identity.next is None else slots.of(identity.next)
    fitted = msgspec.structs.replace(
        identity, disks=disks, nics=slots.of(identity.nics), next=later
    )
    for what, where, line in _clashes(fitted, raw):
        raise ConflictError(
            f"config.{line}: {where} is that of {what}", f"free slots are {slots.left()}"
        )
    return fitted


class _Slots:
    """The PCI slots that are given, and those that may be.

    Cards that are claimed from the next start on keep clear of those of now, so that a
    slot means one device whichever start it is.
    """

    def __init__(self, identity: Identity, vm: Vm, raw: RawDevices) -> None:
        held = [claim.slot for name, claim in identity.disks.items() if vm.disk(name) is not None]
        held += [claim.slot for claim in (*identity.nics, *(identity.next or ()))]
        self._taken = {slot for slot in held if slot is not None} | raw.slots

    def free(self) -> int:
        slot = _free(SLOTS, self._taken, "PCI slots")
        self._taken.add(slot)
        return slot

    def left(self) -> str:
        """Those that nothing has, in words."""
        free = [slot for slot in (1, 3, *SLOTS) if slot not in self._taken]
        return str(CpuList.of(free)) or "none"

    def of(self, claims: Sequence[Claim]) -> list[Claim]:
        """The same cards, each with a slot."""
        return [
            claim if claim.slot is not None else msgspec.structs.replace(claim, slot=self.free())
            for claim in claims
        ]


def _is_there(vm: Vm, name: str) -> bool:
    return vm.disk(name) is not None or any(drive.name == name for drive in vm.cdroms)


def _free(of: Iterable[int], taken: Iterable[int], what: str) -> int:
    known = set(taken)
    for number in of:
        if number not in known:
            return number
    raise ConflictError(f"all {what} are taken", "take a disk, a drive or an interface away")


def _serial(random_bytes: RandomBytes, taken: Iterable[str]) -> str:
    known = set(taken)
    while True:
        serial = "BV" + random_bytes(8).hex().upper()
        if serial not in known:
            return serial
