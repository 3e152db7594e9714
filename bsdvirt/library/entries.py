"""Operations common to releases, images and media: adding under a lock, copies on several
pools, removal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans import entries as plans
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan, together
from bsdvirt.rows.sizes import both_sizes
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.base import Dataset

Kind = Literal["release", "image", "media"]
DATASETS = {"release": "filesystem", "image": "volume"}
TITLES = {"release": "release", "image": "image", "media": "medium"}
HINTS = {
    "release": "bsdvirt release ls",
    "image": "bsdvirt image profiles, then bsdvirt image fetch PROFILE",
}


class Copy(Struct, frozen=True):
    """The dataset of a release or an image on one pool."""

    pool: Layout
    dataset: Dataset

    @property
    def complete(self) -> bool:
        """Whether no operation is creating or destroying it."""
        return self.dataset.op is None


def copies(found: Inventory, kind: plans.Kind) -> dict[str, list[Copy]]:
    """Return the copies of all releases or images by name, those on the first pool first."""
    every: dict[str, list[Copy]] = {}
    for pool in found.layouts:
        prefix = plans.dataset_of(kind, "", pool)
        for dataset in found.datasets:
            name = dataset.name.removeprefix(prefix)
            if name != dataset.name and "/" not in name and dataset.kind == DATASETS[kind]:
                every.setdefault(name, []).append(Copy(pool, dataset))
    return dict(sorted(every.items()))


def copies_of(
    found: Inventory, kind: plans.Kind, name: str, pool: Layout | None = None
) -> list[Copy]:
    """Return the copies of a release or image, on one pool if given. Raises NotFoundError."""
    every = copies(found, kind)
    there = [copy for copy in every.get(name, ()) if pool in (None, copy.pool)]
    if not there:
        known = ", ".join(every) or "none"
        hint = did_you_mean(name, every) or HINTS[kind]
        raise NotFoundError(f"no {kind} {name}; available: {known}", hint)
    return there


def refuse_existing(session: Session, found: Inventory, kind: Kind, name: str) -> None:
    """Raise ConflictError if one of that name exists, complete or not."""
    match kind:
        case "media":
            there = session.host.fs.exists(found.layout.medium(name))
        case "image":
            there = name in copies(found, kind)
        case "release":
            # On another pool: it may be added to the first.
            there = any(copy.pool == found.layout for copy in copies(found, kind).get(name, ()))
    if there:
        raise ConflictError(
            f"{TITLES[kind]} {name} already exists",
            f"bsdvirt release rm {name}"
            if kind == "release"
            else f"choose another name, or bsdvirt {kind} rm {name}",
        )


@contextlib.contextmanager
def adding(session: Session, kind: Kind, name: str, verb: str) -> Iterator[Inventory]:
    """Lock a new entry during the block; yield the inventory.

    Raises ConflictError if one of that name exists.
    """
    with session.locked(kind, name, f"{verb} {name}"):
        found = session.inventory()
        session.need_mounted(found)
        refuse_existing(session, found, kind, name)
        yield found


def added(
    session: Session, name: str, plan: Plan, after: Callable[[], None] | None = None
) -> Prepared:
    """Return the operation that adds an entry by one plan."""
    return Prepared(session, [Task(name, (Part(plan),), "added", after=after)])


class Remove(Struct, frozen=True):
    """`rm` of a release, an image or a medium. `plan` refuses one in use."""

    kind: Kind
    name: str
    plan: Callable[[Session, Inventory, str], Plan]

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Plan the removal, which supersedes an earlier operation that cannot be recovered."""
        kind, name = self.kind, self.name

        def supersede() -> None:
            session.supersede(kind, name)

        with session.locked(kind, name, f"{kind} rm {name}", destroying=True):
            try:
                plan = self.plan(session, session.inventory(), name)
            except NotFoundError:
                supersede()
                raise
            yield Prepared(
                session, [Task(name, (Part(plan),), "removed", plan.notes, after=supersede)]
            )


def removal(kind: plans.Kind) -> Callable[[Session, Inventory, str], Plan]:
    """Return the planner that removes a release or an image from all pools."""

    def plan(session: Session, found: Inventory, name: str) -> Plan:
        op = session.new_op()
        there = copies_of(found, kind, name)
        plan = together(
            [
                plans.plan_remove(kind, name, _clones(session, copy.dataset), copy.pool, op)
                for copy in there
            ]
        )
        freed = sum(copy.dataset.used for copy in there)
        return msgspec.structs.replace(plan, notes=(f"frees {both_sizes(freed)}",))

    return plan


def _clones(session: Session, dataset: Dataset) -> list[str]:
    snapshots = session.zfs.snapshots(dataset.name)
    return [clone for snapshot in snapshots for clone in session.zfs.clones(snapshot)]


class CopyTo(Struct, frozen=True):
    """Copy a release or an image to a pool that lacks it: a clone is on the pool of its origin.
    The outcome's message is the dataset copied; empty if nothing was copied."""

    kind: plans.Kind
    name: str
    target: Layout
    plan: Callable[[Session, Inventory, Layout, str], Plan]
    """Return the plan of the copy from a pool, for an operation."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Plan the copy, after recovery of an interrupted one."""
        kind, name, target = self.kind, self.name, self.target
        with session.locked(kind, name, f"copy {kind} {name}"):
            found = session.inventory()
            session.need_mounted(found, target)
            there = copies(found, kind).get(name, [])
            sources = [copy.pool for copy in there if copy.complete]
            if any(copy.pool == target for copy in there) or not (sources or session.preview):
                yield Prepared(session, [Task(name)])
                return
            source = sources[0] if sources else found.layout
            plan = self.plan(session, found, source, session.new_op())
            why = f"not in {target.dataset} yet: copying it"

            def tell() -> None:
                session.sink(events.Told(plan.op, plan.verb, name, why))

            message = plans.dataset_of(kind, name, source)
            task = Task(name, (Part(plan, home=target),), message, before=tell)
            yield Prepared(session, [task])


def stream_size(session: Session, snapshot: str) -> int:
    """Return the bytes that a full copy sends (`size` line of zfs send -nP, captures/03)."""
    shown = session.host.run((tools.ZFS, "send", "-nP", snapshot), changes=False).stdout
    sizes = [line.split()[1] for line in shown.splitlines() if line.startswith("size")]
    return natural(sizes[0]) or 0 if sizes else 0
