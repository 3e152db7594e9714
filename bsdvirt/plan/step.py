"""Steps as data: what to do, how to undo it, and the condition to check before undoing.

A step is never a closure: it is written to the journal before it runs, so that after a crash
another process can finish or undo what this one began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from bsdvirt.host.restore import Was


class Struct(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all parts of a plan."""


# ---- what can be done: each is a command of the base system, or a file ----


class Command(Struct, frozen=True, tag="command"):
    """Run `argv`; success is an exit status in `ok`. `timeout` is in seconds. Output is appended to
    the file `log`, if given. `title` replaces the command in messages: for a command of the user's,
    whose end is logged. `own` marks a part of bsdvirt, whose last line of output is the error
    message."""

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    timeout: float = 60.0
    log: str = ""
    title: str = ""
    own: bool = False


class Pipeline(Struct, frozen=True, tag="pipeline"):
    """Run `left | right`; both must succeed. Without `left`, standard input is passed to `right`.
    `timeout` is in seconds. `limit` is in bytes a second; 0 is none."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    timeout: float = 3600.0
    limit: int = 0


class WriteFile(Struct, frozen=True, tag="write"):
    """Write a file atomically. With `beneath`, `path` is relative to that root, and symbolic links
    in it are not followed."""

    path: str
    content: str
    mode: int = 0o644
    beneath: str = ""


class PutBack(Struct, frozen=True, tag="put-back"):
    """Restore what was at a path beneath a guest's root: a file with its owner and mode, or a link.
    Symbolic links in the path are not followed."""

    path: str
    beneath: str
    was: Was


class RemoveFile(Struct, frozen=True, tag="remove"):
    """Remove a file; `beneath` as in WriteFile."""

    path: str
    beneath: str = ""


class MakeDirectory(Struct, frozen=True, tag="mkdir"):
    """Create a directory and its parents; with `beneath`, as in WriteFile, one directory only."""

    path: str
    mode: int = 0o755
    beneath: str = ""


class RemoveDirectory(Struct, frozen=True, tag="rmdir"):
    """Remove an empty directory beneath a root, as in WriteFile; a directory that is not empty
    stays."""

    path: str
    beneath: str


class RemoveTree(Struct, frozen=True, tag="rmtree"):
    """Remove a directory of bsdvirt with its contents, unless something is mounted in it."""

    path: str


class UnmountBeneath(Struct, frozen=True, tag="unmount-beneath"):
    """Unmount what is mounted below a directory of a guest, the latest first, by force if
    necessary: a plan cannot know what a guest mounts. Mounts at the paths in `but` belong to the
    host, and stay; with `kinds`, only these file system types are unmounted."""

    path: str
    but: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Rename(Struct, frozen=True, tag="rename"):
    """Rename a file or directory of bsdvirt within its file system; an existing `to` is an
    error."""

    path: str
    to: str


class Copy(Struct, frozen=True, tag="copy"):
    """Copy between `outer`, a path of the host, and `inner` beneath a guest's root, where no
    symbolic link is followed; `inward` copies into the guest."""

    outer: str
    root: str
    inner: str
    inward: bool
    recursive: bool = False


Kind = Literal["guest", "export", "network", "release", "image", "media", "pool", "root", "host"]
"""The kind of object that a plan changes, whose lock guards it. An `export` is named like its
guest, which others may change meanwhile. A pool is a `root` in journals of earlier versions."""
Resolution = Literal["ours", "theirs"]
"""Whose version is kept in a conflict: the guest's, or the release's."""


class MergeRoot(Struct, frozen=True, tag="merge-root"):
    """Merge what a guest changed in its root `mine`, which was made from `base`, into `root`, a new
    copy of a newer release. What tar(1) copies afterwards is listed in the directory `work`.
    `choice` is whose version is kept in a conflict. The decisions must have that digest: those that
    were planned."""

    base: str
    mine: str
    root: str
    work: str
    choice: Resolution | Literal[""]
    digest: str


class Await(Struct, frozen=True, tag="await"):
    """Wait until a file exists, for at most that many seconds: the device of a volume appears
    shortly after zfs(8) has ended."""

    path: str
    seconds: float = 30.0


class AwaitAddresses(Struct, frozen=True, tag="await-addresses"):
    """Wait a few seconds until IPv6 addresses of an interface can be used; an address that another
    host of the network has is an error."""

    interface: str
    addresses: tuple[str, ...]


Action = (
    Command
    | Pipeline
    | WriteFile
    | PutBack
    | RemoveFile
    | MakeDirectory
    | RemoveDirectory
    | RemoveTree
    | UnmountBeneath
    | Rename
    | Copy
    | MergeRoot
    | Await
    | AwaitAddresses
)


# ---- what can be looked at ----


class DatasetOwned(Struct, frozen=True, tag="dataset-owned"):
    """The local bsdvirt:op of the dataset, or of a snapshot, is this operation's."""

    dataset: str
    op: str


