"""Plans that give a jail a new root from a release, return to the old one, and drop that. Pure.

The new root is made beside the old one and filled from a snapshot of it, and takes its place by two
renames. The old root stays beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from bsdvirt.guest.change import BUSY_SECONDS, RENAME_SECONDS, claim_step
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.create import cloned_root, copied_root
from bsdvirt.layout import snapshot_directory
from bsdvirt.plan.marks import clear_mark, destroy_marked, destroy_ours, mark, mark_going, mark_of
from bsdvirt.plan.step import (
    Command,
    Copy,
    DatasetMounted,
    DatasetOwned,
    Look,
    MakeDirectory,
    MergeRoot,
    Not,
    Pipeline,
    Plan,
    RemoveTree,
    Step,
    Undo,
    WriteFile,
)

COPY_SECONDS = 24 * 3600.0
DESTROY_SECONDS = 3600.0
RELEASE_PROPERTY = "bsdvirt:release"
"""Property of a root that is kept: the release that it was made from."""
LIST = "carried"
"""The list that MergeRoot writes, for tar(1)."""
Choice = Literal["", "ours", "theirs"]


class NewRoot(Struct, frozen=True):
    """The release to upgrade to, and what was decided about the jail's root."""

    release: str
    snapshot: str
    """The snapshot of the release that the new root is made from."""
    base: str
    """Directory with the release that the old root was made from, as it was then."""
    choice: Choice
    digest: str
    """Of what was decided."""
    carries: bool
    """Whether anything is copied from the old root."""
    rebuild: Collection[str] = ()
    """The merged files that others are made from."""
    thick: bool = False
    """A full copy, as the old root."""
    size: int = 0
    """Bytes of a full copy."""
    settings: tuple[str, ...] = ()
    """Options of `zfs create` for the jail's ZFS properties."""


class Configuration(Struct, frozen=True):
    """The jail's file before and after."""

    before: str
    after: str


def work_directory(guest: Guest) -> str:
    """Return the directory for the files of an upgrade until it is complete."""
    return f"{guest.layout.guest_directory(guest.name)}/upgrade"


def plan_upgrade(
    guest: Guest,
    new: NewRoot,
    file: Configuration,
    op: str,
    notes: tuple[str, ...] = (),
    *,
    left: bool = False,
) -> Plan:
    """Make the new root, and put it in the place of the old one. `left` says that something is in
    the place of its work directory: in a dataset from elsewhere, a link to one of the host."""
    layout, name = guest.layout, guest.name
    root, coming = layout.jail_root(name), layout.next_root(name)
    kept, work = layout.old_root(name), work_directory(guest)
    directory = f"{layout.guest_directory(name)}/{coming.rpartition('/')[2]}"
    seen = f"upgrade-{op}"
    mine = snapshot_directory(layout.jail_root_directory(name), seen)
    old_is = DatasetOwned(f"{kept}@{seen}", op)
    words = (*mark_of(op), *new.settings)
    made = (
        copied_root(new.snapshot, coming, words, op, new.size)
        if new.thick
        else (cloned_root(new.snapshot, coming, words, (destroy_ours(coming, op),)),)
    )
    merged = MergeRoot(new.base, mine, directory, work, new.choice, new.digest)
    steps = (
        _snapshot(f"{root}@{seen}", op),
        *made,
        *((Step(RemoveTree(work), "what is in its place", durable=True),) if left else ()),
        Step(
            MakeDirectory(work, 0o700),
            "for its files until it is complete",
            undo=(Undo(RemoveTree(work)),),
            durable=True,
        ),
        Step(merged, "merge the changes that the jail has made", durable=True),
        *(_carry(mine, directory, work) if new.carries else ()),
        *(step for path in sorted(new.rebuild) for step in _rebuild(path, directory, work)),
        _rename(root, kept, old_is, (kept, root), "the old root is kept"),
        _rename(coming, root, DatasetOwned(root, op), (root, coming), "the new root is its root"),
        _note_release(kept, guest.identity.release),
        *_configured(guest, new.release, file),
    )
    finish = (
        clear_mark(root, op),
        Step(
            Command((tools.ZFS, "destroy", f"{kept}@{seen}")),
            "the snapshot that was copied from",
            unless=Not(old_is),
            durable=True,
        ),
        Step(RemoveTree(work), "its files are in the new root", durable=True),
    )
    return Plan("upgrade", name, "guest", steps, finish, op=op, notes=notes)


def _snapshot(full: str, op: str) -> Step:
    return Step(
        Command((tools.ZFS, "snapshot", *mark_of(op), full)),
        "a snapshot of its root, to copy from",
        undo=(Undo(Command((tools.ZFS, "destroy", full)), DatasetOwned(full, op), BUSY_SECONDS),),
        durable=True,
    )


