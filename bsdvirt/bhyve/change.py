"""What a change of a virtual machine's file does to its volumes. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bsdvirt.bhyve import volumes as disks
from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.marks import destroy_marked, mark_going
from bsdvirt.plan.step import Step
from bsdvirt.spec.vm import Vm


@dataclass(frozen=True, slots=True)
class VolumeChange:
    """Steps of a plan that writes the guest's file too."""

    steps: tuple[Step, ...] = ()
    """Before the file is written."""
    finish: tuple[Step, ...] = ()
    """After the point of no return: what grows, and what loses data."""
    notes: tuple[str, ...] = ()


def change_volumes(
    guest: Guest,
    before: Vm,
    after: Vm,
    op: str,
    *,
    live: bool,
    destroying: Collection[str] = (),
) -> VolumeChange:
    """Make the volumes of new disks, grow those whose size grew, and destroy those of the
    disks in `destroying`, which are in the file no more. A volume that is there already,
    under the name of a new disk, is taken as it is: `disk rm` had left it.

    Raises UsageError for a disk that would shrink, ConflictError for a volume that is to be
    destroyed while a running (`live`) guest uses it.
    """
    volumes = {dataset.name: dataset for dataset in guest.datasets}
    steps: list[Step] = []
    finish: list[Step] = []
    notes: list[str] = []
    for disk in after.disks:
        if disk.path is not None or disk.size is None:
            continue
        name = guest.layout.disk(guest.name, disk.name)
        there = volumes.get(name)
        if there is None:
            steps += disks.blank(name, int(disk.size), op)
            finish.append(disks.complete(name, op))
            continue
        had = before.disk(disk.name)
        if had is None or had.path is not None:
            notes.append(f"{disk.name} is the volume {name} that was there, with what is on it")
        elif had.size == disk.size:
            continue
        old = there.volsize or 0
        new = disks.grown(old, disks.whole(int(disk.size)), f"{guest.name}: disk {disk.name}")
        if new > old:
            finish.append(disks.grow(name, new))
            notes.append(disks.GROW_NOTE)
    for gone in sorted(destroying):
        name = guest.layout.disk(guest.name, gone)
        if name in volumes:
            if live:
                raise ConflictError(
                    f"{guest.name} runs, and uses {gone} until it stops",
                    f"bsdvirt stop {guest.name}, or take it out without --destroy",
                )
            steps.append(mark_going(name, op))
            finish.append(destroy_marked(name, op, f"destroy {name}, with what is on it"))
    for disk in before.disks:
        left = guest.layout.disk(guest.name, disk.name)
        kept = after.disk(disk.name) is None and disk.name not in destroying
        if kept and disk.path is None and left in volumes:
            notes.append(f"its volume {left} is still there, with what is on it")
    return VolumeChange(tuple(steps), tuple(finish), tuple(notes))