class DatasetExists(Struct, frozen=True, tag="dataset"):
    dataset: str


class SnapshotIs(Struct, frozen=True, tag="snapshot"):
    """The snapshot, such as tank/a@b, exists and is the one with that guid."""

    snapshot: str
    guid: int


class SnapshotHeld(Struct, frozen=True, tag="held"):
    """The snapshot has a hold with that tag."""

    snapshot: str
    tagged: str


class OriginIs(Struct, frozen=True, tag="origin"):
    """The dataset is a clone of that snapshot."""

    dataset: str
    snapshot: str


class DatasetMounted(Struct, frozen=True, tag="dataset-mounted"):
    """The dataset is mounted, at any path."""

    dataset: str


class InterfaceExists(Struct, frozen=True, tag="interface"):
    name: str


class InterfaceMtu(Struct, frozen=True, tag="mtu"):
    """The interface has that MTU."""

    name: str
    mtu: int


class AddressExists(Struct, frozen=True, tag="address"):
    """The interface has the address, with that prefix length."""

    interface: str
    address: str


class JailExists(Struct, frozen=True, tag="jail"):
    """A jail with that name and path exists."""

    name: str
    path: str


class Mounted(Struct, frozen=True, tag="mounted"):
    path: str


class MountedBeneath(Struct, frozen=True, tag="mounted-beneath"):
    """Something is mounted below the directory, not on it; `but` and `kinds` as in
    UnmountBeneath."""

    path: str
    but: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class LimitsExist(Struct, frozen=True, tag="limits"):
    """rctl(8) has a rule for the subject, such as jail:web; with `rule`, this rule, such as
    maxproc:deny=50, or maxproc:deny with any amount."""

    subject: str
    rule: str = ""


class FileExists(Struct, frozen=True, tag="file"):
    path: str


class Locked(Struct, frozen=True, tag="locked"):
    """The lock of one of these files is held."""

    paths: tuple[str, ...]


class Not(Struct, frozen=True, tag="not"):
    look: Look


Look = (
    DatasetOwned
    | DatasetExists
    | SnapshotIs
    | OriginIs
    | SnapshotHeld
    | DatasetMounted
    | InterfaceExists
    | InterfaceMtu
    | AddressExists
    | JailExists
    | Mounted
    | MountedBeneath
    | LimitsExist
    | FileExists
    | Locked
    | Not
)


class Undo(Struct, frozen=True):
    """Perform `do` if the condition `when` holds. `retry` is in seconds, as in Step. If a
    `tolerant` one fails, that is reported, and it counts as done."""

    do: Action
    when: Look | None = None
    retry: float = 0.0
    tolerant: bool = False


class Step(Struct, frozen=True):
    """One action, with its undo, conditions and alternatives."""

    do: Action
    why: str
    undo: tuple[Undo, ...] = ()
    """Performed in order if this step or a later one fails."""
    durable: bool = False
    """Its effect survives a reboot: its record is synced before it runs."""
    unless: Look | None = None
    """The step is skipped if this condition holds."""
    at_once: bool = False
    """That condition is checked only if the step fails, for a step that does nothing then: it
    rarely holds."""
    remedy: tuple[Undo, ...] = ()
    """Alternative if the step fails; the step then counts as done, with a warning."""
    tolerant: bool = False
    """If the step fails, warn and continue: it counts as done."""
    retry: float = 0.0
    """Seconds to retry while something is busy."""
    lines: int = 0
    """Lines of standard error that a complete run prints, if known: for a progress bar."""
    size: int = 0
    """Bytes that zfs send -v, dd or qemu-img will move, if known: for a progress bar."""


class Plan(Struct, frozen=True):
    """What an operation on one guest, network, release or other object will do.

    If a step fails, `steps` are undone. `finish` comes after the commit record: from there the
    operation can only be finished. A plan without steps gives a `reason`.
    """

    verb: str
    subject: str
    kind: Kind = "guest"
    steps: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()
    reason: str = ""
    op: str = ""
    notes: tuple[str, ...] = ()
    """Remarks for the user, such as that a change takes effect later."""
    must_journal: bool = True
    """Refuse to begin if the journal cannot be written. Off for what must be possible on a full
    pool: stop and destroy."""
    also: tuple[str, ...] = ()
    """Further objects of that kind that the plan changes: the caller holds their locks too, and the
    journal has their names."""

    claims: int = 0
    """The number of the step after which the claims of a new guest are in its dataset."""

    @property
    def empty(self) -> bool:
        return not self.steps and not self.finish


def together(plans: Sequence[Plan]) -> Plan:
    """Combine plans of one verb and subject into one operation: all their steps come before any
    commit."""
    steps = tuple(step for plan in plans for step in plan.steps)
    finish = tuple(step for plan in plans for step in plan.finish)
    return msgspec.structs.replace(plans[0], steps=steps, finish=finish)
