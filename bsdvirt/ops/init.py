"""`bsdvirt init`: datasets, host file, a private network, rc.conf. Asks nothing, and makes only
what is missing."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from msgspec import Struct

from bsdvirt.bhyve.volumes import IN_DEV_MODE
from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.sysctl import read_sysrc
from bsdvirt.host import tools
from bsdvirt.host.fs import others_may_enter
from bsdvirt.layout import CHILDREN, HOST_FILE, LOG_DIRECTORY, RUN_DIRECTORY, Layout
from bsdvirt.net.address import free_subnet
from bsdvirt.ops.network.networks import CreateNetwork
from bsdvirt.ops.network.up import plan_networks_up
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.plan.step import (
    Command,
    DatasetOwned,
    MakeDirectory,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.load import decode, dump
from bsdvirt.zfs import Dataset

RCVAR = "bsdvirt_enable"
PRIVATE = "private"
DOCTOR = "bsdvirt doctor --repair"
STATE_ROOM = 64 << 20
"""Bytes reserved for the journal, for a pool that is full. ZFS asks for far more room than it
takes: 24 times the largest microzap of 128 KiB for each directory entry, until the next transaction
group (dmu_tx_hold_zap_impl() in dmu_tx.c, spa_asize_inflation)."""
OPTIONS = {
    "images": IN_DEV_MODE,
    "state": ("-o", f"refreservation={STATE_ROOM}"),
}
"""Options of the datasets of a pool."""
CLOSED = ("guests", "state", "releases", "images")
"""Datasets that only root may enter: an old release has set-user-ID programs with known faults."""

HEAD = """\
# The host, for bsdvirt: see bsdvirt.yaml(5), or bsdvirt properties host.
# This file is yours: bsdvirt writes it once, and never again unasked.
"""


class Init(Struct, frozen=True):
    """Set up the host, as far as necessary."""

    pool: str
    dataset: str | None = None
    mountpoint: str | None = None
    nat: bool = True
    """Whether guests of the private network reach other networks through the host's address."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """One task, with a note for each step."""
        hostfile, fresh = _hostfile(session, self)
        op = session.new_op()
        datasets = existing(session, str(hostfile.dataset))
        check_mountpoint(session, _layout(hostfile), datasets)
        steps, marked = dataset_steps(str(hostfile.dataset), str(hostfile.mountpoint), datasets, op)
        plan = Plan("init", str(hostfile.dataset), "host", op=op, reason="all is there",
                    steps=(*steps,
                           *(close(place) for place in still_open(session, _layout(hostfile))),
                           *directory_steps(session, DIRECTORIES),
                           *(_file_steps(hostfile) if fresh else ()),
                           *_rc_steps(session)),
                    finish=(unmark(marked),) if marked else ())  # fmt: skip
        session.use(hostfile)
        with contextlib.ExitStack() as stack:
            parts, made = _network(session, stack, self.nat)
            parts = (Part(plan, journalled=False), *parts)
            notes = (*(step.why for step in plan.steps), *made)
            explain = partial(_explained, session, self)
            yield Prepared(session, [Task("host", parts, "set up", notes, explain=explain)])

    @property
    def command(self) -> str:
        """The command that asks for this."""
        words = ["bsdvirt", "init", "--pool", self.pool]
        words += ["--dataset", self.dataset] if self.dataset else []
        words += ["--mountpoint", self.mountpoint] if self.mountpoint else []
        return shlex.join(words if self.nat else [*words, "--no-nat"])


def _explained(session: Session, wanted: Init, error: BsdvirtError) -> BsdvirtError:
    """Without its file the host is not set up, and there is nothing that doctor could repair: init
    continues with what is left."""
    if not session.host.fs.exists(HOST_FILE):
        again = f"{wanted.command}, once that is corrected"
        error.hint = error.hint.replace(DOCTOR, again) or again
    return error


def _hostfile(session: Session, wish: Init) -> tuple[HostFile, bool]:
    """Return the host file that exists, or the one to write; and whether it is new."""
    dataset = wish.dataset or f"{wish.pool}/bsdvirt"
    if session.host.fs.exists(HOST_FILE):
        hostfile = session.hostfile
        if wish.pool != str(hostfile.dataset).split("/")[0] or (
            wish.dataset and wish.dataset != hostfile.dataset
        ):
            raise ConflictError(
                f"this host is set up already, with {hostfile.dataset}",
                f"{HOST_FILE} names it; change it there to move it",
            )
        return hostfile, False
    if dataset.split("/")[0] != wish.pool:
        raise ConflictError(
            f"{dataset} is not in pool {wish.pool}", "--dataset names a dataset of POOL"
        )
    settings = {"dataset": dataset, "mountpoint": wish.mountpoint or "/bsdvirt"}
    return decode(HostFile, settings, "init"), True


def existing(session: Session, dataset: str) -> dict[str, Dataset]:
    """Return a dataset and those below it that exist. Raises NotFoundError without its zpool."""
    pools = {pool.name for pool in session.zfs.pools()}
    wanted = dataset.split("/")[0]
    if wanted not in pools:
        known = ", ".join(sorted(pools)) or "none"
        raise NotFoundError(f"no pool {wanted}; available: {known}", "zpool import, or zpool list")
    try:
        return {one.name: one for one in session.zfs.datasets(dataset)}
    except NotFoundError:
        return {}


