"""What becomes of a task when the UI ends by force, and tasks on other hosts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakessh import fake_ssh
from test_ui_tasks import states
from tmux import Tmux, command, terminal
from uitest import PATIENCE, WIDE, Ui, bare, cli, drive, made

from bsdvirt.host.interrupt import Interrupt
from bsdvirt.plan.locks import is_held
from bsdvirt.tui.feed.ssh import SshSource
from bsdvirt.tui.tasks.task import State
from bsdvirt_sim import SimHost


def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def gated_hook(sim: Path, name: str) -> tuple[Path, Path]:
    """Have the start of a jail wait at a hook; return the file that the hook makes, and the one
    that it waits for."""
    hooks = sim / "root/usr/local/etc/bsdvirt/hooks"
    hooks.mkdir(parents=True, exist_ok=True)
    begun, go = sim / "begun", sim / "go"
    hook = hooks / "gate"
    hook.write_text(f"#!/bin/sh\n: > {begun}\nwhile ! test -e {go}; do sleep 0.1; done\nexit 0\n")
    hook.chmod(0o755)
    cli(sim, "set", name, "hooks.started.host=gate")
    return begun, go


def open_ui(tmux: Tmux, sim: Path) -> int:
    """Run the UI in a terminal; return its process."""
    pid = sim.parent / "pid"
    tmux.line(f"sh -c 'echo $$ > {pid}; exec {command(sim, 'tui')}'")
    tmux.sees("web", "running", gone="ready$")
    return int(pid.read_text())


ENDS = ("killed", "hung up", "terminal closed")


def end(how: str, tmux: Tmux, pid: int) -> None:
    if how == "terminal closed":
        tmux.run("kill-server")
    else:
        os.kill(pid, signal.SIGKILL if how == "killed" else signal.SIGHUP)


@pytest.mark.parametrize("how", ENDS)
def test_a_task_goes_on_when_the_ui_ends_by_force(tmp_path: Path, how: str) -> None:
    sim = made(tmp_path)
    begun, go = gated_hook(sim, "db")
    with terminal(tmp_path) as tmux:
        pid = open_ui(tmux, sim)
        tmux.keys("Home", "s")
        until(begun.exists, "the hook runs")
        end(how, tmux, pid)
        until(lambda: not _is_there(pid), "the UI ends")
        assert is_held(SimHost(str(sim), Interrupt()).fs, "guest", "db")
        go.touch()
        until(lambda: states(sim)["db"] == "running", "the start is finished")
    rows = cli(sim, "events", "-H", "db").splitlines()
    assert rows[-1].split("\t")[2:5] == ["start", "db", "yes"]


@pytest.mark.parametrize("how", ENDS)
def test_a_plan_that_was_shown_is_not_run_when_the_ui_ends(tmp_path: Path, how: str) -> None:
    sim = made(tmp_path)
    with terminal(tmp_path) as tmux:
        pid = open_ui(tmux, sim)
        tmux.keys("Home", "p", "s")
        tmux.sees("y runs them")
        end(how, tmux, pid)
        until(lambda: not _is_there(pid), "the UI ends")
    assert states(sim)["db"] == "stopped"
    assert not is_held(SimHost(str(sim), Interrupt()).fs, "guest", "db")


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def other(tmp_path: Path) -> tuple[Path, Path, SshSource]:
    """Return this host, host b with the jail mail, and b as a source."""
    here = made(tmp_path)
    (tmp_path / "there").mkdir()
    bare(tmp_path / "there")
    there = (tmp_path / "there" / "sim").rename(tmp_path / "b")
    cli(there, "create", "jail", "mail")
    return here, there, SshSource("b", ssh=fake_ssh(tmp_path))


async def at_other(ui: Ui) -> None:
    await ui.sees("mail")
    table = ui.app.main.view.table
    table.go_to(next(key for key in table._order if key[0] == "b"))


def test_a_task_on_another_host_is_cancelled_there(tmp_path: Path) -> None:
    here, there, source = other(tmp_path)
    begun, _ = gated_hook(there, "mail")

    async def flow(ui: Ui) -> None:
        await at_other(ui)
        await ui.press("s")
        await ui.until(begun.exists, "the hook runs")
        (task,) = ui.app.tasks.all()
        ui.app.tasks.cancel(task)
        await ui.until(lambda: not task.active, "it is cancelled")
        assert task.state is State.CANCELLED and task.undone

    drive(here, flow, size=WIDE, others=[source])
    assert states(there)["mail"] != "running"


def test_a_plan_of_another_host_is_shown_and_run_there(tmp_path: Path) -> None:
    here, there, source = other(tmp_path)

    async def flow(ui: Ui) -> None:
        await at_other(ui)
        await ui.press("p", "s")
        await ui.sees("Start mail on b: the plan", "/sbin/ifconfig epair", "y runs them")
        assert states(there)["mail"] == "stopped"
        await ui.press("y")
        await ui.until(lambda: states(there)["mail"] == "running", "it runs")

    drive(here, flow, size=WIDE, others=[source])
