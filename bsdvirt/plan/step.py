"""Steps as data: what to do, how to undo it, and what to look at before undoing.

A step is never a closure: it is written into the journal before it runs, so that
another process, after a crash, can finish or undo what this one began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from bsdvirt.host.restore import Was


class Struct(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all the data of a plan."""


# ---- what can be done: each is a command of the base system, or a file ----


class Command(Struct, frozen=True, tag="command"):
    """Run `argv`; success is an exit status in `ok`. `timeout` in seconds.

    What it prints is added to the file `log`, where one is named. `title` stands for it in
    messages: for a command of somebody else's, whose end is worth a line of its own. `own`:
    it is a part of bsdvirt, and its last line tells alone what went wrong.
    """

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    timeout: float = 60.0
    log: str = ""
    title: str = ""
    own: bool = False


class Pipeline(Struct, frozen=True, tag="pipeline"):
    """Run `left | right`; both must succeed. `timeout` in seconds."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    timeout: float = 3600.0


class WriteFile(Struct, frozen=True, tag="write"):
    """Put a file in place at once. With `beneath`, `path` is relative to that
    root and no link on the way is followed."""

    path: str
    content: str
    mode: int = 0o644
    beneath: str = ""


class PutBack(Struct, frozen=True, tag="put-back"):
    """Put back what was at a place beneath a guest's root: a file with its owner and mode, or
    a link. No link on the way is followed."""

    path: str
    beneath: str
    was: Was


class RemoveFile(Struct, frozen=True, tag="remove"):
    """Remove a file; `beneath` as in WriteFile."""

    path: str
    beneath: str = ""


class MakeDirectory(Struct, frozen=True, tag="mkdir"):
    """Make a directory, and those that it lies in; `beneath` as in WriteFile, and then one
    directory only."""

    path: str
    mode: int = 0o755
    beneath: str = ""


class RemoveDirectory(Struct, frozen=True, tag="rmdir"):
    """Remove an empty directory beneath a root, as in WriteFile; one that holds something
    stays."""

    path: str
    beneath: str


class RemoveTree(Struct, frozen=True, tag="rmtree"):
    """Remove a directory of ours and all in it; where something is mounted in it, nothing."""

    path: str


class UnmountBeneath(Struct, frozen=True, tag="unmount-beneath"):
    """Unmount what is mounted below a directory of a guest's, the latest first, by force
    where that is what it takes: what a guest mounts, no plan can know. What is mounted at the
    places in `but` is the host's, and stays; with `kinds`, only file systems of these go."""

    path: str
    but: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class Rename(Struct, frozen=True, tag="rename"):
    """Move a file or directory of ours, within its file system; what is in the place of
    `to` is an error."""

    path: str
    to: str


class Copy(Struct, frozen=True, tag="copy"):
    """Copy between `outer`, a path of this process's, and `inner` beneath a guest's root,
    following no link there; `inward`, into the guest."""

    outer: str
    root: str
    inner: str
    inward: bool
    recursive: bool = False


class Await(Struct, frozen=True, tag="await"):
    """Wait until a file is there, for at most so many seconds: a volume's device appears a
    moment after zfs(8) has ended."""

    path: str
    seconds: float = 30.0


class AwaitAddresses(Struct, frozen=True, tag="await-addresses"):
    """Wait until the IPv6 ones of an interface's addresses can be used, within a few seconds;
    one that another host of the network has is an error."""

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
    | Await
    | AwaitAddresses
)


# ---- what can be looked at ----


class DatasetOwned(Struct, frozen=True, tag="dataset-owned"):
    """The dataset's own (local) bsdvirt:op is this operation's."""

    dataset: str
    op: str


class DatasetExists(Struct, frozen=True, tag="dataset"):
    dataset: str


class DatasetMounted(Struct, frozen=True, tag="dataset-mounted"):
    """The mount table has the dataset, wherever."""

    dataset: str


class InterfaceExists(Struct, frozen=True, tag="interface"):
    name: str


class InterfaceMtu(Struct, frozen=True, tag="mtu"):
    """Whether an interface has that MTU."""

    name: str
    mtu: int


class AddressExists(Struct, frozen=True, tag="address"):
    """The interface has the address, with that prefix length."""

    interface: str
    address: str


class JailExists(Struct, frozen=True, tag="jail"):
    """A jail of that name lives, at that path: one of another path is not ours."""

    name: str
    path: str


class Mounted(Struct, frozen=True, tag="mounted"):
    path: str


class MountedBeneath(Struct, frozen=True, tag="mounted-beneath"):
    """Something is mounted below the directory (not on it); `but` and `kinds` as in
    UnmountBeneath."""

    path: str
    but: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class LimitsExist(Struct, frozen=True, tag="limits"):
    """rctl holds a rule for the subject, such as jail:web; with `rule`, that very one,
    such as maxproc:deny=50, or maxproc:deny with any amount."""

    subject: str
    rule: str = ""


class FileExists(Struct, frozen=True, tag="file"):
    path: str


class Locked(Struct, frozen=True, tag="locked"):
    """Somebody holds the lock of one of these files."""

    paths: tuple[str, ...]


class Not(Struct, frozen=True, tag="not"):
    look: Look


Look = (
    DatasetOwned
    | DatasetExists
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
    """Do this, where that is still to be seen. `retry` in seconds, as in Step."""

    do: Action
    when: Look | None = None
    retry: float = 0.0


class Step(Struct, frozen=True):
    """One thing to do, and all that the executor needs to know of it."""

    do: Action
    why: str
    undo: tuple[Undo, ...] = ()
    """Run in order, when this step or a later one fails."""
    durable: bool = False
    """Its effect survives a reboot: its record is on disk before it runs."""
    unless: Look | None = None
    """Already so: the step is passed over."""
    remedy: tuple[Undo, ...] = ()
    """Where the step fails, do this instead; the step counts as done, with a warning."""
    tolerant: bool = False
    """Where the step fails, warn and go on: it counts as done."""
    retry: float = 0.0
    """Seconds to try again for, while the system says that something is busy."""
    lines: int = 0
    """Lines of standard error that a full run prints, where known: for a progress bar."""
    size: int = 0
    """Bytes that zfs send -v, dd or qemu-img is to move, where known: for a progress bar."""


Kind = Literal["guest", "network", "release", "image", "media", "pool", "root", "host"]
"""The kind of object that a plan changes, whose lock guards it. A pool is a `root` in journals
of earlier versions."""


class Plan(Struct, frozen=True):
    """What an operation on one guest (or network, or release) will do.

    `steps` are undone if one fails. `finish` comes after the commit record: from
    there the operation only rolls forward. A plan without steps says why in `reason`.
    """

    verb: str
    subject: str
    kind: Kind = "guest"
    steps: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()
    reason: str = ""
    op: str = ""
    notes: tuple[str, ...] = ()
    """What the user should know besides, such as what takes hold later."""
    must_journal: bool = True
    """Refuse to begin where the journal cannot be written. Off for what must be
    possible on a full pool: stop and destroy."""
    also: tuple[str, ...] = ()
    """The others of that kind that it changes: its caller has their locks too, and
    whoever takes one of them finds its journal."""

    @property
    def empty(self) -> bool:
        return not self.steps and not self.finish


def together(plans: Sequence[Plan]) -> Plan:
    """Plans of one verb and subject as one operation: the steps of all come before what any
    does after the point of no return."""
    steps = tuple(step for plan in plans for step in plan.steps)
    finish = tuple(step for plan in plans for step in plan.finish)
    return msgspec.structs.replace(plans[0], steps=steps, finish=finish)
