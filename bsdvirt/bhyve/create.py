"""The plan that creates a virtual machine, and what a change of its file changes on the host.
Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.volumes import IN_DEV_MODE, PROPERTIES, Base
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import Change
from bsdvirt.host import tools
from bsdvirt.layout import UEFI_VARIABLES, Layout
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, Plan, Step, WriteFile
from bsdvirt.spec.identity import PROPERTY, Identity
from bsdvirt.spec.load import dump, identity_to_json
from bsdvirt.spec.vm import Vm

if TYPE_CHECKING:
    from bsdvirt.guest.archive.parts import Parts


def plan_create(
    name: str,
    vm: Vm,
    identity: Identity,
    layout: Layout,
    op: str,
    *,
    base: Base | None = None,
    thick: bool = False,
    seed: Sequence[Step] = (),
) -> Plan:
    """Its dataset with its identity, a volume for each disk of its own, its file; the first
    disk holds what the image `base` holds.

    The identity's claims fit (see bhyve/claims.py). `seed` are the steps that make what
    cloud-init reads, in the guest's directory. Raises UsageError for an image without a
    disk to put it on, or with one that is too small.
    """
    guest = layout.guest(name)
    claim = ("-o", f"{PROPERTY}={identity_to_json(identity)}")
    steps = [
        Step(
            Command((tools.ZFS, "create", *mark_of(op), *claim, *IN_DEV_MODE, guest)),
            f"the guest {name}: its identity and claims",
            undo=(destroy_ours(guest, op),),
            durable=True,
        )
    ]
    volumes: list[str] = []
    for device in DEVICES:
        more, made = device.make(name, vm, layout, op, base, thick)
        steps += more
        volumes += made
    described = Step(
        WriteFile(layout.guest_file(name), dump(vm), 0o600),
        "its configuration",
        durable=True,
    )
    finish = tuple(clear_mark(dataset, op) for dataset in (*volumes, guest))
    return Plan("create", name, "guest", (*steps, *seed, described), finish, op=op)


def archived_parts(vm: Vm) -> Parts:
    """Return a virtual machine's own disks, and its firmware's variables. What cloud-init reads is
    made again at its start."""
    from bsdvirt.guest.archive.parts import Parts, Place

    own = [str(disk.name) for disk in vm.disks if disk.path is None]
    places = {name: Place("volume", PROPERTIES, disk=True) for name in own}
    return Parts(places, IN_DEV_MODE, (UEFI_VARIABLES,))


def change_volumes(
    guest: Guest,
    before: Vm,
    after: Vm,
    op: str,
    *,
    live: bool,
    destroying: Collection[str] = (),
) -> Change:
    """Create, grow and destroy the volumes of devices.

    Raise UsageError for a disk that would shrink, ConflictError for a volume in `destroying`
    that a running (`live`) guest uses.
    """
    changes = [
        device.change(guest, before, after, op, live=live, destroying=destroying)
        for device in DEVICES
    ]
    return Change(
        tuple(step for change in changes for step in change.steps),
        tuple(step for change in changes for step in change.finish),
        tuple(note for change in changes for note in change.notes),
    )
