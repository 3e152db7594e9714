"""--ask: what is shown is what is run, once the user has said yes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import REPOSITORY, running
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt.plan.locks import is_held
from bsdvirt.rows import events as rows


@pytest.fixture
def host() -> Iterator[tuple[Bsdvirt, HostView, Path]]:
    with sim_world() as (driver, view):
        assert driver.sim is not None
        driver.ok("create", "jail", "web")
        yield driver, view, driver.sim


Host = tuple[Bsdvirt, HostView, Path]


def states(driver: Bsdvirt) -> dict[str, str]:
    return {row["name"]: row["state"] for row in driver.json("ls")}


@pytest.mark.parametrize(
    "words",
    [
        ("start", "web"), ("set", "web", "description=x"), ("create", "jail", "new", "--start"),
        ("create", "vm", "box", "disks.0.size=1G"), ("rename", "web", "www"),
        ("tag", "web", "front"), ("network", "create", "lan", "--address", "10.9.0.1/24"),
        ("destroy", "web"), ("nic", "add", "web", "--network", "private"),
        ("expose", "web", "tcp:8080:80"), ("pool", "add", "zroot/second", "--name", "second"),
    ],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_what_is_shown_is_run(host: Host, words: tuple[str, ...]) -> None:
    _, _, sim = host
    with running(sim, *words, "--ask") as command:
        command.until(rows.Ask)
        planned = command.planned
        assert planned and not command.done
        command.answer("yes\n")
        status, _ = command.end()
    assert status == 0
    assert not command.of(rows.Error)
    assert len(command.of(rows.Ask)) == 1
    skipped = {
        (event.op, event.index)
        for event in command.events if isinstance(event, rows.StepDone) and event.skipped
    }  # fmt: skip
    ops = {event.op for event in command.events if isinstance(event, rows.StepDone)}
    for started in command.done:
        assert anonymous(started, ops) in [
            anonymous(line, planned_ops(command)) for line in planned
        ]
    if "--start" not in words:
        # The start of a new guest is planned again once it is there.
        assert len(command.done) + len(skipped) == len(planned)


def planned_ops(command: object) -> set[str]:
    return {e.op for e in command.events if isinstance(e, rows.Planned)}  # type: ignore[attr-defined]


def anonymous(text: str, ops: set[str]) -> str:
    for op in ops - {""}:
        text = text.replace(op, "OP")
    return text


@pytest.mark.parametrize("answer", ["", "\n", "no\n", "y\n", "YES\n", "yes yes\n"])
def test_anything_but_yes_changes_nothing(host: Host, answer: str) -> None:
    driver, _, sim = host
    with running(sim, "start", "web", "--ask") as command:
        command.until(rows.Ask)
        command.answer(answer)
        status, out = command.end()
    assert (status, out) == (2, "")
    last = command.events[-1]
    assert isinstance(last, rows.Error) and last.message == "not confirmed"
    assert states(driver) == {"web": "stopped"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_signal_while_it_waits_changes_nothing(host: Host, number: signal.Signals) -> None:
    driver, view, sim = host
    with running(sim, "start", "web", "--ask") as command:
        command.until(rows.Ask)
        assert not is_held(view.fs, "guest", "web")
        command.process.send_signal(number)
        status, _ = command.end()
    assert status == 1
    last = command.events[-1]
    assert isinstance(last, rows.Error) and last.message == f"interrupted by {number.name}"
    assert states(driver) == {"web": "stopped"}


def test_other_commands_run_while_it_waits_and_the_new_plan_is_shown(host: Host) -> None:
    driver, _, sim = host
    with running(sim, "start", "web", "--ask") as command:
        command.until(rows.Ask)
        driver.ok("set", "web", "hostname=other")
        assert command.process.stdin is not None
        command.process.stdin.write("yes\n")
        command.process.stdin.flush()
        again = command.until(rows.Ask)
        assert isinstance(again, rows.Ask) and again.changed
        assert any("host.hostname = 'other'" in line for line in command.planned)
        assert not command.done
        command.answer("yes\n")
        status, _ = command.end()
    assert status == 0
    assert states(driver) == {"web": "running"}


def test_of_several_guests_the_refused_are_shown(host: Host) -> None:
    driver, _, sim = host
    driver.ok("create", "jail", "sad", "devfs_ruleset=99")
    with running(sim, "start", "web", "sad", "--ask", "--json") as command:
        command.until(rows.Ask)
        (refused,) = command.of(rows.Refused)
        assert isinstance(refused, rows.Refused)
        assert refused.subject == "sad" and "99" in refused.message
        command.answer("yes\n")
        status, out = command.end()
    assert status == 1
    assert '"started at' in out
    assert states(driver) == {"web": "running", "sad": "failed"}


def test_nothing_to_do_is_not_asked_about(host: Host) -> None:
    driver, _, sim = host
    driver.ok("start", "web")
    with running(sim, "start", "web", "--ask") as command:
        assert command.end() == (0, "web: already running\n")
    assert not command.of(rows.Ask)


def test_a_verb_that_only_reads_reads_once(host: Host) -> None:
    _, _, sim = host
    for words in (("tag", "web"), ("expose", "web", "--json"), ("mount", "web")):
        with running(sim, *words) as plain, running(sim, *words, "--ask") as command:
            assert command.end() == plain.end()
        assert not command.events


def test_what_is_not_planned_in_full_is_run_after_yes(host: Host) -> None:
    driver, _, sim = host
    driver.ok("set", "web", "boot.auto=yes")
    with running(sim, "boot", "start", "--ask") as command:
        command.until(rows.Ask)
        assert states(driver) == {"web": "stopped"}
        command.answer("yes\n")
        assert command.end()[0] == 0
    assert states(driver) == {"web": "running"}


def on_terminal(sim: Path, *words: str, answer: bytes) -> tuple[int, str]:
    """Run a command on a terminal, and answer its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words), cwd=REPOSITORY,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            asked = b"[y/N]" in shown
            shown += piece
            if b"[y/N]" in shown and not asked:
                os.write(ours, answer)
    finally:
        os.close(ours)
    return process.wait(60), shown.decode()


def test_on_a_terminal(host: Host) -> None:
    driver, _, sim = host
    status, shown = on_terminal(sim, "start", "web", "--ask", answer=b"n\n")
    assert status == 2 and "/usr/sbin/jail -c" in shown and "not confirmed" in shown
    assert states(driver) == {"web": "stopped"}
    status, shown = on_terminal(sim, "start", "web", "--ask", answer=b"y\n")
    assert status == 0 and "web: started at" in shown
    status, shown = on_terminal(sim, "destroy", "web", "--force", "--ask", answer=b"y\n")
    assert status == 0 and shown.count("[y/N]") == 1 and "Type yes" not in shown
    assert "# zroot/bsdvirt/guests/web/root" in shown
    assert states(driver) == {}


def test_without_a_terminal_it_says_so(host: Host) -> None:
    driver, _, _ = host
    ended = driver("start", "web", "--ask")
    assert ended.status == 2 and "there is no terminal to ask on" in ended.stderr
