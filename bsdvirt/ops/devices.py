"""Disks, drives and network interfaces: put into guests, taken out, changed.

Each is a change of the guest's file, made as `set` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.ops.change import Wanted, Wish, bring_about
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.jail import Nic
from bsdvirt.spec.load import SpecT, decode
from bsdvirt.spec.types import Size
from bsdvirt.spec.vm import Cdrom, Disk, Vm, VmNic

Settings = Mapping[str, Any]


def add_disk(session: Session, name: str, disk: str, settings: Settings) -> Outcome:
    """Give a virtual machine a disk: a zvol that is made, or a file or device that is there."""
    new = decode(Disk, {"name": disk, **settings}, f"disk {disk}")

    def put(vm: Vm) -> Vm:
        if vm.disk(disk) is not None:
            raise ConflictError(f"{name} has a disk {disk}", f"bsdvirt disk ls {name}")
        return _with(vm, disks=[*vm.disks, new])

    return _change(session, name, _of_vm(name, put))


def remove_disk(session: Session, name: str, disk: str, *, destroy: bool) -> Outcome:
    """Take a disk out. Its zvol stays, unless `destroy`."""

    def take(vm: Vm) -> Vm:
        _disk(name, vm, disk)
        left = [one for one in vm.disks if one.name != disk]
        return _with(vm, disks=left, bootorder=[one for one in vm.bootorder if one != disk])

    going = frozenset({disk}) if destroy else frozenset()
    return _change(session, name, _of_vm(name, take), going)


def resize_disk(session: Session, name: str, disk: str, size: Size) -> Outcome:
    """Grow a zvol."""

    def grow(vm: Vm) -> Vm:
        old = _disk(name, vm, disk)
        if old.size is None:
            raise UsageError(f"{disk} of {name} is {old.path}, and no zvol of its own")
        new = _with(old, size=size)
        return _with(vm, disks=[new if one.name == disk else one for one in vm.disks])

    return _change(session, name, _of_vm(name, grow))


def insert(session: Session, name: str, drive: str, medium: Settings) -> Outcome:
    """Put a medium, or an ISO file, into a drive, which is made where it is not there."""
    new = decode(Cdrom, {"name": drive, **medium}, f"drive {drive}")

    def put(vm: Vm) -> Vm:
        if any(one.name == drive for one in vm.cdroms):
            drives = [new if one.name == drive else one for one in vm.cdroms]
        else:
            drives = [*vm.cdroms, new]
        return _with(vm, cdroms=drives)

    return _change(session, name, _of_vm(name, put))


def eject(session: Session, name: str, drive: str) -> Outcome:
    """Leave a drive empty."""

    def take(vm: Vm) -> Vm:
        if not any(one.name == drive for one in vm.cdroms):
            there = ", ".join(one.name for one in vm.cdroms)
            raise NotFoundError(f"{name} has no drive {drive}", f"it has {there or 'none'}")
        empty = Cdrom(name=decode(Cdrom, {"name": drive}).name)
        return _with(vm, cdroms=[empty if one.name == drive else one for one in vm.cdroms])

    return _change(session, name, _of_vm(name, take))


def add_nic(session: Session, name: str, settings: Settings) -> Outcome:
    """Give a guest one network interface more."""

    def put(spec: GuestSpec) -> GuestSpec:
        if isinstance(spec, Vm):
            card = decode(VmNic, dict(settings), "nic")
            return _with(spec, nics=[*spec.nics, card])
        if "model" in settings:
            raise UsageError(f"{name}: a jail's interface has no model", "leave --model away")
        return _with(spec, nics=[*spec.nics, decode(Nic, dict(settings), "nic")])

    return _change(session, name, put)


def remove_nic(session: Session, name: str, number: int) -> Outcome:
    """Take an interface away, by its number from 0."""

    def take(spec: GuestSpec) -> GuestSpec:
        if not 0 <= number < len(spec.nics):
            hint = f"there are {len(spec.nics)}, from 0" if spec.nics else "it has none"
            raise NotFoundError(f"{name} has no interface {number}", hint)
        return _with(spec, nics=[nic for n, nic in enumerate(spec.nics) if n != number])

    return _change(session, name, take, gone=number)


def _disk(name: str, vm: Vm, disk: str) -> Disk:
    found = vm.disk(disk)
    if found is None:
        there = ", ".join(one.name for one in vm.disks)
        raise NotFoundError(f"{name} has no disk {disk}", f"it has {there or 'none'}")
    return found


def _with(struct: SpecT, **fields: Any) -> SpecT:
    """A copy with these fields, looked at as a whole again."""
    try:
        return msgspec.structs.replace(struct, **fields)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _of_vm(name: str, change: Callable[[Vm], Vm]) -> Callable[[GuestSpec], GuestSpec]:
    def checked(spec: GuestSpec) -> GuestSpec:
        if not isinstance(spec, Vm):
            raise UsageError(f"{name} is a jail: it has no disks and drives", "bsdvirt ls kind:vm")
        return change(spec)

    return checked


def _change(
    session: Session,
    name: str,
    change: Callable[[GuestSpec], GuestSpec],
    destroying: frozenset[str] = frozenset(),
    gone: int | None = None,
) -> Outcome:
    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        wanted = change(spec)
        after = edit_yaml(text, spec, wanted)
        return Wanted(text, after, spec, wanted, guest.identity.boot, destroying, gone)

    made: Wish = wish
    return bring_about(session, [name], made)[0]
