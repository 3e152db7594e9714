"""What a change of a virtual machine's file changes on the host. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.kind import Change
from bsdvirt.spec.vm import Vm


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
