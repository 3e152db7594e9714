"""Pools other than the first: add, list and remove them.

A pool is a dataset with the children that `init` creates, and a file that names it. Removing
it removes the file, never a dataset: `pool add` brings its guests back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from msgspec import Struct

from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.guest.inventory import Inventory, inventory
from bsdvirt.guest.pools import overlaps
from bsdvirt.host.fs import why_not_private
from bsdvirt.layout import POOL_DIRECTORY, Layout, pool_file
from bsdvirt.ops.init import check_mountpoint, dataset_steps, directory_steps, existing, unmark
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.pending import subjects
from bsdvirt.plan.step import Plan, RemoveFile, Step, Undo, WriteFile
from bsdvirt.rows.host import PoolRow
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.hostfile import PoolFile
from bsdvirt.spec.load import decode, dump
from bsdvirt.spec.types import PoolName
from bsdvirt.zfs import Dataset

CLOSED = ("state", "guests")
"""Children whose contents are trusted as written by root."""
HEAD = """\
# A pool for bsdvirt: see bsdvirt.yaml(5), or bsdvirt properties pool.
"""


class AddPool(Struct, frozen=True):
    """Add a pool whose dataset is new, or was a pool before."""

    dataset: str
    name: str | None = None
    mountpoint: str | None = None

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """One task, with a note for each step.

        Raises NotFoundError if the zpool does not exist, ConflictError for a name, mount
        point, guest or id that another pool has.
        """
        name = self.name or self.dataset.split("/")[0]
        name = str(parsed(PoolName, name, "give it another with --name"))
        with session.locked("pool", name, f"pool add {name}"):
            session.forget_pools()
            plan = _add(session, self.dataset, name, self.mountpoint)
            notes = tuple(step.why for step in plan.steps)
            done = session.forget_pools
            yield Prepared(session, [Task(name, (Part(plan),), "added", notes, after=done)])


def _add(session: Session, dataset: str, name: str, mountpoint: str | None) -> Plan:
    ours = session.inventory()
    session.need_mounted(ours)
    there = existing(session, dataset)
    place = mountpoint or (there[dataset].mountpoint if there else "") or f"/bsdvirt-{name}"
    wanted = decode(PoolFile, {"dataset": dataset, "mountpoint": place}, "pool add")
    layout = Layout(str(wanted.dataset), str(wanted.mountpoint), name)
    listed = session.pools.named(dataset)
    if listed is not None and listed.name == name and listed.mountpoint == layout.mountpoint:
        # Create again what is missing.
        layout = listed
    elif why := overlaps(layout, session.pools.layouts):
        raise ConflictError(
            why, "bsdvirt pool ls lists them; choose others with --name and --mountpoint"
        )
    if any(one.name == name for one in session.pools.broken):
        raise ConflictError(f"{pool_file(name)} is not valid", "correct or remove it")
    _check(session, layout, there)
    if layout is not listed:
        _check_strange(session, layout, there)
        _refuse_clashes(session, ours, layout, there)
    return _plan(session, layout, wanted, there)


def _plan(session: Session, layout: Layout, wanted: PoolFile, there: Mapping[str, Dataset]) -> Plan:
    op = session.new_op()
    steps, marked = dataset_steps(layout.dataset, layout.mountpoint, there, op)
    path = pool_file(layout.name)
    if not session.host.fs.exists(path):
        steps += directory_steps(session, [(POOL_DIRECTORY, 0o755)])
        steps.append(
            Step(
                WriteFile(path, HEAD + dump(wanted)),
                f"file {path}",
                undo=(Undo(RemoveFile(path)),),
                durable=True,
            )
        )
    finish = (unmark(marked),) if marked else ()
    return Plan("add pool", layout.name, "pool", tuple(steps), finish, op=op)


def _check(session: Session, layout: Layout, there: Mapping[str, Dataset]) -> None:
    """Raises UsageError, ConflictError or HostError for an unusable dataset or mount point."""
    top = there.get(layout.dataset)
    if top is not None and top.kind != "filesystem":
        raise UsageError(f"{top.name} is a {top.kind}", "name a file system, or a new one")
    check_mountpoint(session, layout, there)
    if top is None:
        return
    if f"{top.name}/guests" not in there and session.host.fs.listdir(layout.mountpoint):
        raise ConflictError(
            f"{top.name} exists and contains data that is not bsdvirt's",
            f"choose another, such as {top.name}/bsdvirt",
        )


def _check_strange(session: Session, layout: Layout, there: Mapping[str, Dataset]) -> None:
    """Check a dataset that comes from elsewhere before anything in it is trusted. Raises
    HostError if users other than root may have written there, ConflictError for journals:
    they would be run as root and may be another host's."""
    fs = session.host.fs
    for child in CLOSED:
        dataset, place = f"{layout.dataset}/{child}", f"{layout.mountpoint}/{child}"
        one = there.get(dataset)
        if one is None:
            continue
        if not one.mounted or one.mountpoint != place:
            raise HostError(
                f"{dataset} is not mounted at {place}",
                f"zfs inherit mountpoint {dataset}, then zfs mount {dataset}",
            )
        if why := why_not_private(fs, place):
            raise HostError(
                f"{place} {why}",
                f"check its contents, then chown root:wheel {place} and chmod 0700 {place}",
            )
    if found := subjects(fs, layout.state):
        raise ConflictError(
            f"{layout.state} has journals of operations cut short: {found[0][2]}",
            f"on the host that wrote them, bsdvirt doctor --repair; or rm {layout.state}/*",
        )


