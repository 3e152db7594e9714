"""The journal on a disk that fails it: records cut short, no room, a commit in doubt."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import HostError, StepError
from bsdvirt.plan import events, execute, journal, pending
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.journal import Entry
from bsdvirt.plan.recover import recover
from bsdvirt.plan.step import Command, Plan, Step, Undo

STATE = "/state"


class Disk:
    """os(3) for the journal: a write that is short, or has no room; an fsync that fails."""

    def __init__(
        self, short: int = 0, full_from: int = 0, bad_sync: int = 0, truncates: bool = True
    ) -> None:
        self.short, self.full_from, self.bad_sync = short, full_from, bad_sync
        self.truncates = truncates
        self.writes = self.syncs = 0

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, descriptor: int, data: bytes) -> int:
        self.writes += 1
        if self.full_from and self.writes >= self.full_from:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data[: len(data) // 2] if self.writes == self.short else data)

    def fsync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.syncs == self.bad_sync:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def ftruncate(self, descriptor: int, size: int) -> None:
        if not self.truncates:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.ftruncate(descriptor, size)


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    (tmp_path / "state").mkdir()
    return FakeHost(tmp_path)


def step(name: str) -> Step:
    return Step(Command(("do", name)), name, (Undo(Command(("undo", name))),), durable=True)


PLAN = Plan("set", "web", steps=(step("a"), step("b")), finish=(step("c"),), op="x")
STOP = Plan("stop", "web", steps=(step("a"),), finish=(step("c"),), op="x", must_journal=False)


def left(host: FakeHost) -> Entry | None:
    found = [journal.read(host.fs, path) for _, _, path in pending.subjects(host.fs, STATE)]
    return found[0] if found else None


def die_at(host: FakeHost, words: str) -> None:
    def before(ran: str) -> None:
        if ran == words:
            raise Killed

    host.before = before


def run(host: FakeHost, plan: Plan, seen: list[events.Event] | None = None) -> None:
    Executor(host, STATE, (seen if seen is not None else []).append).run(plan)


def killed_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*args: object) -> list[StepError]:
        raise Killed

    monkeypatch.setattr(execute, "take_back", die)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_short_write_is_carried_on(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(journal, "os", Disk(short=number))
    killed_undo(monkeypatch)
    die_at(host, "do b")
    with pytest.raises(Killed):
        run(host, PLAN)
    entry = left(host)
    assert entry is not None
    assert entry.begun == {0, 1}
    assert entry.done == {0}


def test_a_record_that_was_cut_short_spoils_no_other(host: FakeHost) -> None:
    path = f"{STATE}/guest.web.x.journal"
    written = journal.Journal.open(host.fs, STATE, PLAN, "b", host.uuid)
    host.fs.append(path, '\n{"beg')
    written.begin(1, PLAN.steps[1])
    written.leave()
    entry = left(host)
    assert entry is not None
    assert entry.begun == {1}


def test_a_commit_in_doubt_is_cut_off_before_anything_is_undone(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    # begin a, begin b, commit
    monkeypatch.setattr(journal, "os", Disk(bad_sync=3))
    killed_undo(monkeypatch)
    with pytest.raises(Killed):
        run(host, PLAN)
    entry = left(host)
    assert entry is not None
    assert not entry.committed
    recover(host, entry, lambda do, why: None)
    assert host.ran == ["do a", "do b", "undo b", "undo a"]
    assert left(host) is None


def test_a_commit_that_cannot_be_cut_off_is_left_to_recovery(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "os", Disk(bad_sync=3, truncates=False))
    with pytest.raises(StepError, match="cannot be written"):
        run(host, PLAN)
    assert host.ran == ["do a", "do b"]
    entry = left(host)
    assert entry is not None
    recover(host, entry, lambda do, why: None)
    assert host.ran[2:] == ["do c"]


@pytest.mark.parametrize("number", range(1, 7))
def test_what_need_not_be_journalled_goes_on_without_room(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(journal, "os", Disk(full_from=number))
    seen: list[events.Event] = []
    run(host, STOP, seen)
    assert host.ran == ["do a", "do c"]
    assert left(host) is None
    warned = [event for event in seen if isinstance(event, events.Warned)]
    assert len(warned) == (1 if number < 6 else 0)


def test_what_fails_without_room_is_undone(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "os", Disk(full_from=2))
    host.fails["do a"] = [(1, "no")]
    with pytest.raises(StepError, match="no"):
        run(host, STOP)
    assert host.ran == ["do a", "undo a"]


def test_without_room_what_must_be_journalled_is_undone(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "os", Disk(full_from=3))
    with pytest.raises(StepError, match="No space left"):
        run(host, PLAN)
    assert host.ran == ["do a", "undo b", "undo a"]
    assert left(host) is None


def test_behind_the_commit_no_record_is_needed(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "os", Disk(full_from=6))
    run(host, PLAN)
    assert host.ran == ["do a", "do b", "do c"]
    assert left(host) is None


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o666), "others can write"),
        (lambda path: path.rename(path.with_name("guest.db.x.journal")), "another object"),
        (lambda path: path.write_bytes(b"\xff" * 9), "not a journal"),
        (lambda path: path.write_bytes(b"[" * 99999), "not a journal"),
        (lambda path: os.truncate(path, journal.JOURNAL_LIMIT + 1), "too large"),
        (link, "guest.web.x.journal"),
        (pipe, "not a regular file of this user"),
    ],
)
def test_what_is_no_journal_of_ours_is_not_read(host: FakeHost, spoil: object, words: str) -> None:
    journal.Journal.open(host.fs, STATE, PLAN, "b", host.uuid).leave()
    spoil(host.fs.path(f"{STATE}/guest.web.x.journal"))  # type: ignore[operator]
    with pytest.raises(HostError, match=words):
        left(host)


def test_records_of_steps_that_are_not_there_are_nothing(host: FakeHost) -> None:
    journal.Journal.open(host.fs, STATE, PLAN, "b", host.uuid).leave()
    host.fs.append(f"{STATE}/guest.web.x.journal", '\n{"begun":77}\n{"done":-1}')
    entry = left(host)
    assert entry is not None
    assert entry.begun_steps() == entry.under_way() == []


def test_the_journal_of_a_pool_has_an_older_name_too(host: FakeHost) -> None:
    host.fs.write(f"{STATE}/root.tank2.{'0' * 32}{pending.SUFFIX}", "{}\n")
    host.fs.write(f"{STATE}/pool.tank3.{'0' * 32}{pending.SUFFIX}", "{}\n")
    found = {(kind, name) for kind, name, _ in pending.subjects(host.fs, STATE)}
    assert found == {("pool", "tank2"), ("pool", "tank3")}
