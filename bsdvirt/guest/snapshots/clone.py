"""The plan that makes a guest of a snapshot of another: each of its datasets is a clone of that
dataset's snapshot, or a full copy of it. Pure.

The new guest's own dataset is made of the snapshot too, so that the two guests' datasets depend on
each other alike, and `zfs promote` can turn all of them round.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.plan import SECONDS
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.host.fs import Fs
from bsdvirt.net.files import Networks
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, DatasetOwned, Not, Pipeline, Plan, Step, WriteFile
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import PROPERTY
from bsdvirt.spec.load import dump, identity_to_json

COPY_SECONDS = 24 * 3600.0
MOST_DATASETS = 512
"""A jail makes as many datasets beneath its own as it likes."""


class Content(Struct, frozen=True):
    """A dataset, as it is in a snapshot."""

    dataset: str
    size: int = 0
    """Bytes of data."""
    volsize: int | None = None
    """The size of a volume; None for a file system."""


class Origin(Struct, frozen=True):
    """What a clone is made of."""

    guest: Guest
    snapshot: str
    """The name of a snapshot of its datasets."""
    contents: tuple[Content, ...]
    """Sorted by dataset: a parent comes before its children."""
    full: bool = False
    """Make copies that do not depend on the snapshot."""
    take: Step | None = None
    """The step that takes the snapshot first."""

    def beneath(self, name: str = "") -> list[Content]:
        """Return the dataset guests/<guest>/<name> and all below it, as far as they are in the
        snapshot."""
        top = f"{self.guest.dataset}/{name}" if name else self.guest.dataset
        return [one for one in self.contents if f"{one.dataset}/".startswith(f"{top}/")]

    def content(self, name: str) -> Content | None:
        """Return the dataset guests/<guest>/<name>; None if it is not in the snapshot."""
        wanted = f"{self.guest.dataset}/{name}"
        return next((one for one in self.contents if one.dataset == wanted), None)

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.guest.name}@{self.snapshot}"


def contents_of(snapshot: Snapshot) -> tuple[Content, ...]:
    """Return what is in a snapshot. Raises ConflictError for too many datasets."""
    return _bounded(
        snapshot.guest,
        [Content(part.dataset, part.referenced, part.volsize) for part in snapshot.parts],
    )


def contents_now(guest: Guest) -> tuple[Content, ...]:
    """Return what a snapshot that is taken now will hold. Raises ConflictError for too many
    datasets."""
    return _bounded(
        guest.name, [Content(one.name, one.referenced, one.volsize) for one in guest.datasets]
    )


def _bounded(name: str, contents: list[Content]) -> tuple[Content, ...]:
    if len(contents) > MOST_DATASETS:
        raise ConflictError(
            f"{name} has {len(contents)} datasets, and at most {MOST_DATASETS} are cloned",
            f"bsdvirt info {name} names its dataset; zfs list -r shows what is below it",
        )
    return tuple(sorted(contents, key=lambda one: one.dataset))


# ---- what is particular to a kind ----


class Data(Struct, frozen=True):
    """The datasets of a clone."""

    steps: tuple[Step, ...] = ()
    """Make those below its own."""
    made: tuple[str, ...] = ()
    """The datasets that these make, with the mark of the operation."""
    words: tuple[str, ...] = ()
    """Options of zfs(8) for its own dataset."""
    notes: tuple[str, ...] = ()


class Setting(Struct, frozen=True):
    """Files that are changed in a copy before it is complete."""

    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


SpecT = TypeVar("SpecT")


class Cloner(Protocol[SpecT]):
    """What is particular to copies of the guests of one kind."""

    def own(self, source: Guest, before: SpecT, after: SpecT) -> tuple[SpecT, tuple[str, ...]]:
        """Return `after`, the file of the copy, without what is still as `before`, in the file of
        its source, and only one guest of the kind can have; with notes. Raises UsageError where
        the user has to choose."""

    def refuse(self, source: Guest) -> None:
        """Raise ConflictError for a guest of which no copy can be made."""

    def contents(self, directory: str) -> str:
        """Return the directory with the contents of the copy's root, of which keys are cleared;
        empty if there is none. `directory` has the files of the source."""

    def data(self, new: Guest, spec: SpecT, origin: Origin, op: str) -> Data:
        """Make its datasets, with the properties that its file says. Raises ConflictError where the
        snapshot lacks one."""

    def settings(
        self, fs: Fs, new: Guest, spec: SpecT, networks: Networks, contents: str
    ) -> Setting:
        """Write the files that depend on its name and its identity."""

    def clear(
        self, fs: Fs, new: Guest, spec: SpecT, contents: str, old: Collection[str]
    ) -> Setting:
        """Remove what two guests must not share, such as host keys. `contents` is a directory with
        what its root will hold; `old` are names of the guest that it is a copy of."""


# ---- steps ----


def copy_steps(
    origin: Origin, content: Content, target: str, words: Sequence[str], why: str, op: str
) -> tuple[Step, ...]:
    """Make a dataset of the snapshot of another."""
    full = f"{content.dataset}@{origin.snapshot}"
    undo = (destroy_ours(target, op),)
    options = (*mark_of(op), *words)
    if not origin.full:
        argv = (tools.ZFS, "clone", *options, full, target)
        return (Step(Command(argv), f"{why}, a clone", undo=undo, durable=True),)
    copied = Step(
        Pipeline(
            (tools.ZFS, "send", "-vP", full),
            (tools.ZFS, "receive", *options, target),
            timeout=COPY_SECONDS,
        ),
        f"{why}, a full copy",
        undo=undo,
        durable=True,
        size=content.size,
    )
    freed = Step(
        Command((tools.ZFS, "destroy", f"{target}@{origin.snapshot}")),
        "the snapshot that came with the copy",
        durable=True,
    )
    return copied, freed


def plan_clone(
    new: Guest,
    spec: GuestSpec,
    origin: Origin,
    op: str,
    data: Data,
    *,
    settings: Sequence[Step] = (),
    last: Sequence[Step] = (),
) -> Plan:
    """Make a guest of a snapshot: its dataset with its identity, its data, its file. `settings`
    are files of its own; `last` is what is changed in its root, and its hooks."""
    own = origin.contents[0]
    claim = ("-o", f"{PROPERTY}={identity_to_json(new.identity)}")
    taken = () if origin.take is None else (origin.take,)
    made = copy_steps(
        origin, own, new.dataset, (*claim, *data.words),
        f"the guest {new.name}: its identity and claims", op,
    )  # fmt: skip
    described = Step(
        WriteFile(new.layout.guest_file(new.name), dump(spec), 0o600),
        "its configuration",
        durable=True,
    )
    steps = (*taken, *made, *data.steps, described, *settings, *last)
    finish = tuple(clear_mark(dataset, op) for dataset in (*reversed(data.made), new.dataset))
    if origin.take is not None:
        finish += (let_go_step(origin.guest, origin.snapshot, op),)
    return Plan("clone", new.name, "guest", steps, finish, op=op, claims=len(taken))


def let_go_step(source: Guest, snapshot: str, op: str) -> Step:
    """Have a snapshot that was taken for clones go with the last of them; at once, where these are
    full copies (-d in zfs-destroy(8))."""
    full = f"{source.dataset}@{snapshot}"
    return Step(
        Command((tools.ZFS, "destroy", "-d", "-r", full), timeout=SECONDS),
        f"{full} goes with the last clone of it",
        unless=Not(DatasetOwned(full, op)),
        durable=True,
        tolerant=True,
    )


def left_out(origin: Origin, used: Sequence[Content]) -> tuple[str, ...]:
    """Return a note on what is in the snapshot and not in the clone."""
    names = {one.dataset for one in used}
    own = origin.contents[0].dataset
    return tuple(
        f"{one.dataset} is not in its file, and not in the clone"
        for one in origin.contents
        if one.dataset not in names and one.dataset != own
    )
