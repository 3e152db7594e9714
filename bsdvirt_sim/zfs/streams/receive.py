"""zfs receive (libzfs_sendrecv.c)."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import IO

from bsdvirt_sim.context import Exit, Run, options
from bsdvirt_sim.state import is_inconsistent
from bsdvirt_sim.zfs.datasets import family, open_dataset, pool_of
from bsdvirt_sim.zfs.destroy import remove_dataset
from bsdvirt_sim.zfs.mount import followers, share_mount, unmount_one
from bsdvirt_sim.zfs.numbers import nice_bytes
from bsdvirt_sim.zfs.properties import find_snapshot
from bsdvirt_sim.zfs.streams import kernel, overrides
from bsdvirt_sim.zfs.streams.format import Begin, Damaged, More, Package, Reader, Truncated
from bsdvirt_sim.zfs.streams.kernel import Refused, Request
from bsdvirt_sim.zfs.streams.replication import follow, receive_props
from bsdvirt_sim.zfs.token import token_of

_PLAIN = "cannot receive"
_NEW = "cannot receive new filesystem stream"
_PARTIAL = """checksum mismatch or incomplete stream.
Partially received snapshot is saved.
A resuming stream can be generated on the sending system by running:
    zfs send -t {}"""


def receive(run: Run, words: list[str]) -> int:
    """Run `zfs receive` of a stream from the pipe."""
    run.changes()
    flags, rest = options(run, words, "uvsFAn", "ox")
    if len(rest) != 1 or ("@" in rest[0] and "A" in flags):
        raise run.unknown()
    if "A" in flags:
        return _abort(run, rest[0])
    overrides.check_names(run, flags)
    receiving = _Receiving(run, flags, rest[0], run.data or io.BytesIO())
    status = receiving.all()
    if status == 0:
        receiving.mount()
    return status


def _abort(run: Run, name: str) -> int:
    """Destroy what an interrupted receive left."""
    dataset = open_dataset(run, name)
    if dataset.partial is None:
        raise run.fail(f"'{name}' does not have any resumable receive state to abort")
    if run.state.pools[pool_of(name)].readonly:
        raise run.fail(f"cannot destroy '{name}': pool is read-only")
    if is_inconsistent(dataset):
        remove_dataset(run, name)
    else:
        kernel.forget(run, dataset)
    return 0


@dataclass
class _Given:
    """A snapshot of a stream: what it is, and where it comes from and goes to."""

    begin: Begin
    sendfs: str
    target: str
    package: Package | None

    @property
    def name(self) -> str:
        """The dataset that it is received into."""
        if "@" in self.target:
            return self.target.partition("@")[0]
        return self.target + self.begin.toname.partition("@")[0][len(self.sendfs) :]

    @property
    def snapshot(self) -> str:
        named = self.target if "@" in self.target else self.begin.toname
        return f"{self.name}@{named.partition('@')[2]}"

    @property
    def is_new(self) -> bool:
        """Whether it makes a new dataset, and is not the rest of a stream."""
        return (not self.begin.fromguid or self.begin.clone) and not self.begin.is_resuming

    @property
    def action(self) -> str:
        if self.is_new:
            return _NEW
        kind = "resume" if self.begin.is_resuming else "incremental"
        return f"cannot receive {kind} stream"


@dataclass
class _Receiving:
    """One command."""

    run: Run
    flags: dict[str, list[str]]
    target: str
    stream: IO[bytes]
    top: str = ""
    mounts: bool = False
    closed: list[str] = field(default_factory=list)
    """File systems that are unmounted meanwhile."""

    def __post_init__(self) -> None:
        self.reader = Reader(self.stream)

    def all(self) -> int:
        """Receive everything, and return the status."""
        begin = self._first()
        if begin is None:
            raise self.run.unknown("what receive says of an end alone was never shown")
        if not begin.is_package:
            self._one(_Given(begin, begin.toname.partition("@")[0], self.target, None))
            return 0
        package = self._list(begin)
        if package.recursive and "@" in self.target:
            why = "cannot specify snapshot name for multi-snapshot stream"
            raise self.run.fail(f"{_PLAIN}: {why}")
        following = package.fromsnap is not None and package.recursive and "n" not in self.flags
        if following:
            follow(self.run, self.target, package, "F" in self.flags)
        while (begin := self._first()) is not None:
            self._one(_Given(begin, package.toname.partition("@")[0], self.target, package))
        if following and not follow(self.run, self.target, package, "F" in self.flags):
            return 1
        return 0

    def _first(self) -> Begin | None:
        """Read the beginning of a stream; None at the end of a package."""
        try:
            begin = self.reader.first()
        except Truncated:
            raise self.run.fail(f"{_PLAIN}: failed to read from stream") from None
        except Damaged:
            raise self.run.fail(f"{_PLAIN}: invalid stream (bad magic number)") from None
        if begin is not None and "@" not in begin.toname:
            raise self.run.fail(f"{_PLAIN}: invalid stream (bad snapshot name)")
        return begin

    def _list(self, begin: Begin) -> Package:
        """Read the list of a package."""
        try:
            package: Package = self.reader.more(Package | None) or Package(begin.toname, [])
            self.reader.end()
        except Truncated:
            self.run.warn(f"{_PLAIN}: failed to read from stream")
            raise self.run.fail(f"{_PLAIN}: invalid backup stream") from None
        except Damaged:
            raise self.run.fail(f"{_PLAIN}: incorrect header checksum") from None
        return package

    def _one(self, given: _Given) -> None:
        """Receive one snapshot (zfs_receive_one)."""
        run, begin, name = self.run, given.begin, given.name
        began = time.monotonic()
        origin = self._origin(given) if begin.clone and not begin.is_resuming else ""
        dataset = run.dataset(name)
        fresh = dataset is None or (begin.is_resuming and is_inconsistent(dataset))
        if dataset is None:
            self._check_parent(given)
        else:
            self._check_existing(given)
        if "v" in self.flags:
            verb = "would receive" if "n" in self.flags else "receiving"
            kind = "incremental" if begin.fromguid else "full"
            run.print(f"{verb} {kind} stream of {begin.toname} into {given.snapshot}")
        self.top = self.top or name
        props = overrides.of(
            run, self.flags, name, begin, given.package, given.action, top=name == self.top
        )
        if "n" in self.flags:
            self._skip()
            return
        moved = self.reader.moved
        request = Request(
            begin, More(), given.snapshot, origin, "F" in self.flags, "s" in self.flags, props
        )
        try:
            kernel.receive(run, request, self.reader)
        except Refused as error:
            self._refused(given, error.code, fresh)
        else:
            snap = find_snapshot(run.state, given.snapshot)
            if snap is not None and given.package is not None:
                receive_props(snap, overrides.of_snapshot(given.package, begin.toguid))
        self._open_again()
        packaged = given.package is not None and bool(given.package.members)
        if begin.kind == "filesystem" and (fresh or packaged):
            self.mounts = True
        if "v" in self.flags:
            self._report(self.reader.moved - moved, time.monotonic() - began)

    def _report(self, moved: int, seconds: float) -> None:
        if self.run.release.zfs_receives_in_hundredths:
            shown = max(seconds, 0.01)
            clock = f"{shown:.2f}"
        else:
            shown = max(1, int(seconds))
            clock = str(shown)
        rate = nice_bytes(int(moved / shown))
        self.run.print(f"received {nice_bytes(moved)} stream in {clock} seconds ({rate}/sec)")

    def _origin(self, given: _Given) -> str:
        """Return the snapshot here that a clone is of."""
        for name, dataset in sorted(self.run.state.datasets.items()):
            for snap in dataset.snaps if pool_of(name) == pool_of(given.name) else ():
                if snap.guid == given.begin.fromguid:
                    return f"{name}@{snap.name}"
        raise self.run.fail(f"{_PLAIN}: local origin for clone {given.snapshot} does not exist")

    def _check_parent(self, given: _Given) -> None:
        run, name = self.run, given.name
        parent = name.rpartition("/")[0]
        if not given.is_new or not parent:
            raise run.fail(f"{given.action}: destination '{name}' does not exist")
        holder = run.dataset(parent)
        if holder is None:
            run.warn(f"cannot open '{parent}': dataset does not exist")
            raise run.fail(f"{given.action}: unable to restore to destination")
        if holder.kind != "filesystem":
            raise run.fail(f"{given.action}: parent '{parent}' is not a filesystem")

    def _check_existing(self, given: _Given) -> None:
        run, name, begin = self.run, given.name, given.begin
        dataset = run.state.datasets[name]
        force = "F" in self.flags
        if given.is_new:
            why = ""
            if not force:
                why = f"destination '{name}' exists\nmust specify -F to overwrite it"
            elif dataset.snaps:
                first = f"{name}@{dataset.snaps[0].name}"
                why = f"destination has snapshots (eg. {first})\nmust destroy them to overwrite it"
            elif dataset.origin:
                why = f"destination '{name}' is a clone\nmust destroy it to overwrite it"
            elif begin.is_raw or "encryption" in dataset.props:
                why = (
                    "zfs receive -F cannot be used to destroy an encrypted filesystem or"
                    " overwrite an unencrypted one with an encrypted one"
                )
            if why:
                raise run.fail(f"{_NEW}: {why}")
        elif begin.is_raw and "encryption" not in dataset.props:
            why = "cannot perform raw receive on top of existing unencrypted dataset"
            raise run.fail(f"{given.action}: {why}")
        if (
            begin.is_resuming
            and (not begin.fromguid or begin.clone)
            and not is_inconsistent(dataset)
            and not force
            and run.release.zfs_resumes_with_force
        ):
            raise run.fail(
                f"{given.action}: Resuming recv on existing destination '{name}'\n"
                "must specify -F to overwrite it"
            )
        if dataset.kind == "filesystem" and given.is_new and "n" not in self.flags:
            for other in followers(run, name):
                if not unmount_one(run, other, force=False):
                    raise run.fail_silently()
                self.closed.append(other)

    def _open_again(self) -> None:
        if "u" not in self.flags:
            for name in reversed(self.closed):
                if name in self.run.state.datasets:
                    share_mount(self.run, name, explicit=False)
        self.closed = []

    def _skip(self) -> None:
        try:
            if not self.reader.started:
                self.reader.more(More | None)
            for _ in self.reader.until_end():
                pass
        except (Truncated, Damaged):
            raise self.run.fail(f"{_PLAIN}: failed to read from stream") from None

    def _refused(self, given: _Given, code: str, fresh: bool) -> None:
        """Print the kernel's error, and end the command; but a snapshot that is here already is
        passed over."""
        run, name = self.run, given.name
        dataset = run.dataset(name)
        if code in ("ENOENT", "EEXIST") and dataset is not None:
            members = [run.state.datasets[member] for member in family(run, name)]
            guids = {snap.guid for member in members for snap in member.snaps}
            if given.begin.toguid in guids:
                if "v" in self.flags:
                    run.print(f"snap {given.snapshot} already exists; ignoring")
                self._skip()
                return
        self._open_again()
        action, why = given.action, _WORDS.get(code, "")
        match code:
            case "ENODEV":
                why = f"most recent snapshot of {name} does not\nmatch incremental source"
            case "ETXTBSY":
                why = f"destination {name} has been modified\nsince most recent snapshot"
            case "EEXIST":
                action = f"cannot restore to {name if fresh else given.snapshot}"
            case "EINVAL" if "s" in self.flags:
                why = "kernel modules must be upgraded to receive this stream."
            case "EBUSY" if dataset is not None and dataset.partial is not None:
                why = f'destination {name} contains partially-complete state from "zfs receive -s".'
            case "TRUNCATED" | "ECKSUM" if "s" in self.flags and dataset is not None:
                if dataset.partial is not None:
                    why = _PARTIAL.format(token_of(dataset.partial))
        run.warn(f"{action}: {why}")
        raise Exit(1)

    def mount(self) -> None:
        """Mount what was received."""
        if "u" in self.flags or not self.mounts:
            return
        for name in family(self.run, self.top):
            if not self.run.state.datasets[name].mounted:
                share_mount(self.run, name, explicit=False)


_WORDS = {
    "EROFS": "pool is read-only",
    "ENOSPC": "out of space",
    "EACCES": "inherited key must be loaded",
    "EEXIST": "destination already exists",
    "ENOENT": "dataset does not exist",
    "EBUSY": "dataset is busy",
    "EINVAL": "invalid backup stream",
    "TRUNCATED": "incomplete stream",
    "ECKSUM": "checksum mismatch",
}
