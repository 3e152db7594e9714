"""After a crash: what is read of a journal, and what is undone or finished of it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import HostError, StepError
from bsdvirt.host import tools
from bsdvirt.host.base import DEFAULT_TIMEOUT, LineSink, Result
from bsdvirt.host.fs import Fs
from bsdvirt.plan import journal, pending
from bsdvirt.plan import recover as recovery
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.fault import Faults
from bsdvirt.plan.journal import Entry, Journal
from bsdvirt.plan.recover import recover
from bsdvirt.plan.step import (
    Action,
    Command,
    FileExists,
    MakeDirectory,
    Plan,
    RemoveFile,
    RemoveTree,
    Step,
    Undo,
    WriteFile,
)

STATE = "/state"


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "state").mkdir()
    return Fs(tmp_path)


@pytest.fixture
def host(fs: Fs) -> FakeHost:
    return FakeHost(fs.prefix)


def ignore(action: Action, error: str) -> None:
    pass


def durable(name: str) -> Step:
    return Step(Command(("do", name)), "", (Undo(Command(("undo", name))),), durable=True)


def volatile(name: str) -> Step:
    return Step(Command(("do", name)), "", (Undo(Command(("undo", name))),))


def cut_short(
    fs: Fs, plan: Plan, begun: int, done: int, *, committed: bool = False, boot: str = "boot one"
) -> Entry:
    """The journal of a plan of which that many steps were begun, and done."""
    written = Journal.open(fs, STATE, plan, boot)
    every = (*plan.steps, *plan.finish)
    for index in range(begun):
        if committed and index == len(plan.steps):
            written.commit()
        written.begin(index, every[index])
        if index < done:
            written.done(index)
    if committed and begun <= len(plan.steps):
        written.commit()
    written.leave()
    ((_, _, path),) = pending.subjects(fs, STATE)
    entry = journal.read(fs, path)
    assert entry is not None
    return entry


# ---- killed for real at each point ----


def _files(fs: Fs) -> dict[str, str]:
    return {
        str(path.relative_to(fs.prefix)): path.read_text()
        for path in sorted(fs.prefix.rglob("*"))
        if path.is_file()
    }


PLAN = Plan(
    "try",
    "web",
    steps=(
        Step(MakeDirectory("/new"), "", (Undo(RemoveTree("/new")),), durable=True),
        Step(WriteFile("/new/a", "a\n"), "", (Undo(RemoveFile("/new/a")),)),
        Step(
            WriteFile("/config", "after\n"), "", (Undo(WriteFile("/config", "before\n")),),
            durable=True,
        ),
    ),
    finish=(
        Step(RemoveFile("/old"), "", durable=True),
        Step(WriteFile("/note", "done\n"), ""),
    ),
    op="op1",
)  # fmt: skip
STEPS = len(PLAN.steps) + 1 + len(PLAN.finish)
COMMIT = len(PLAN.steps) + 1


def _killed(host: FakeHost, fault: str) -> None:
    """Run the plan in a child process, which is killed at the fault."""
    child = os.fork()
    if child == 0:
        try:
            Executor(host, STATE, faults=Faults(fault)).run(PLAN)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


@pytest.mark.parametrize("number", range(1, STEPS + 1))
@pytest.mark.parametrize("when", ["kill-before", "kill-after"])
def test_killed_anywhere_all_or_nothing_is_left(host: FakeHost, when: str, number: int) -> None:
    fs = host.fs
    fs.write("/config", "before\n")
    fs.write("/old", "old\n")
    before = _files(fs)
    _killed(host, f"{when}:{number}")
    ((kind, name, path),) = pending.subjects(fs, STATE)
    assert (kind, name) == ("guest", "web")
    entry = journal.read(fs, path)
    assert entry is not None
    recover(host, entry, ignore)
    committed = number > COMMIT or (number == COMMIT and when == "kill-after")
    after = {"config": "after\n", "new/a": "a\n", "note": "done\n"}
    assert _files(fs) == (after if committed else before)
    assert fs.exists("/new") == committed


# ---- the rules, one by one ----


def test_only_what_was_begun_is_undone_last_first(host: FakeHost) -> None:
    plan = Plan("try", "web", steps=tuple(map(durable, "abcd")), op="op1")
    recover(host, cut_short(host.fs, plan, begun=3, done=2), ignore)
    assert host.ran == ["undo c", "undo b", "undo a"]
    assert pending.subjects(host.fs, STATE) == []


def test_nothing_was_begun(host: FakeHost) -> None:
    plan = Plan("try", "web", steps=(durable("a"),), finish=(durable("b"),), op="op1")
    recover(host, cut_short(host.fs, plan, begun=0, done=0), ignore)
    assert host.ran == []
    assert host.fs.listdir(STATE) == []


def test_committed_only_what_is_left_is_done(host: FakeHost) -> None:
    plan = Plan("try", "web", steps=(durable("a"),), finish=tuple(map(durable, "bcd")), op="op1")
    recover(host, cut_short(host.fs, plan, begun=3, done=2, committed=True), ignore)
    assert host.ran == ["do c", "do d"]
    assert host.fs.listdir(STATE) == []


def test_after_another_boot_what_was_volatile_is_gone_and_not_undone(host: FakeHost) -> None:
    plan = Plan("try", "web", steps=(durable("a"), volatile("b"), durable("c")), op="op1")
    recover(host, cut_short(host.fs, plan, 3, 3, boot="boot zero"), ignore)
    assert host.ran == ["undo c", "undo a"]


def test_in_the_same_boot_what_is_volatile_is_undone(host: FakeHost) -> None:
    plan = Plan("try", "web", steps=(durable("a"), volatile("b")), op="op1")
    recover(host, cut_short(host.fs, plan, 2, 2), ignore)
    assert host.ran == ["undo b", "undo a"]


def test_after_another_boot_a_volatile_finish_is_not_owed(host: FakeHost) -> None:
    plan = Plan("stop", "web", finish=(volatile("a"), durable("b")), op="op1")
    recover(host, cut_short(host.fs, plan, 0, 0, committed=True, boot="boot zero"), ignore)
    assert host.ran == ["do b"]


def test_recovery_looks_before_it_acts(host: FakeHost) -> None:
    gone = Undo(Command(("undo", "gone")), FileExists("/gone"))
    plan = Plan("try", "web", steps=(Step(Command(("do", "a")), "", (gone,)),), op="op1")
    recover(host, cut_short(host.fs, plan, 1, 0), ignore)
    assert host.ran == []


def test_a_finish_that_is_so_already_is_passed_over(host: FakeHost) -> None:
    host.fs.write("/there", "")
    so = Step(Command(("do", "a")), "", unless=FileExists("/there"))
    plan = Plan("try", "web", finish=(so, volatile("b")), op="op1")
    recover(host, cut_short(host.fs, plan, 0, 0, committed=True), ignore)
    assert host.ran == ["do b"]


def test_a_finish_takes_its_remedy(host: FakeHost) -> None:
    host.fails["do a"] = [(1, "will not\n")]
    step = Step(Command(("do", "a")), "", remedy=(Undo(Command(("force", "a"))),))
    plan = Plan("try", "web", finish=(step,), op="op1")
    recover(host, cut_short(host.fs, plan, 0, 0, committed=True), ignore)
    assert host.ran == ["do a", "force a"]


def test_what_cannot_be_undone_keeps_its_journal_and_all_is_tried(host: FakeHost) -> None:
    host.fails["undo b"] = [(1, "stuck\n")]
    plan = Plan("start", "web", steps=tuple(map(durable, "ab")), op="op1")
    entry = cut_short(host.fs, plan, 2, 2)
    with pytest.raises(StepError) as raised:
        recover(host, entry, ignore)
    assert raised.value.message == (
        "start web, cut short, cannot be undone: undo b: exit status 1: stuck"
    )
    assert entry.path in raised.value.hint
    assert host.ran == ["undo b", "undo a"]
    assert host.fs.exists(entry.path)
    host.ran.clear()
    recover(host, entry, ignore)
    assert host.ran == ["undo b", "undo a"]


def test_what_cannot_be_finished_keeps_its_journal(host: FakeHost) -> None:
    host.fails["do a"] = [(1, "stuck\n")]
    plan = Plan("destroy", "web", finish=tuple(map(durable, "ab")), op="op1")
    entry = cut_short(host.fs, plan, 0, 0, committed=True)
    with pytest.raises(StepError, match="stuck"):
        recover(host, entry, ignore)
    assert host.ran == ["do a"]
    assert host.fs.exists(entry.path)


SLEEP = ("/bin/sleep", "64.25")


class WithProcesses(FakeHost):
    """Shows processes of this machine, as ps(1) of FreeBSD would."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.processes: list[tuple[subprocess.Popen[bytes], dict[str, int], str]] = []

    def spawn(
        self, argv: tuple[str, ...] = SLEEP, columns: dict[str, int] | None = None
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(argv, start_new_session=True)
        shown = {"sid": process.pid, "uid": os.geteuid(), "jid": 0, "age": 0, **(columns or {})}
        self.processes.append((process, shown, " ".join(argv)))
        return process

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        if argv[0] != tools.PS:
            return super().run(argv, changes=changes, timeout=timeout, on_line=on_line)
        assert " ".join(argv[2:]) == ("-o pid= -o sid= -o uid= -o jid= -o etimes= -o args=")
        lines = ["    0     0     0     0   999 [kernel]"]
        lines += [
            f"{process.pid:5d} {of['sid']:5d} {of['uid']:5d} {of['jid']:5d} {of['age']:5d} {words}"
            for process, of, words in self.processes
            if process.poll() is None
        ]
        return Result(tuple(argv), 0, "\n".join(lines) + "\n")


@pytest.fixture
def busy(fs: Fs) -> Iterator[WithProcesses]:
    host = WithProcesses(fs.prefix)
    yield host
    for process, *_ in host.processes:
        process.kill()
        process.wait()


def sleeper(fs: Fs) -> Entry:
    step = Step(Command(SLEEP), "", (Undo(Command(("undo", "a"))),))
    return cut_short(fs, Plan("try", "web", steps=(step,), op="op1"), 1, 0)


def test_a_command_that_a_killed_bsdvirt_left_is_ended_first(busy: WithProcesses) -> None:
    left, other = busy.spawn(), busy.spawn(("/bin/sleep", "64.255"))
    ended: list[int | None] = []
    busy.before = lambda words: ended.append(left.poll())
    recover(busy, sleeper(busy.fs), ignore)
    assert busy.ran == ["undo a"]
    assert ended == [-signal.SIGTERM]
    assert other.poll() is None


@pytest.mark.parametrize(
    "whose",
    [{"jid": 3}, {"uid": 1001}, {"sid": 1}, {"age": 3600}],
    ids=lambda whose: next(iter(whose)),
)
def test_the_same_words_of_another_are_not_ours(busy: WithProcesses, whose: dict[str, int]) -> None:
    other = busy.spawn(columns=whose)
    recover(busy, sleeper(busy.fs), ignore)
    assert busy.ran == ["undo a"]
    assert other.poll() is None


def test_what_no_signal_ends_is_not_waited_for_without_end(
    busy: WithProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "ORPHAN_SECONDS", 0.2)
    monkeypatch.setattr(os, "killpg", lambda pid, number: None)
    left = busy.spawn()
    with pytest.raises(StepError, match=f"process {left.pid} is still running"):
        recover(busy, sleeper(busy.fs), ignore)
    assert busy.ran == []


# ---- journals as they are read ----


def test_a_journal_cut_at_any_byte_is_read_as_far_as_it_goes(fs: Fs) -> None:
    plan = Plan("try", "web", steps=tuple(map(durable, "ab")), finish=(durable("c"),), op="op1")
    entry = cut_short(fs, plan, 3, 3, committed=True)
    whole = fs.read_bytes(entry.path)
    header = whole.index(b"\n")
    counts: list[int] = []
    for end in range(header + 1, len(whole) + 1):
        fs.path(entry.path).write_bytes(whole[:end])
        read = journal.read(fs, entry.path)
        assert read is not None
        assert read.plan == plan
        assert read.done <= read.begun
        assert read.begun <= {0, 1, 2}
        assert not (read.committed and len(read.done) < 2)
        counts.append(len(read.begun) + len(read.done) + read.committed)
    assert counts[0] == 0
    assert counts[-1] == 7
    assert counts == sorted(counts)


@pytest.mark.parametrize("kept", [0, 1, 40])
def test_a_journal_without_its_header_is_an_error_that_says_what_to_do(fs: Fs, kept: int) -> None:
    entry = cut_short(fs, Plan("try", "web", steps=(durable("a"),), op="op1"), 1, 1)
    fs.path(entry.path).write_bytes(fs.read_bytes(entry.path)[:kept])
    with pytest.raises(HostError, match="not a journal that this bsdvirt can read") as raised:
        journal.read(fs, entry.path)
    assert raised.value.hint


def test_a_journal_of_a_later_bsdvirt_is_not_guessed_at(fs: Fs) -> None:
    entry = cut_short(fs, Plan("try", "web", steps=(durable("a"),), op="op1"), 1, 1)
    text = fs.read_text(entry.path)
    assert '"verb"' in text
    fs.write(entry.path, text.replace('"verb"', '"newer":1,"verb"', 1))
    with pytest.raises(HostError, match="not a journal"):
        journal.read(fs, entry.path)


def test_a_journal_that_has_ended_meanwhile(fs: Fs) -> None:
    assert journal.read(fs, "/state/guest.web.x.journal") is None


def test_which_things_have_a_journal(fs: Fs) -> None:
    for kind, subject in (("guest", "web"), ("release", "14.2-RELEASE-p1"), ("network", "lan")):
        plan = Plan("try", subject, kind=kind, steps=(durable("a"),), op="0a1b")  # type: ignore[arg-type]
        Journal.open(fs, STATE, plan, "b").leave()
    fs.write("/state/.guest.web.0a1b.journal.77.new", "")
    fs.write("/state/notes.txt", "")
    assert pending.subjects(fs, STATE) == [
        ("guest", "web", "/state/guest.web.0a1b.journal"),
        ("network", "lan", "/state/network.lan.0a1b.journal"),
        ("release", "14.2-RELEASE-p1", "/state/release.14.2-RELEASE-p1.0a1b.journal"),
    ]


def test_which_steps_were_under_way(fs: Fs) -> None:
    plan = Plan("try", "web", steps=tuple(map(durable, "ab")), finish=(durable("c"),), op="op1")
    assert cut_short(fs, plan, 2, 1).under_way() == [plan.steps[1]]
