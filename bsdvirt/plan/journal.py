"""The journal: what an operation will do, written before it does it.

Each operation has one file, in the pool's state directory: a header with the whole plan, then
records. Each record begins with a line feed, so that a truncated one does not damage the next. The
file is deleted when the operation has ended: a file that exists belongs to an operation in
progress, whose owner holds the lock, or to an unfinished one. It is run only on the host that wrote
it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time

import msgspec
from msgspec import Struct, field

from bsdvirt.errors import HostError, StepError
from bsdvirt.host.fs import Fs
from bsdvirt.plan.pending import SUFFIX
from bsdvirt.plan.step import Plan, Step

JOURNAL_LIMIT = 64 << 20
"""In bytes: a header contains the files that the plan writes, and undos contain the previous
files."""
ASIDE = ".aside"
"""Suffix of a journal that was set aside: kept, but never run."""


class Header(msgspec.Struct, frozen=True):
    plan: Plan
    boot: str
    pid: int
    host: str = ""
    """kern.hostuuid of the host that wrote it, the only one that runs it."""
    began: float = 0.0
    """Seconds since the epoch."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record; `begun` and `done` number the steps, then those of finish."""

    begun: int | None = None
    done: int | None = None
    committed: bool = False
    ended: bool = False
    """The operation has ended: only the names of the file remain to be removed."""


class CommitUnknownError(StepError):
    """It is unknown whether the commit record is on disk: recovery decides by what it reads."""


# Made once, here: msgspec's first look at a type is not safe in several threads.
_HEADER = msgspec.json.Decoder(Header)
_RECORD = msgspec.json.Decoder(Record)


class Entry(Struct):
    """The contents of a journal."""

    path: str
    header: Header
    begun: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    committed: bool = False
    ended: bool = False

    @property
    def plan(self) -> Plan:
        return self.header.plan

    def begun_steps(self) -> list[Step]:
        """The steps that were started, in order."""
        return self._steps(self.begun)

    def under_way(self) -> list[Step]:
        """The started steps that are not recorded as done."""
        return self._steps(self.begun - self.done)

    def _steps(self, indices: set[int]) -> list[Step]:
        every = (*self.plan.steps, *self.plan.finish)
        return [every[index] for index in sorted(indices)]


