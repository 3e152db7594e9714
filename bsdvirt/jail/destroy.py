"""The plan that destroys a guest of datasets, with all its data. Pure."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.plan.looks import OP_PROPERTY
from bsdvirt.plan.step import Command, DatasetOwned, Mounted, Not, Plan, RemoveTree, Step, Undo
from bsdvirt.store.guests import Guest
from bsdvirt.store.layout import guest_log_directory, vm_directory
from bsdvirt.zfs.base import Dataset

BUSY_SECONDS = 15.0
DESTROY_SECONDS = 3600.0


def plan_destroy(guest: Guest, op: str, *, force: bool = False) -> Plan:
    """Unmount, mark, commit; then the datasets go, and the logs.

    Unmounting comes first: where somebody's shell stands in a directory of the guest it
    fails, and nothing is lost. `force` unmounts in spite of that.
    """
    mark = Step(
        Command((tools.ZFS, "set", f"{OP_PROPERTY}={op}", guest.dataset)),
        f"mark {guest.dataset} as going",
        undo=(
            Undo(
                Command((tools.ZFS, "inherit", OP_PROPERTY, guest.dataset)),
                DatasetOwned(guest.dataset, op),
            ),
        ),
        durable=True,
    )
    # What a jail had mounted was unmounted with the jail: see jail/clean.py.
    mounted = [d for d in guest.datasets if d.mounted and d.mountpoint and not d.jailed]
    unmounts = [_unmount(dataset, force) for dataset in reversed(mounted)]
    finish = (
        Step(
            Command((tools.ZFS, "destroy", "-r", guest.dataset), timeout=DESTROY_SECONDS),
            f"destroy {guest.dataset} and all beneath it",
            unless=Not(DatasetOwned(guest.dataset, op)),
            retry=BUSY_SECONDS,
            durable=True,
        ),
        Step(RemoveTree(guest_log_directory(guest.name)), "its logs", durable=True),
        *run_directory_steps(guest),
    )
    return Plan(
        "destroy", guest.name, "guest", (mark, *unmounts), finish, op=op, must_journal=False
    )


def run_directory_steps(guest: Guest) -> tuple[Step, ...]:
    """Take away the run directory of a virtual machine that runs no more, whose locks
    nobody is to take by that name again."""
    if guest.identity.kind != "vm":
        return ()
    return (Step(RemoveTree(vm_directory(guest.name)), "its run directory"),)


def _unmount(dataset: Dataset, force: bool) -> Step:
    return Step(
        Command((tools.ZFS, "umount", *(("-f",) if force else ()), dataset.name)),
        f"unmount {dataset.mountpoint}",
        undo=(
            Undo(
                Command((tools.ZFS, "mount", dataset.name)), Not(Mounted(dataset.mountpoint or ""))
            ),
        ),
        retry=BUSY_SECONDS,
    )


def what_goes(guest: Guest, snapshots: list[str]) -> list[str]:
    """What a user is to see before: each dataset and snapshot, and the logs."""
    lines = [f"{d.name} ({d.used} bytes)" for d in guest.datasets]
    if guest.identity.root:
        lines.append(f"not its root {guest.root}, which is yours")
    return [*lines, *snapshots, guest_log_directory(guest.name)]