def _carry(mine: str, directory: str, work: str) -> tuple[Step, ...]:
    """Copy what is the jail's own. Owners are numbers: the host has other users."""
    return (
        Step(
            Pipeline(
                (
                    tools.TAR, "-cf", "-", "--numeric-owner", "-C", mine, "--null",
                    "-T", f"{work}/{LIST}",
                ),
                (tools.TAR, "-xpf", "-", "-C", directory),
                timeout=COPY_SECONDS,
            ),
            "copy what is the jail's own: packages, homes, data, configuration",
            durable=True,
        ),
    )  # fmt: skip


def _rebuild(path: str, directory: str, work: str) -> tuple[Step, ...]:
    """Make the files that are made from a merged one, outside the jail's root, and copy them."""
    match path:
        case "etc/master.passwd":
            file = f"{work}/master.passwd"
            argv: tuple[str, ...] = (tools.PWD_MKDB, "-p", "-d", work, file)
            made: tuple[str, ...] = ("etc/master.passwd", "etc/passwd", "etc/pwd.db", "etc/spwd.db")
        case "etc/login.conf":
            argv = (tools.CAP_MKDB, "-f", f"{work}/login.conf", f"{work}/login.conf")
            made = ("etc/login.conf.db",)
        case _:
            argv = (tools.SERVICES_MKDB, "-q", "-o", f"{work}/services.db", f"{work}/services")
            made = ("var/db/services.db",)
    copies = tuple(
        Step(
            Copy(f"{work}/{one.rpartition('/')[2]}", directory, f"/{one}", inward=True),
            f"/{one} as merged",
            durable=True,
        )
        for one in made
    )
    return (Step(Command(argv), f"the database of /{path}", durable=True), *copies)


def _rename(source: str, target: str, when: Look, back: tuple[str, str], why: str) -> Step:
    return Step(
        Command((tools.ZFS, "rename", source, target), timeout=RENAME_SECONDS),
        why,
        undo=(
            Undo(Command((tools.ZFS, "rename", *back), timeout=RENAME_SECONDS), when, BUSY_SECONDS),
            Undo(Command((tools.ZFS, "mount", source)), Not(DatasetMounted(source))),
        ),
        durable=True,
        retry=BUSY_SECONDS,
    )


def _note_release(kept: str, release: str) -> Step:
    return Step(
        Command((tools.ZFS, "set", f"{RELEASE_PROPERTY}={release}", kept)),
        "the release that it was made from",
        undo=(Undo(Command((tools.ZFS, "inherit", RELEASE_PROPERTY, kept))),),
        durable=True,
    )


def _configured(guest: Guest, release: str, file: Configuration) -> tuple[Step, ...]:
    """Write the new release to the guest's file and identity."""
    path = guest.layout.guest_file(guest.name)
    steps: list[Step] = []
    if file.before != file.after:
        steps.append(
            Step(
                WriteFile(path, file.after, 0o600),
                "its configuration",
                undo=(Undo(WriteFile(path, file.before, 0o600)),),
                durable=True,
            )
        )
    identity = msgspec.structs.replace(guest.identity, release=release)
    if identity != guest.identity:
        steps.append(claim_step(guest, identity))
    return tuple(steps)


# ---- back ----


def plan_back(guest: Guest, release: str, file: Configuration, op: str) -> Plan:
    """Exchange the root and the one that is kept. `release` is that of the latter."""
    layout, name = guest.layout, guest.name
    root, kept, between = layout.jail_root(name), layout.old_root(name), layout.next_root(name)
    now, before = f"{op}-now", f"{op}-before"
    steps = (
        mark(root, now, "mark the root that it has"),
        mark(kept, before, "mark the root that is kept"),
        _rename(root, between, DatasetOwned(between, now), (between, root), "its root moves away"),
        _rename(kept, root, DatasetOwned(root, before), (root, kept), "the old root returns"),
        _rename(between, kept, DatasetOwned(kept, now), (kept, between), "the other one is kept"),
        _note_release(kept, guest.identity.release),
        *_configured(guest, release, file),
    )
    finish = (clear_mark(root, before), clear_mark(kept, now))
    return Plan("upgrade back", name, "guest", steps, finish, op=op)


def plan_drop(guest: Guest, op: str) -> Plan:
    """Destroy the root that is kept."""
    kept = guest.layout.old_root(guest.name)
    gone = destroy_marked(kept, op, f"destroy {kept}", timeout=DESTROY_SECONDS)
    return Plan(
        "upgrade drop", guest.name, "guest", (mark_going(kept, op),), (gone,), op=op,
        must_journal=False,
    )  # fmt: skip


def lost(guest: Guest, snapshots: Sequence[str]) -> list[str]:
    """Return what destroying the kept root loses."""
    kept = guest.layout.old_root(guest.name)
    return [f"{d.name} ({d.used} bytes)" for d in guest.datasets if d.name == kept] + list(
        snapshots
    )
