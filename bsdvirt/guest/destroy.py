"""The plan that destroys a guest of datasets, with all its data. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import guest_log_directory
from bsdvirt.plan.marks import destroy_marked, mark_going
from bsdvirt.plan.step import Command, DatasetMounted, Not, Plan, RemoveTree, Step, Undo
from bsdvirt.spec.mounts import within
from bsdvirt.zfs.base import Dataset

BUSY_SECONDS = 15.0
DESTROY_SECONDS = 3600.0
MOST_LISTED = 100
"""Snapshots that are listed: a jail may have taken any number of them."""


def plan_destroy(
    guest: Guest,
    op: str,
    *,
    force: bool = False,
    first: Sequence[Step] = (),
    last: Sequence[Step] = (),
) -> Plan:
    """Unmount, mark, commit; then the datasets go, and the logs.

    Unmounting comes first: it fails while a process has its working directory there, and nothing
    is lost. `force` unmounts in spite of that. `first` are run before that,
    `last` at the end.
    """
    # What a jail had mounted was unmounted with the jail: see jail/clean.py.
    mounted = [d for d in guest.datasets if d.mounted and not d.jailed]
    unmounts = [_unmount(dataset, force) for dataset in reversed(mounted)]
    finish = (
        destroy_marked(
            guest.dataset,
            op,
            f"destroy {guest.dataset} and all beneath it",
            timeout=DESTROY_SECONDS,
        ),
        Step(RemoveTree(guest_log_directory(guest.name)), "its logs", durable=True),
        *last,
    )
    return Plan(
        "destroy",
        guest.name,
        "guest",
        (mark_going(guest.dataset, op), *first, *unmounts),
        finish,
        op=op,
        must_journal=False,
    )


def _unmount(dataset: Dataset, force: bool) -> Step:
    return Step(
        Command((tools.ZFS, "umount", *(("-f",) if force else ()), dataset.name)),
        f"unmount {dataset.name}",
        undo=(
            Undo(Command((tools.ZFS, "mount", dataset.name)), Not(DatasetMounted(dataset.name))),
        ),
        retry=BUSY_SECONDS,
    )


def what_goes(guest: Guest, snapshots: list[str]) -> list[str]:
    """Return what a user is to see before: each dataset and snapshot, the logs, and the bytes that
    become free."""
    lines = [f"{d.name} ({d.used} bytes)" for d in guest.datasets]
    if len(snapshots) > MOST_LISTED:
        more = f"and {len(snapshots) - MOST_LISTED} more snapshots"
        snapshots = [*snapshots[:MOST_LISTED], more]
    if guest.identity.root:
        lines.append(f"not its root {guest.root}, which is yours")
    freed = f"{guest.name}: frees {guest.used} bytes"
    return [*lines, *snapshots, guest_log_directory(guest.name), freed]


def refuse_hosts(
    guest: Guest, mine: set[tuple[str, str]], facts: HostFacts, *, force: bool = False
) -> None:
    """Raises ConflictError where destroying the guest would take away, or trip over, what the
    host has mounted in it. `mine` are the sources and places of the guest's own mounts. With
    `force`, its own datasets go with all that is in them."""
    if guest.identity.root is not None:
        return
    own = {dataset.name for dataset in guest.datasets}
    layout, name = guest.layout, guest.name
    made = {guest.dataset, layout.jail_root(name), layout.old_root(name)}
    directory = guest.layout.guest_directory(guest.name)
    for mount in facts.mounts:
        if not within(mount.path, directory) or (mount.source, mount.path) in mine:
            continue
        if mount.source in made or (force and mount.source in own):
            continue
        also = "; or --force, to destroy it with the guest" if mount.source in own else ""
        raise ConflictError(
            f"{guest.name}: the host has mounted {mount.source} at {mount.path}",
            f"umount {mount.path}{also}",
        )