class Journal:
    """The journal of an operation of this process."""

    def __init__(self, fs: Fs, paths: list[str], descriptor: int, durable: bool) -> None:
        self._fs = fs
        self._path = paths[0]
        self._paths = paths
        self._descriptor = descriptor
        self._durable = durable
        self.begun: list[int] = []

    @classmethod
    def open(cls, fs: Fs, directory: str, plan: Plan, boot: str, host: str = "") -> Journal:
        """Write the header, and sync it if any step is durable. `host` is the uuid of this host.
        Raises HostError if it cannot be written."""
        durable = any(step.durable for step in (*plan.steps, *plan.finish))
        paths = [f"{directory}/{name}" for name in file_names(plan)]
        path = paths[0]
        # The values of properties are subclasses of str: written as what they are.
        header = msgspec.json.encode(
            Header(plan, boot, os.getpid(), host, time.time()), enc_hook=str
        ).decode()
        try:
            fs.write(path, header + "\n", 0o600, sync=durable)
            for other in paths[1:]:
                fs.link(path, other)
            if durable and len(paths) > 1:
                fs.sync_dir(directory)
            descriptor = os.open(fs.path(path), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(
                f"the journal cannot be written: {path}: {error.strerror}",
                "check that the pool is imported, has space and is not read-only",
            ) from error
        return cls(fs, paths, descriptor, durable)

    def begin(self, index: int, step: Step) -> None:
        self.begun.append(index)
        self._append(Record(begun=index), step.durable)

    def done(self, index: int) -> None:
        self._append(Record(done=index), False)

    def commit(self) -> None:
        """Write the commit record. If it may not be on disk it is truncated again, so that a later
        recovery does not continue what is undone now. Raises StepError; CommitUnknownError if it
        cannot be truncated."""
        before = os.fstat(self._descriptor).st_size
        try:
            self._append(Record(committed=True), self._durable)
        except StepError as error:
            try:
                os.ftruncate(self._descriptor, before)
                os.fsync(self._descriptor)
                self._fs.synced(self._path)
            except OSError:
                raise CommitUnknownError(error.message, "bsdvirt doctor --repair") from error
            raise

    def close(self, *, sync: bool = False) -> None:
        """End the journal of an operation that has nothing to undo or finish. `sync` makes that
        survive a power loss at once."""
        if len(self._paths) > 1:
            # Of several names the first may go, and the power before the last does.
            with contextlib.suppress(StepError):
                self._append(Record(ended=True), self._durable)
        self.give_up()
        if sync and self._durable:
            with contextlib.suppress(OSError):
                self._fs.sync_dir(os.path.dirname(self._path))

    def give_up(self) -> None:
        """Delete the file; nothing more is written."""
        os.close(self._descriptor)
        for path in self._paths:
            with contextlib.suppress(OSError):
                self._fs.unlink(path)

    def leave(self) -> None:
        """Keep the file for a later recovery."""
        os.close(self._descriptor)

    def _append(self, record: Record, sync: bool) -> None:
        data = b"\n" + msgspec.json.encode(record)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            if sync:
                os.fsync(self._descriptor)
                self._fs.synced(self._path)
        except OSError as error:
            raise StepError(
                f"the journal cannot be written: {self._path}: {error.strerror}"
            ) from error


def file_names(plan: Plan) -> list[str]:
    """Return the names of the file: one for each object of the plan, all links to one file."""
    return [f"{plan.kind}.{name}.{plan.op}{SUFFIX}" for name in (plan.subject, *plan.also)]


def drop(fs: Fs, entry: Entry) -> None:
    """Delete a journal under all its names."""
    names = file_names(entry.plan)
    directory = os.path.dirname(entry.path)
    if len(names) > 1 and not entry.ended:
        fs.append(entry.path, "\n" + msgspec.json.encode(Record(ended=True)).decode())
    for name in names:
        fs.unlink(f"{directory}/{name}")


def set_aside(fs: Fs, path: str, entry: Entry | None) -> str:
    """Rename a journal so that it is never run, delete its other names, and return the new name."""
    directory, own = os.path.split(path)
    kept = path.removesuffix(SUFFIX) + ASIDE
    os.replace(fs.path(path), fs.path(kept))
    for name in file_names(entry.plan) if entry else ():
        if name != own:
            fs.unlink(f"{directory}/{name}")
    fs.sync_dir(directory)
    return kept


def aside(fs: Fs, directory: str) -> list[str]:
    """Return the journals that were set aside."""
    return [f"{directory}/{name}" for name in fs.listdir(directory) if name.endswith(ASIDE)]


def read(fs: Fs, path: str) -> Entry | None:
    """Return a journal of another process, or None if it has ended meanwhile. A truncated record
    did not happen: nothing was done after it.

    Raises HostError for a file that is not a journal, or that others than root can write.
    """
    try:
        data = _contents(fs, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "check the file") from error
    head, *lines = data.split(b"\n")
    try:
        entry = Entry(path, _HEADER.decode(head))
    except (msgspec.DecodeError, RecursionError) as error:
        raise HostError(
            f"{path}: not a journal that this bsdvirt can read: {error}",
            f"run the version that wrote it, or bsdvirt doctor --set-aside {path}",
        ) from error
    name = path.rpartition("/")[2]
    own = name.removesuffix(ASIDE) + SUFFIX if name.endswith(ASIDE) else name
    if own not in file_names(entry.plan):
        raise HostError(
            f"{path}: it contains the journal of another object",
            f"bsdvirt doctor --set-aside {path}",
        )
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            _take(entry, _RECORD.decode(line))
    return entry


def _contents(fs: Fs, path: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(fs.path(path), flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise HostError(f"{path}: not a regular file of this user", "check it, and remove it")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise HostError(f"{path}: others can write to it", "check it, and remove it")
        if status.st_size > JOURNAL_LIMIT:
            raise HostError(f"{path}: too large for a journal", "check it, and remove it")
        return stream.read(JOURNAL_LIMIT)


def _take(entry: Entry, record: Record) -> None:
    every = range(len(entry.plan.steps) + len(entry.plan.finish))
    if record.begun is not None and record.begun in every:
        entry.begun.add(record.begun)
    if record.done is not None and record.done in every:
        entry.done.add(record.done)
    entry.committed = entry.committed or record.committed
    entry.ended = entry.ended or record.ended