def _refuse_clashes(
    session: Session, ours: Inventory, layout: Layout, there: Mapping[str, Dataset]
) -> None:
    """Raises ConflictError for names, ids and addresses that guests on other pools have."""
    ids = {guest.identity.id: name for name, guest in ours.guests.items()}
    addresses = {a: name for name, g in ours.guests.items() for a in g.identity.addresses()}
    for name, guest in inventory(layout, there.values(), host=session.host_id).guests.items():
        if name in ours.guests:
            raise ConflictError(
                f"{guest.dataset}: {ours.home(name).dataset} has a guest {name} already",
                f"bsdvirt rename {name} NEWNAME",
            )
        if (other := ids.get(guest.identity.id)) is not None:
            raise ConflictError(
                f"{guest.dataset} has the id {guest.identity.id}, which {other} has",
                "it comes from another host, or was created while this pool was not listed:"
                f" destroy {other}, and create it again after the pool is added",
            )
        for address in guest.identity.addresses():
            if address in addresses:
                raise ConflictError(
                    f"{guest.dataset} has the address {address}, which {addresses[address]} has",
                    f"give {addresses[address]} another: bsdvirt set {addresses[address]}"
                    " nics.0.address=…",
                )


class RemovePool(Struct, frozen=True):
    """Remove a pool from the list: delete its file, keep its dataset."""

    word: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError, ConflictError while guests are on it."""
        # An unfinished removal may have deleted the file already.
        session.settle("pool", self.word, f"pool rm {self.word}")
        name = _name(session, self.word)
        with session.locked("pool", name, f"pool rm {name}", destroying=True):
            session.forget_pools()
            yield Prepared(session, [_remove(session, name)])


def _remove(session: Session, name: str) -> Task:
    found = session.inventory()
    layout = session.pools.named(name)
    path = pool_file(name)
    notes: tuple[str, ...] = ()
    if layout is not None and layout in found.others:
        _refuse_used(session, found, layout)
        notes = (f"{layout.dataset} is kept, with the releases and images in it; zfs destroy -r"
                 f" {layout.dataset} destroys it for good",)  # fmt: skip
    elif layout is not None:
        notes = (f"{layout.dataset} does not exist now; bsdvirt pool add {layout.dataset} lists it"
                 " again once it is there",)  # fmt: skip
    # Without an undo: the contents of the file may be unreadable.
    gone = Step(RemoveFile(path), f"file {path}", durable=True)
    plan = Plan("remove pool", name, "pool", finish=(gone,), op=session.new_op())

    def done() -> None:
        session.supersede("pool", name)
        session.forget_pools()

    return Task(name, (Part(plan),), "removed", notes, after=done)


def _name(session: Session, word: str) -> str:
    """Return the name of the pool's file. Raises NotFoundError, UsageError."""
    if any(one.name == word for one in session.pools.broken):
        return word
    layout = session.pool(word)
    if not layout.named:
        raise UsageError(
            f"{word} is the first pool, which the host file names", "name another pool"
        )
    return layout.named


def _refuse_used(session: Session, found: Inventory, layout: Layout) -> None:
    every = (*found.guests, *found.foreign)
    guests = [name for name in every if found.home(name) == layout]
    strays = [
        stray.name for stray, _ in found.strays if stray.name.startswith(f"{layout.dataset}/")
    ]
    if guests or strays:
        raise ConflictError(
            f"pool {layout.name} has {', '.join([*sorted(guests), *strays])}",
            "bsdvirt destroy them first; bsdvirt doctor lists the rest",
        )
    for kind, name, path in session.journals():
        if path.startswith(f"{layout.state}/") and kind != "pool":
            busy = "is under way" if is_held(session.host.fs, kind, name) else "was cut short"
            raise ConflictError(f"an operation {busy}: {path}", "bsdvirt doctor --repair")


def entries(session: Session, found: Inventory | None = None) -> list[PoolRow]:
    """Return a row for each pool, the host file's own first; then the broken ones."""
    found = found or session.inventory()
    absent = {one.name: one for one in found.absent}
    rows = []
    for layout in session.pools.layouts:
        top = found.top(layout) if layout in found.layouts else None
        rows.append(
            PoolRow(
                name=layout.name,
                dataset=layout.dataset,
                mountpoint=layout.mountpoint,
                state=_state(top),
                first=not layout.named,
                guests=sorted(n for n, g in found.guests.items() if g.layout == layout),
                used=top.used if top else None,
                available=top.available if top else None,
                why=absent[layout.name].why if layout.name in absent else "",
            )
        )
    known = {row.name for row in rows}
    return rows + [
        PoolRow(
            name=one.name, dataset=None, mountpoint=None, state="broken", first=False, guests=[],
            used=None, available=None, why=one.why,
        )
        for one in found.absent
        if one.name not in known
    ]  # fmt: skip


def _state(top: Dataset | None) -> str:
    if top is None:
        return "absent"
    if top.locked:
        return "locked"
    return "mounted" if top.mounted else "unmounted"
