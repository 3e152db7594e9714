"""The plan that makes a virtual machine. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.bhyve import volumes as disks
from bsdvirt.errors import UsageError
from bsdvirt.guest.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.step import Command, Plan, Step, WriteFile
from bsdvirt.spec.identity import PROPERTY, Identity
from bsdvirt.spec.load import dump, identity_to_json
from bsdvirt.spec.vm import Vm


def plan_create(
    name: str,
    vm: Vm,
    identity: Identity,
    layout: Layout,
    op: str,
    *,
    base: disks.Base | None = None,
    thick: bool = False,
    seed: Sequence[Step] = (),
) -> Plan:
    """Its dataset with its identity, a volume for each disk of its own, its file; the first
    disk holds what the image `base` holds.

    The identity's claims fit (see bhyve/claims.py). `seed` are the steps that make what
    cloud-init reads, in the guest's directory. Raises UsageError for an image without a
    disk to put it on, or with one that is too small.
    """
    own = [disk for disk in vm.disks if disk.path is None]
    if base is not None and not own:
        raise UsageError(
            f"{name}: there is no disk for the image {base.name}", "give it one, with --disk"
        )
    guest = layout.guest(name)
    claim = ("-o", f"{PROPERTY}={identity_to_json(identity)}")
    steps = [
        Step(
            Command((tools.ZFS, "create", *mark_of(op), *claim, *disks.IN_DEV_MODE, guest)),
            f"the guest {name}: who it is and what it claims of the host",
            undo=(destroy_ours(guest, op),),
            durable=True,
        )
    ]
    for number, disk in enumerate(own):
        volume, size = layout.disk(name, disk.name), int(disk.size or 0)
        if base is not None and number == 0:
            steps += disks.of_image(volume, base, size, op, thick=thick)
        else:
            steps += disks.blank(volume, size, op)
    described = Step(
        WriteFile(layout.guest_file(name), dump(vm), 0o600),
        "what the guest is to be",
        durable=True,
    )
    volumes = [layout.disk(name, disk.name) for disk in own]
    finish = tuple(clear_mark(dataset, op) for dataset in (*volumes, guest))
    return Plan("create", name, "guest", (*steps, *seed, described), finish, op=op)
