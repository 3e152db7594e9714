"""Where a guest sees each of its devices: PCI slots, ports of the AHCI controller, serial
numbers. Each is given once, and kept as long as the device exists. Pure: random bytes are an
argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.base import Place
from bsdvirt.errors import ConflictError
from bsdvirt.spec.config_keys import RawDevices, raw_devices
from bsdvirt.spec.identity import Claim, DiskClaim, Identity
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm

RandomBytes = Callable[[int], bytes]

SLOTS = range(4, 28)
"""For disks on virtio and NVMe, and for network cards: at most 16 and 8 of them."""
SERIAL_LENGTH = 20
"""The longest serial number that virtio, ATA and NVMe know."""


def fits(identity: Identity, vm: Vm) -> bool:
    """Return whether every device of the guest's file has its place, and nothing else has."""
    places = _places(vm)
    every = (*identity.nics, *(identity.next or ()))
    return (
        set(identity.disks) == set(places)
        and all(_suits(claim, places[name]) for name, claim in identity.disks.items())
        and all(claim.slot is not None for claim in every)
        and next(_clashes(identity, raw_devices(vm.config)), None) is None
    )


def fit(identity: Identity, vm: Vm, random_bytes: RandomBytes) -> Identity:
    """Return the identity with a place for each device of the guest's file: a device keeps
    the one that it has, and the place of one that is gone becomes free.

    Raise ConflictError where no slot or port is left, or a line of `config` puts another
    device in the place of one.
    """
    raw, places = raw_devices(vm.config), _places(vm)
    slots = _Slots(identity, places, vm)
    disks: dict[str, DiskClaim] = {}
    ports = [claim.port for name, claim in identity.disks.items() if name in places]
    ports += raw.ports
    serials = [claim.serial for claim in identity.disks.values()]
    for name, place in places.items():
        held = identity.disks.get(name)
        if held is None or not _suits(held, place):
            port = _free(place.ports, ports, "ports of the AHCI controller")
            held = DiskClaim(port=port, serial=_serial(random_bytes, serials))
            if place.slotted:
                eui64 = "0x02" + random_bytes(7).hex()
                held = msgspec.structs.replace(held, slot=slots.free(), eui64=eui64)
            ports.append(held.port)
            serials.append(held.serial)
        disks[name] = held
    later = None if identity.next is None else slots.of(identity.next)
    fitted = msgspec.structs.replace(
        identity, disks=disks, nics=slots.of(identity.nics), next=later
    )
    for what, where, line in _clashes(fitted, raw):
        raise ConflictError(
            f"config.{line}: {where} is used by {what}", f"free slots are {slots.left()}"
        )
    return fitted


class _Slots:
    """The PCI slots that are taken, and those that are free.

    Cards that are claimed from the next start on do not get the slots of the present ones,
    so that a slot means one device at every start.
    """

    def __init__(self, identity: Identity, places: dict[str, Place], vm: Vm) -> None:
        raw, fixed = raw_devices(vm.config), vm.fixed_slots().keys()
        held = [
            claim.slot
            for name, claim in identity.disks.items()
            if name in places and places[name].slotted
        ]
        held += [claim.slot for claim in (*identity.nics, *(identity.next or ()))]
        self._taken = {slot for slot in held if slot is not None} | raw.slots | fixed

    def free(self) -> int:
        """Take the first free slot."""
        slot = _free(SLOTS, self._taken, "PCI slots")
        self._taken.add(slot)
        return slot

    def left(self) -> str:
        """Return the free ones, in words."""
        free = [slot for slot in (1, 3, *SLOTS) if slot not in self._taken]
        return str(CpuList.of(free)) or "none"

    def of(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return the same cards, each with a slot."""
        return [
            claim if claim.slot is not None else msgspec.structs.replace(claim, slot=self.free())
            for claim in claims
        ]


def _places(vm: Vm) -> dict[str, Place]:
    return {place.name: place for device in DEVICES for place in device.places(vm)}


def _suits(claim: DiskClaim, place: Place) -> bool:
    return (claim.slot is not None) == place.slotted


def _clashes(identity: Identity, raw: RawDevices) -> Iterator[tuple[str, str, int]]:
    """Yield each device in whose place a line of `config` puts another: what it is, where,
    and the number of the line."""
    for name, disk in identity.disks.items():
        if disk.slot in raw.devices:
            yield f"disk {name}", f"PCI slot {disk.slot}", raw.devices[disk.slot]
        if disk.port in raw.media:
            yield name, f"AHCI port {disk.port}", raw.media[disk.port]
    for number, nic in enumerate((*identity.nics, *(identity.next or ()))):
        if nic.slot in raw.devices:
            which = number % max(1, len(identity.nics))
            yield f"nics.{which}", f"PCI slot {nic.slot}", raw.devices[nic.slot]


def _free(of: Iterable[int], taken: Iterable[int], what: str) -> int:
    known = set(taken)
    for number in of:
        if number not in known:
            return number
    raise ConflictError(f"all {what} are taken", "remove a disk, a drive or an interface")


def _serial(random_bytes: RandomBytes, taken: Iterable[str]) -> str:
    known = set(taken)
    while True:
        serial = "BV" + random_bytes(8).hex().upper()
        if serial not in known:
            return serial