def check_mountpoint(session: Session, layout: Layout, there: Mapping[str, Dataset]) -> None:
    """Raises ConflictError or HostError for a mount point that the pool cannot have."""
    top = there.get(layout.dataset)
    if top is None:
        if session.host.fs.listdir(layout.mountpoint):
            raise ConflictError(
                f"the directory {layout.mountpoint} is not empty",
                "choose another with --mountpoint",
            )
        return
    if top.mountpoint != layout.mountpoint:
        raise ConflictError(
            f"{top.name} exists already, mounted at {top.mountpoint}",
            f"use --mountpoint {top.mountpoint}" if top.mountpoint else "zfs set mountpoint=…",
        )
    if not top.mounted:
        raise HostError(f"{top.name} is not mounted", f"zfs mount {top.name}")


def _layout(hostfile: HostFile) -> Layout:
    return Layout(str(hostfile.dataset), str(hostfile.mountpoint))


def dataset_steps(
    top: str, mountpoint: str, found: Mapping[str, Dataset], op: str
) -> tuple[list[Step], list[str]]:
    """Create the dataset of a pool and those below it that are not `found`. Return the steps, and
    the datasets whose mark is to be cleared at the end."""
    depth = top.count("/") + 1
    steps: list[Step] = []
    if top not in found:
        place = f"mountpoint={mountpoint}"
        # Parents may have exec=off or setuid=off, which must not apply to jails.
        options = (
            place, "compression=lz4", "atime=off", "canmount=on", "exec=on", "setuid=on",
        )  # fmt: skip
        parents = ("-p",) if top.count("/") > 1 else ()
        steps.append(_create(top, op, *parents, *(w for o in options for w in ("-o", o))))
    for child in CHILDREN:
        dataset, directory = f"{top}/{child}", f"{mountpoint}/{child}"
        if dataset not in found:
            steps.append(_create(dataset, op, *OPTIONS.get(child, ())))
            if child in CLOSED:
                steps.append(close(directory))
    made = [step.do.argv[-1] for step in steps if step.undo and isinstance(step.do, Command)]
    left = [name for name, dataset in found.items() if dataset.op and name.count("/") <= depth]
    return steps, made + left


def close(directory: str) -> Step:
    """Let only root enter a directory."""
    return Step(
        Command((tools.CHMOD, "0700", directory)), f"close {directory} to others", durable=True
    )


def still_open(session: Session, layout: Layout) -> list[str]:
    """Return the directories that others can enter, and should not."""
    places = [f"{layout.mountpoint}/{child}" for child in CLOSED]
    return [place for place in places if others_may_enter(session.host.fs, place)]


def _create(dataset: str, op: str, *options: str) -> Step:
    return Step(
        Command((tools.ZFS, "create", *options, "-o", f"{OP_PROPERTY}={op}", dataset)),
        f"dataset {dataset}",
        undo=(Undo(Command((tools.ZFS, "destroy", dataset)), DatasetOwned(dataset, op), 5.0),),
        durable=True,
    )


def unmark(datasets: list[str]) -> Step:
    """Clear the mark of datasets that are complete."""
    return Step(
        Command((tools.ZFS, "inherit", OP_PROPERTY, *datasets)),
        "they no longer belong to an operation",
        durable=True,
    )


DIRECTORIES = (
    (RUN_DIRECTORY, 0o700), (LOG_DIRECTORY, 0o750), (HOST_FILE.rpartition("/")[0], 0o755),
)  # fmt: skip


def directory_steps(session: Session, wanted: Iterable[tuple[str, int]]) -> list[Step]:
    """Make the directories that do not exist, each with its mode."""
    return [
        Step(MakeDirectory(path, mode), f"directory {path}", durable=True)
        for path, mode in wanted
        if not session.host.fs.is_dir(path)
    ]


def _file_steps(hostfile: HostFile) -> list[Step]:
    return [
        Step(
            WriteFile(HOST_FILE, HEAD + dump(hostfile)),
            f"host file {HOST_FILE}",
            undo=(Undo(RemoveFile(HOST_FILE)),),
            durable=True,
        )
    ]


def _rc_steps(session: Session) -> list[Step]:
    if read_sysrc(session.host, RCVAR).get(RCVAR):
        return []
    return [
        Step(
            Command((tools.SYSRC, f"{RCVAR}=YES")),
            f"{RCVAR}=YES in rc.conf",
            undo=(Undo(Command((tools.SYSRC, "-x", RCVAR), ok=(0, 1))),),
            durable=True,
        )
    ]


def _network(
    session: Session, stack: contextlib.ExitStack, nat: bool
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Plan a private network if there is no network, its guests behind the host's address (`nat`);
    else bring up those that there are. The locks are held until `stack` is closed."""
    for name in session.pending("network"):
        session.settle("network", name, "init")
    networks = session.networks()
    if networks or networks.broken:
        return _parts(plan_networks_up(session, stack, networks, networks)), ()
    used = [a for i in read_interfaces(session.host).values() for a in i.addresses]
    subnet = free_subnet(used)
    settings = {
        "addresses": [f"{subnet[1]}/{subnet.prefixlen}"],
        "pools": [f"{subnet[2]}-{subnet[254]}"],
        "description": "made by bsdvirt init",
        "nat": nat,
    }
    tasks = stack.enter_context(CreateNetwork(PRIVATE, settings).prepare(session)).tasks
    made = f"network {PRIVATE}, {subnet}, the host is {subnet[1]}"
    return _parts(tasks), (made, *(note for task in tasks for note in task.notes))


def _parts(tasks: Iterable[Task]) -> tuple[Part, ...]:
    """Return the parts of all tasks. Raises the first error."""
    parts: list[Part] = []
    for task in tasks:
        if task.error is not None:
            raise task.error
        parts += task.parts
    return tuple(parts)
