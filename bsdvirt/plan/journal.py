"""The journal: what an operation was about to do, written before it does it.

One file an operation, in the pool's state directory: a header with the whole plan,
then a record a line. It is gone when the operation has ended, so what lies there is
under way (its owner holds the lock) or was cut short.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import get_args

import msgspec

from bsdvirt.errors import HostError, StepError
from bsdvirt.host.fs import Fs
from bsdvirt.plan.step import Kind, Plan, Step

SUFFIX = ".journal"
JOURNAL_LIMIT = 64 << 20
"""Bytes: a header holds the files that the plan writes, and an undo what stood there."""


class Header(msgspec.Struct, frozen=True):
    plan: Plan
    boot: str
    pid: int


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`begun` and `done` count through steps, then finish."""

    begun: int | None = None
    done: int | None = None
    committed: bool = False
    ended: bool = False
    """Nothing is left to do: only the file's names are to go."""


# Made once, here: msgspec's first look at a type is not safe in several threads.
_HEADER = msgspec.json.Decoder(Header)
_RECORD = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class Entry:
    """A journal as read back."""

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
        """The steps that were begun, in order."""
        return self._steps(self.begun)

    def under_way(self) -> list[Step]:
        """Those of them that were not seen to end."""
        return self._steps(self.begun - self.done)

    def _steps(self, indices: set[int]) -> list[Step]:
        every = (*self.plan.steps, *self.plan.finish)
        return [every[index] for index in sorted(indices)]


class Journal:
    """The journal of an operation that this process runs."""

    def __init__(self, fs: Fs, paths: list[str], descriptor: int, durable: bool) -> None:
        self._fs = fs
        self._path = paths[0]
        self._paths = paths
        self._descriptor = descriptor
        self._durable = durable
        self.begun: list[int] = []

    @classmethod
    def open(cls, fs: Fs, directory: str, plan: Plan, boot: str) -> Journal:
        """Write the header; durably where any step's effect outlives a reboot.

        Raises HostError where it cannot be written.
        """
        durable = any(step.durable for step in (*plan.steps, *plan.finish))
        paths = [f"{directory}/{name}" for name in file_names(plan)]
        path = paths[0]
        # The values of properties are subclasses of str: written as what they are.
        header = msgspec.json.encode(Header(plan, boot, os.getpid()), enc_hook=str).decode()
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
                "see that the pool is imported, has room and is not read-only",
            ) from error
        return cls(fs, paths, descriptor, durable)

    def begin(self, index: int, step: Step) -> None:
        self.begun.append(index)
        self._append(Record(begun=index), step.durable)

    def done(self, index: int) -> None:
        self._append(Record(done=index), False)

    def commit(self) -> None:
        self._append(Record(committed=True), self._durable)

    def close(self) -> None:
        """The operation has ended: nothing is left to undo or to finish."""
        if len(self._paths) > 1:
            # Of several names the first may go, and the power before the last does.
            self._append(Record(ended=True), self._durable)
        os.close(self._descriptor)
        for path in self._paths:
            self._fs.unlink(path)

    def leave(self) -> None:
        """Keep the file for a later recovery."""
        os.close(self._descriptor)

    def _append(self, record: Record, sync: bool) -> None:
        try:
            os.write(self._descriptor, msgspec.json.encode(record) + b"\n")
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            raise StepError(
                f"the journal cannot be written: {self._path}: {error.strerror}"
            ) from error


def file_names(plan: Plan) -> list[str]:
    """One for each thing that the plan is about: all are names of one file."""
    return [f"{plan.kind}.{name}.{plan.op}{SUFFIX}" for name in (plan.subject, *plan.also)]


def drop(fs: Fs, entry: Entry) -> None:
    """Take a journal away that has served: under all its names."""
    names = file_names(entry.plan)
    directory = os.path.dirname(entry.path)
    if len(names) > 1 and not entry.ended:
        fs.append(entry.path, msgspec.json.encode(Record(ended=True)).decode() + "\n")
    for name in names:
        fs.unlink(f"{directory}/{name}")


def subjects(fs: Fs, directory: str) -> list[tuple[Kind, str, str]]:
    """What has a journal: kind, name, and the file's path. Reads the directory only."""
    found: list[tuple[Kind, str, str]] = []
    for name in fs.listdir(directory):
        kind, _, rest = name.partition(".")
        if name.endswith(SUFFIX) and kind in get_args(Kind):
            subject = rest.removesuffix(SUFFIX).rpartition(".")[0]
            found.append((kind, subject, f"{directory}/{name}"))  # type: ignore[arg-type]
    return found


def read(fs: Fs, path: str) -> Entry | None:
    """A journal of another process; None where it has ended meanwhile. A last line
    that was cut short did not happen."""
    try:
        lines = fs.read_bytes(path, JOURNAL_LIMIT, follow=False).splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "look at the file, then remove it") from error
    try:
        entry = Entry(path, _HEADER.decode(lines[0]))
    except (IndexError, msgspec.DecodeError) as error:
        raise HostError(
            f"{path}: not a journal that this bsdvirt can read: {error}",
            "run the version that wrote it, or remove the file after looking at it",
        ) from error
    for line in lines[1:]:
        with contextlib.suppress(msgspec.DecodeError):
            _take(entry, _RECORD.decode(line))
    return entry


def _take(entry: Entry, record: Record) -> None:
    if record.begun is not None:
        entry.begun.add(record.begun)
    if record.done is not None:
        entry.done.add(record.done)
    entry.committed = entry.committed or record.committed
    entry.ended = entry.ended or record.ended
