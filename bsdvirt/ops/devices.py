"""Add, remove and change the disks, CD drives and network interfaces of guests.

Each function returns a request that changes the guest's file, as `set` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import as_spec
from bsdvirt.ops.change import Change, Wanted
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.fields import fields_of, item_of, struct_of
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import SpecT, decode
from bsdvirt.spec.types import DeviceName, Size
from bsdvirt.spec.vmdevices import Cdrom, Disk, VmDevices

Settings = Mapping[str, Any]


def add_disk(name: str, disk: str, settings: Settings) -> Change:
    """Add a disk: a new zvol, or a file or device that exists."""
    new = decode(Disk, {"name": disk, **settings}, f"disk {disk}")

    def add(spec: VmDevices) -> VmDevices:
        if spec.disk(disk) is not None:
            raise ConflictError(f"{name} has a disk {disk}", f"bsdvirt disk ls {name}")
        return _with(spec, disks=[*spec.disks, new])

    return _change(name, _with_devices(name, add))


def remove_disk(name: str, disk: str, *, destroy: bool) -> Change:
    """Remove a disk. Its zvol is kept, unless `destroy`."""

    def remove(spec: VmDevices) -> VmDevices:
        _disk(name, spec, disk)
        left = [one for one in spec.disks if one.name != disk]
        return _with(spec, disks=left, bootorder=[one for one in spec.bootorder if one != disk])

    going = frozenset({disk}) if destroy else frozenset()
    return _change(name, _with_devices(name, remove), going)


def resize_disk(name: str, disk: str, size: Size) -> Change:
    """Grow the zvol of a disk."""

    def grow(spec: VmDevices) -> VmDevices:
        old = _disk(name, spec, disk)
        if old.size is None:
            raise UsageError(f"{disk} of {name} is {old.path}, not a zvol of its own")
        new = _with(old, size=size)
        return _with(spec, disks=[new if one.name == disk else one for one in spec.disks])

    return _change(name, _with_devices(name, grow))


def insert(name: str, drive: str, medium: Settings) -> Change:
    """Put a medium, or an ISO file, into a drive. A drive that does not exist is added."""
    new = decode(Cdrom, {"name": drive, **medium}, f"drive {drive}")

    def put(spec: VmDevices) -> VmDevices:
        there = any(one.name == drive for one in spec.cdroms)
        drives = [new if one.name == drive else one for one in spec.cdroms]
        return _with(spec, cdroms=drives if there else [*drives, new])

    return _change(name, _with_devices(name, put))


def eject(name: str, drive: str) -> Change:
    """Empty a drive."""

    def take(spec: VmDevices) -> VmDevices:
        if not any(one.name == drive for one in spec.cdroms):
            there = ", ".join(one.name for one in spec.cdroms)
            raise NotFoundError(f"{name} has no drive {drive}", f"it has {there or 'none'}")
        empty = Cdrom(name=DeviceName.parse(drive))
        return _with(spec, cdroms=[empty if one.name == drive else one for one in spec.cdroms])

    return _change(name, _with_devices(name, take))


def add_nic(name: str, settings: Settings) -> Change:
    """Add a network interface."""

    def add(spec: GuestSpec) -> GuestSpec:
        kind = struct_of(item_of(fields_of(type(spec))["nics"].type))
        assert kind is not None
        for word in settings.keys() - fields_of(kind).keys():
            raise UsageError(f"{name}: its interfaces have no {word}", f"omit --{word}")
        return _with(spec, nics=[*spec.nics, decode(kind, dict(settings), "nic")])

    return _change(name, add)


def remove_nic(name: str, number: int) -> Change:
    """Remove a network interface, by its number from 0."""

    def remove(spec: GuestSpec) -> GuestSpec:
        if not 0 <= number < len(spec.nics):
            last = len(spec.nics) - 1
            hint = f"the interfaces are 0 to {last}" if last > 0 else "it has only interface 0"
            hint = hint if spec.nics else "it has none"
            raise NotFoundError(f"{name} has no interface {number}", hint)
        return _with(spec, nics=[nic for n, nic in enumerate(spec.nics) if n != number])

    return _change(name, remove, gone=number)


def _disk(name: str, spec: VmDevices, disk: str) -> Disk:
    found = spec.disk(disk)
    if found is None:
        there = ", ".join(one.name for one in spec.disks)
        raise NotFoundError(f"{name} has no disk {disk}", f"it has {there or 'none'}")
    return found


def _with(struct: SpecT, **fields: Any) -> SpecT:
    """Return a copy with these fields. Raise UsageError where it is not valid."""
    try:
        return msgspec.structs.replace(struct, **fields)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _with_devices(
    name: str, change: Callable[[VmDevices], VmDevices]
) -> Callable[[GuestSpec], GuestSpec]:
    def checked(spec: GuestSpec) -> GuestSpec:
        why, hint = "it has no disks and drives", "bsdvirt ls kind:vm"
        return change(as_spec(name, spec, VmDevices, why, hint))

    return checked


def _change(
    name: str,
    change: Callable[[GuestSpec], GuestSpec],
    destroying: frozenset[str] = frozenset(),
    gone: int | None = None,
) -> Change:
    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        wanted = change(spec)
        after = edit_yaml(text, spec, wanted)
        return Wanted(text, after, spec, wanted, guest.identity.boot, destroying, gone)

    return Change((name,), wish)
