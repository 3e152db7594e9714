"""The executor: order, undo, remedy, retry, and what a user is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import BsdvirtError, CommandError, HostError, Interrupted, StepError, UsageError
from bsdvirt.host import tools
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.plan import act, events, journal, pending
from bsdvirt.plan.events import Event
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.fault import Faults
from bsdvirt.plan.journal import Entry
from bsdvirt.plan.marks import marked_after
from bsdvirt.plan.step import (
    Action,
    Command,
    DatasetOwned,
    FileExists,
    MakeDirectory,
    Not,
    Pipeline,
    Plan,
    RemoveTree,
    Step,
    Undo,
    WriteFile,
)

STATE = "/state"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    (tmp_path / "state").mkdir()
    return FakeHost(tmp_path)


def do(name: str) -> Command:
    return Command(("do", name))


def undo(name: str) -> Undo:
    return Undo(Command(("undo", name)))


def step(name: str, durable: bool = False) -> Step:
    return Step(do(name), f"why {name}", (undo(name),), durable=durable)


def plan(*steps: Step, finish: tuple[Step, ...] = (), must_journal: bool = True) -> Plan:
    return Plan("try", "web", steps=steps, finish=finish, op="op1", must_journal=must_journal)


def run(host: FakeHost, wanted: Plan, faults: str = "") -> list[Event]:
    """What the executor told."""
    told: list[Event] = []
    Executor(host, STATE, told.append, host.interrupt, Faults(faults)).run(wanted)
    return told


def journals(host: FakeHost) -> list[Entry]:
    every = [journal.read(host.fs, path) for _, _, path in pending.subjects(host.fs, STATE)]
    return [entry for entry in every if entry is not None]


def test_steps_in_order_then_finish(host: FakeHost) -> None:
    run(host, plan(step("a"), step("b"), finish=(step("c"), step("d"))))
    assert host.ran == ["do a", "do b", "do c", "do d"]
    assert journals(host) == []


def test_a_plan_of_nothing_does_nothing(host: FakeHost) -> None:
    assert run(host, Plan("start", "web", reason="already running")) == []
    assert host.fs.listdir(STATE) == []


def test_a_failure_undoes_last_first_the_failing_step_too(host: FakeHost) -> None:
    host.fails["do c"] = [(3, "no such thing\n")]
    with pytest.raises(CommandError) as raised:
        run(host, plan(step("a"), step("b"), step("c"), step("d")))
    assert host.ran == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]
    assert raised.value.message == "do c: exit status 3: no such thing"
    assert journals(host) == []


def test_the_undos_of_one_step_run_in_their_order(host: FakeHost) -> None:
    both = Step(do("a"), "", (undo("first"), undo("second")))
    host.fails["do b"] = [(1, "")]
    with pytest.raises(CommandError):
        run(host, plan(both, step("b")))
    assert host.ran[2:] == ["undo b", "undo first", "undo second"]


def test_an_undo_looks_before_it_acts(host: FakeHost) -> None:
    host.fs.write("/there", "")
    looking = Step(
        do("a"),
        "",
        (
            Undo(Command(("undo", "there")), FileExists("/there")),
            Undo(Command(("undo", "gone")), FileExists("/gone")),
            Undo(Command(("undo", "not")), Not(FileExists("/gone"))),
        ),
    )
    host.fails["do a"] = [(1, "")]
    with pytest.raises(CommandError):
        run(host, plan(looking))
    assert host.ran == ["do a", "undo there", "undo not"]


def test_a_step_that_is_so_already_is_passed_over_and_never_undone(host: FakeHost) -> None:
    host.fs.write("/there", "")
    passed = Step(do("a"), "", (undo("a"),), unless=FileExists("/there"))
    host.fails["do b"] = [(1, "")]
    told: list[Event] = []
    with pytest.raises(CommandError):
        Executor(host, STATE, told.append).run(plan(passed, step("b")))
    assert host.ran == ["do b", "undo b"]
    assert events.StepDone("op1", "try", "web", 0, skipped=True) in told


def test_a_remedy_stands_for_the_step(host: FakeHost) -> None:
    host.fails["do a"] = [(1, "will not\n")]
    stubborn = Step(do("a"), "", remedy=(Undo(Command(("force", "a"))),))
    told = run(host, plan(stubborn, step("b")))
    assert host.ran == ["do a", "force a", "do b"]
    (warning,) = [event for event in told if isinstance(event, events.Warned)]
    assert warning.message == "do a: exit status 1: will not"
    assert [event.ok for event in told if isinstance(event, events.Finished)] == [True]


def test_a_remedy_that_fails_fails_the_step(host: FakeHost) -> None:
    host.fails = {"do b": [(1, "will not\n")], "force b": [(1, "cannot\n")]}
    stubborn = Step(do("b"), "", (undo("b"),), remedy=(Undo(Command(("force", "b"))),))
    with pytest.raises(CommandError, match="force b: exit status 1: cannot") as raised:
        run(host, plan(step("a"), stubborn))
    assert "will not" in str(raised.value.__cause__)
    assert host.ran == ["do a", "do b", "force b", "undo b", "undo a"]


def test_no_remedy_when_asked_to_end(host: FakeHost) -> None:
    def ask(words: str) -> None:
        if words == "do a":
            host.interrupt.ask("SIGINT")

    host.before = ask
    host.fails["do a"] = [(1, "cut short\n")]
    stubborn = Step(do("a"), "", (undo("a"),), remedy=(Undo(Command(("force", "a"))),))
    with pytest.raises(CommandError):
        run(host, plan(stubborn))
    assert host.ran == ["do a", "undo a"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "RETRY_PAUSE", 0.001)


@pytest.mark.parametrize(
    "words",
    [
        "ifconfig: ioctl SIOCIFDESTROY: Device busy",
        "cannot unmount '/bv/g/root': pool or dataset is busy",
        "cannot destroy snapshot tank/bv/guests@s1: dataset is busy",
    ],
)
def test_what_is_busy_is_tried_again(host: FakeHost, quick: None, words: str) -> None:
    host.fails["do a"] = [(1, words + "\n")] * 2
    run(host, plan(Step(do("a"), "", retry=5.0)))
    assert host.ran == ["do a"] * 3


def test_what_is_busy_is_not_tried_for_ever(host: FakeHost, quick: None) -> None:
    host.fails["do a"] = [(1, "Device busy\n")] * 10000
    with pytest.raises(CommandError, match="Device busy"):
        run(host, plan(Step(do("a"), "", retry=0.05)))
    assert 1 < len(host.ran) < 200


def test_other_errors_and_steps_without_patience_are_not_tried_again(host: FakeHost) -> None:
    for text, retry in (("No such file\n", 5.0), ("Device busy\n", 0.0)):
        host.ran.clear()
        host.fails["do a"] = [(1, text)]
        with pytest.raises(CommandError):
            run(host, plan(Step(do("a"), "", retry=retry)))
        assert host.ran == ["do a"]


def test_an_undo_is_patient_too(host: FakeHost, quick: None) -> None:
    host.fails = {"do a": [(1, "")], "undo a": [(1, "Device busy\n")]}
    patient = Step(do("a"), "", (Undo(Command(("undo", "a")), retry=5.0),))
    with pytest.raises(CommandError):
        run(host, plan(patient))
    assert host.ran == ["do a", "undo a", "undo a"]


def test_the_first_error_is_told_and_what_could_not_be_undone_with_it(host: FakeHost) -> None:
    host.fails = {"do c": [(1, "first\n")], "undo b": [(1, "second\n")]}
    told: list[Event] = []
    with pytest.raises(CommandError) as raised:
        Executor(host, STATE, told.append).run(plan(step("a"), step("b"), step("c")))
    assert raised.value.message == "do c: exit status 1: first"
    assert raised.value.hint == (
        "not all could be undone: undo b: exit status 1: second; run bsdvirt doctor --repair"
    )
    assert host.ran[-1] == "undo a"
    assert [e.error for e in told if isinstance(e, events.Undone)] == [
        "", "undo b: exit status 1: second", ""
    ]  # fmt: skip
    (left,) = journals(host)
    assert left.begun == {0, 1, 2}
    assert not left.committed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug"), OSError(5, "EIO")])
def test_whatever_is_raised_what_was_done_is_undone(host: FakeHost, error: BaseException) -> None:
    def strike(words: str) -> None:
        if words == "do b":
            raise error

    host.before = strike
    with pytest.raises((type(error), StepError)):
        run(host, plan(step("a"), step("b")))
    assert host.ran == ["do a", "undo b", "undo a"]
    assert journals(host) == []


def test_asked_to_end_between_two_steps(host: FakeHost) -> None:
    def ask(words: str) -> None:
        if words == "do a":
            host.interrupt.ask("SIGTERM")

    host.before = ask
    with pytest.raises(Interrupted, match="SIGTERM"):
        run(host, plan(step("a"), step("b")))
    assert host.ran == ["do a", "undo a"]


def test_asked_to_end_after_the_commit_it_is_finished_all_the_same(host: FakeHost) -> None:
    def ask(words: str) -> None:
        if words == "do b":
            host.interrupt.ask("SIGTERM")

    host.before = ask
    run(host, plan(step("a"), finish=(step("b"), step("c"))))
    assert host.ran == ["do a", "do b", "do c"]


def test_a_finish_that_fails_undoes_nothing_and_keeps_the_journal(host: FakeHost) -> None:
    host.fails["do b"] = [(1, "stuck\n")]
    with pytest.raises(CommandError, match="stuck") as raised:
        run(host, plan(step("a"), finish=(step("b"), step("c"))))
    assert host.ran == ["do a", "do b"]
    assert raised.value.hint == "bsdvirt doctor --repair, which continues it"
    (left,) = journals(host)
    assert left.committed
    assert left.done == {0}


# ---- the journal on disk ----


def test_each_step_is_journalled_before_it_runs(host: FakeHost) -> None:
    seen: list[tuple[str, set[int], set[int], bool]] = []

    def look(words: str) -> None:
        (entry,) = journals(host)
        seen.append((words, set(entry.begun), set(entry.done), entry.committed))

    host.before = look
    wanted = plan(step("a"), step("b"), finish=(step("c"),))
    run(host, wanted)
    assert seen == [
        ("do a", {0}, set(), False),
        ("do b", {0, 1}, {0}, False),
        ("do c", {0, 1, 2}, {0, 1}, True),
    ]


def test_the_journal_holds_the_whole_plan(host: FakeHost) -> None:
    rich = plan(
        Step(Pipeline(("send", "x y"), ("receive",)), "copy", durable=True, size=7),
        Step(
            WriteFile("etc/x", "ä\n'", 0o600, "/root"),
            "write",
            (Undo(RemoveTree("/root"), Not(FileExists("/x")), 2.5),),
            retry=1.0,
        ),
        finish=(Step(MakeDirectory("/d", 0o700), "mkdir", unless=FileExists("/d")),),
    )
    host.fs.mkdir("/root/etc")
    seen: list[Entry] = []
    host.before = lambda words: seen.extend(journals(host))
    run(host, rich)
    assert seen[0].plan == rich
    assert seen[0].header.boot == "boot one"
    assert seen[0].header.pid == os.getpid()


def test_a_durable_step_is_on_disk_before_it_runs(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    at: dict[str, int] = {}

    def note(words: str) -> None:
        at[words] = len(synced)

    host.before = note
    run(host, plan(step("a"), step("b", durable=True), finish=(step("c"),)))
    header = 2  # the file, and the directory that names it
    assert at == {"do a": header, "do b": header + 1, "do c": header + 2}
    assert synced[2].endswith("/state/guest.web.op1.journal")


def test_what_is_volatile_only_is_not_synced(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    run(host, plan(step("a"), step("b")))
    assert synced == []


def test_nothing_is_begun_where_the_journal_cannot_be_written(host: FakeHost) -> None:
    host.fs.rmtree(STATE)
    with pytest.raises(HostError, match="the journal cannot be written: /state/guest.web.op1"):
        run(host, plan(step("a")))
    assert host.ran == []


def test_a_stop_goes_on_without_a_journal_and_says_so(host: FakeHost) -> None:
    host.fs.rmtree(STATE)
    told = run(host, plan(step("a"), finish=(step("b"),), must_journal=False))
    assert host.ran == ["do a", "do b"]
    (warning,) = [event for event in told if isinstance(event, events.Warned)]
    assert "continuing without it" in warning.message


def test_without_a_journal_a_failure_is_undone_all_the_same(host: FakeHost) -> None:
    host.fails["do b"] = [(1, "")]
    with pytest.raises(CommandError):
        Executor(host, None).run(plan(step("a"), step("b")))
    assert host.ran == ["do a", "do b", "undo b", "undo a"]


# ---- what is told ----


def test_events_of_a_good_run(host: FakeHost) -> None:
    told = run(host, plan(step("a"), finish=(step("b"),)))
    names = [type(event).__name__ for event in told]
    assert names == [
        "Started", "StepStarted", "StepDone", "StepStarted", "StepDone", "Finished"
    ]  # fmt: skip
    assert {(event.op, event.verb, event.subject) for event in told} == {("op1", "try", "web")}
    started = told[0]
    assert isinstance(started, events.Started)
    assert started.steps == 2


def test_events_of_a_bad_run(host: FakeHost) -> None:
    host.fails["do a"] = [(1, "no\n")]
    told: list[Event] = []
    with pytest.raises(CommandError):
        Executor(host, STATE, told.append).run(plan(step("a")))
    names = [type(event).__name__ for event in told]
    assert names == ["Started", "StepStarted", "Failed", "Undone", "Finished"]
    assert isinstance(told[-1], events.Finished)
    assert not told[-1].ok


def _progress(told: list[Event]) -> list[tuple[int, int, str]]:
    return [(e.done, e.total, e.unit) for e in told if isinstance(e, events.Progress)]


def test_progress_in_files_ends_at_the_total(host: FakeHost) -> None:
    host.fails["do a"] = [(0, "x bin/a\nx bin/b\nx bin/c\n")]
    told = run(host, plan(Step(do("a"), "extract", lines=3)))
    assert _progress(told)[-1] == (3, 3, "files")


def test_progress_in_bytes_from_zfs_send(host: FakeHost) -> None:
    said = "full\ttank/r@base\t124012784\nsize\t124012784\n10:30:01\t124012784\ttank/r@base\n"
    pipe = Pipeline(("send",), ("receive",))
    host.fails["send '|' receive"] = [(0, said)]
    told = run(host, plan(Step(pipe, "copy", size=124012784)))
    assert _progress(told)[-1] == (124012784, 124012784, "bytes")


def test_what_waits_for_the_first_step_is_called_then(host: FakeHost) -> None:
    at: list[list[str]] = []
    Executor(host, STATE).run(plan(step("a"), step("b")), claimed=lambda: at.append(host.ran[:]))
    assert at == [["do a"]]


def test_file_errors_become_errors_of_ours(host: FakeHost) -> None:
    with pytest.raises(StepError, match="No such file or directory"):
        run(host, plan(Step(WriteFile("/nosuch/x", "x"), "write")))


# ---- faults, for other tests ----


def test_a_fault_fails_the_step_that_it_names(host: FakeHost) -> None:
    with pytest.raises(StepError, match="step 2 failed as BSDVIRT_FAULT asked"):
        run(host, plan(step("a"), step("b"), step("c")), "fail:2")
    assert host.ran == ["do a", "undo b", "undo a"]


@pytest.mark.parametrize("text", ["fail", "fail:x", "break:1", "fail:-1"])
def test_a_fault_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="not a fault"):
        Faults(text)


def test_a_signal_while_undoing_does_not_stop_it(host: FakeHost) -> None:
    def ask(words: str) -> None:
        if words == "undo b":
            host.interrupt.ask("SIGINT")

    host.before = ask
    host.fails["do b"] = [(1, "first\n")]
    with pytest.raises(BsdvirtError, match="first"):
        run(host, plan(step("a"), step("b")))
    assert host.ran == ["do a", "do b", "undo b", "undo a"]
    assert isinstance(host.interrupt, Interrupt)


def test_a_look_that_fails_while_undoing_hides_no_error(tmp_path: Path) -> None:
    """ZFS cannot be asked any more: HostError, which is no StepError."""
    (tmp_path / "state").mkdir()
    host = FakeHost(tmp_path)
    host.missing.add(tools.ZFS)
    host.fails["do b"] = [(1, "first\n")]
    owned = DatasetOwned("tank/x", "op1")
    steps = (
        Step(Command(("do", "a")), "", (Undo(Command(("undo", "a"))),)),
        Step(Command(("do", "b")), "", (Undo(Command(("undo", "b")), owned),)),
    )
    with pytest.raises(CommandError, match="first") as raised:
        Executor(host, "/state").run(Plan("try", "web", steps=steps, op="op1"))
    assert host.ran == ["do a", "do b", "undo a"]
    assert "ZFS is not available" in raised.value.hint
    assert len(pending.subjects(host.fs, "/state")) == 1


def test_cpus_that_the_kernel_refuses_a_jail_need_a_restart(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    refused = "cpuset: setaffinity: Resource deadlock avoided"
    host.fails["/usr/bin/cpuset -l 0 -j web"] = [(1, refused)]
    with pytest.raises(StepError) as raised:
        act.act(host, Command(("/usr/bin/cpuset", "-l", "0", "-j", "web")))
    assert raised.value.hint.startswith("a process of the guest has probably bound itself")
    assert raised.value.hint.endswith("or stop the guest, change its CPUs, and start it")


ZFS = tools.ZFS
MARKED = frozenset({"tank/a"})
MINE = "bsdvirt:op=op1"


@pytest.mark.parametrize(
    ("action", "marked"),
    [
        (Command((ZFS, "create", "-o", MINE, "tank/b")), {"tank/a", "tank/b"}),
        (Command((ZFS, "set", MINE, "tank/b")), {"tank/a", "tank/b"}),
        (Pipeline((ZFS, "send", "x@y"), (ZFS, "receive", "-o", MINE, "tank/b")),
         {"tank/a", "tank/b"}),
        (Command((ZFS, "create", "-o", "bsdvirt:op=other", "tank/b")), {"tank/a"}),
        (Command((ZFS, "inherit", "bsdvirt:op", "tank/a")), set()),
        (Command((ZFS, "inherit", "bsdvirt:op", "tank/c")), {"tank/a"}),
        (Command((ZFS, "destroy", "-r", "tank/b")), set()),
        (Command((ZFS, "rename", "tank/a", "tank/b")), set()),
        (Command((tools.IFCONFIG, "bv1n0a", "destroy")), {"tank/a"}),
        (Command(("/hook", "web"), title="hook"), set()),
        (WriteFile("/a", ""), {"tank/a"}),
    ],
)  # fmt: skip
def test_which_datasets_bear_the_mark_of_a_run(action: Action, marked: set[str]) -> None:
    """What may have taken a mark away has."""
    assert marked_after(MARKED, action, "op1") == marked


def test_a_mark_of_this_run_is_not_looked_for(host: FakeHost) -> None:
    """This host has no zfs(8) that would show it."""
    complete = Command((ZFS, "inherit", "bsdvirt:op", "tank/a"))
    finish = (Step(complete, "complete", unless=Not(DatasetOwned("tank/a", "op1"))),)
    run(host, plan(Step(Command((ZFS, "create", "-o", MINE, "tank/a")), "make"), finish=finish))
    assert host.ran[-1] == " ".join(complete.argv)
    with pytest.raises(CommandError, match="zfs get"):
        run(host, plan(finish=finish))


def removal(name: str) -> Step:
    return Step(do(name), f"why {name}", unless=Not(FileExists("/there")), at_once=True)


def test_what_is_done_at_once_looks_only_where_it_fails(host: FakeHost) -> None:
    run(host, plan(finish=(removal("one"),)))
    host.fails["do two"] = [(1, "no such jail")]
    run(host, plan(finish=(removal("two"),)))
    assert host.ran == ["do one", "do two"]


def test_what_fails_at_once_and_is_there_has_failed(host: FakeHost) -> None:
    host.fs.write("/there", "")
    host.fails["do two"] = [(1, "not allowed")]
    with pytest.raises(CommandError, match="not allowed"):
        run(host, plan(finish=(removal("two"),)))
