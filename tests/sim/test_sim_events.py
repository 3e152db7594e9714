"""--events json: what a program reads while a verb runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from running import REPOSITORY, running
from scenario_hosts import sim_world

from bsdvirt.host.sanitize import shown
from bsdvirt.rows import events as rows
from bsdvirt_sim import SimHost

HOSTILE = "a\x1b[2Jb\u202ec\n"


@pytest.fixture(scope="module")
def sim() -> Iterator[Path]:
    with sim_world() as (driver, _):
        assert driver.sim is not None
        driver.ok("create", "jail", "web")
        yield driver.sim


def test_each_step_is_an_event_with_its_command(sim: Path) -> None:
    with running(sim, "start", "web", "--json") as command:
        status, out = command.end()
    assert status == 0
    assert [row["message"] for row in json.loads(out)] == ["started at 10.77.0.2"]
    first, last = command.events[0], command.events[-1]
    assert isinstance(first, rows.Started) and isinstance(last, rows.Finished)
    assert (first.verb, first.subject, first.kind) == ("start", "web", "guest")
    assert last.ok and last.op == first.op
    begun = [event for event in command.events if isinstance(event, rows.StepStarted)]
    jail = begun[-1].action
    assert isinstance(jail.argv, list) and jail.argv[:2] == ["/usr/sbin/jail", "-c"]
    ended = [event.index for event in command.events if isinstance(event, rows.StepDone)]
    assert ended == list(range(first.steps))


def test_a_failure_has_the_command_and_the_end_of_what_it_printed() -> None:
    with sim_world() as (driver, _):
        assert driver.sim is not None
        SimHost(driver.sim).settings.fill_pool("zroot")
        with running(driver.sim, "create", "jail", "bad") as command:
            assert command.end() == (1, "")
    (failed,) = command.of(rows.Failed)
    assert isinstance(failed, rows.Failed)
    assert failed.argv[:2] == ["/sbin/zfs", "create"] and failed.status == 1
    assert failed.stderr.endswith("out of space") and failed.stderr in failed.message
    finished, error = command.events[-2:]
    assert isinstance(finished, rows.Finished) and not finished.ok
    assert isinstance(error, rows.Error)
    assert (error.subject, error.exit_code, error.message) == ("bad", 1, failed.message)


def test_what_is_undone_is_an_event_each(sim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BSDVIRT_FAULT", "fail:5")
    with running(sim, "create", "jail", "bad") as command:
        assert command.end()[0] == 1
    undone = [event for event in command.events if isinstance(event, rows.Undone)]
    assert any(event.action.shell.startswith("/sbin/zfs destroy") for event in undone)
    assert not any(event.error for event in undone)


@pytest.mark.parametrize(
    ("words", "code"),
    [(("start", "nosuch"), 3), (("nosuch",), 2), (("start", "--nosuch"), 2), (("ls", "--ask"), 2)],
)
def test_an_error_is_an_event(sim: Path, words: tuple[str, ...], code: int) -> None:
    with running(sim, *words) as command:
        assert command.end() == (code, "")
    (error,) = command.events
    assert isinstance(error, rows.Error)
    assert error.exit_code == code and error.message and error.hint


def test_a_dry_run_sends_its_plans(sim: Path) -> None:
    with running(sim, "create", "jail", "new", "-n") as command:
        assert command.end() == (0, "")
    assert any("zfs clone" in line for line in command.planned)
    assert not command.done


def test_all_is_harmless(sim: Path) -> None:
    with running(sim, "set", "web", f"description={HOSTILE}") as command:
        command.end()
    texts = [str(msgspec.to_builtins(event)) for event in command.events]
    assert texts and all(shown(text) == text for text in texts)


@pytest.mark.parametrize("reader", ["gone", "deaf"])
def test_a_reader_that_is_gone_or_reads_nothing_does_not_stop_the_work(
    sim: Path, reader: str
) -> None:
    read, write = os.pipe()
    if reader == "gone":
        os.close(read)
    else:
        # The pipe is full before the command begins.
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, b"\n" * 4096)
        except BlockingIOError:
            os.set_blocking(write, True)
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), "--events", "json")
    done = subprocess.run(
        (*argv, "create", "jail", f"{reader}1", f"{reader}2", "--json"), cwd=REPOSITORY,
        stdout=subprocess.PIPE, stderr=write, text=True,
    )  # fmt: skip
    os.close(write)
    if reader == "deaf":
        os.close(read)
    assert done.returncode == 0
    assert [row["ok"] for row in json.loads(done.stdout)] == [True, True]


def test_the_schema_of_events_is_that_of_every_event(sim: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "bsdvirt", "schema", "event"), cwd=REPOSITORY,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    schema = json.loads(done.stdout)
    tags = {part["properties"]["event"]["enum"][0] for part in schema["$defs"].values()
            if "event" in part["properties"]}  # fmt: skip
    assert tags == {kind.__struct_config__.tag for kind in rows.EVENTS}
