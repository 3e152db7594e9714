"""Tasks: what runs in the background, the plan before it, what is lost, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

from bsdvirt.tui.settings import Settings
from bsdvirt.tui.tasks.task import State

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def states(sim: Path) -> dict[str, str]:
    return {line.split("\t")[0]: line.split("\t")[2] for line in cli(sim, "ls", "-H").splitlines()}


@SIZES
def test_a_start_runs_in_the_background_and_is_told(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("db")
        await at(ui, "db")
        await ui.press("s")
        await ui.sees("Start db: done: db: started at")
        await ui.until(lambda: "running" in ui.line(" db "), "db runs")

    drive(sim, flow, size=size)
    assert states(sim)["db"] == "running"


async def at(ui: Ui, name: str) -> None:
    """Move the cursor to a guest."""
    await ui.sees(name)
    await ui.press("home")
    for _ in range(20):
        if [one.name for one in ui.app.main.current()] == [name]:
            return
        await ui.press("down")
    raise AssertionError(f"no {name}: {ui.screen}")


@SIZES
def test_the_plan_is_shown_and_run_or_not(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("p")
        await ui.sees("plan first")
        await ui.press("s")
        await ui.sees(
            "Start db: the plan", "bsdvirt start db", "/sbin/ifconfig epair", "y runs them"
        )
        assert states(sim)["db"] == "stopped"
        await ui.press("escape")
        await ui.misses("the plan")
        await ui.sees("Start db: cancelled")
        assert states(sim)["db"] == "stopped"
        await ui.press("p", "s")
        await ui.sees("y runs them")
        await ui.press("enter")
        await ui.sees("Start db: done")

    drive(sim, flow, size=size)
    assert states(sim)["db"] == "running"


def test_always_shows_the_plan_of_every_change(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await at(ui, "web")
        await ui.press("x")
        await ui.sees("Stop web: the plan", "/usr/sbin/jail -f")
        await ui.press("n")
        await ui.misses("the plan")

    drive(sim, flow, settings=Settings(interval=0.4, plans="always"))
    assert states(sim)["web"] == "running"


def test_a_changed_host_is_shown_before_it_runs(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("p", "s")
        await ui.sees("y runs them")
        cli(sim, "set", "db", "hostname=other")
        await ui.press("y")
        await ui.sees("the host has changed")
        assert states(sim)["db"] == "stopped"
        await ui.press("y")
        await ui.sees("Start db: done")

    drive(sim, flow)
    assert states(sim)["db"] == "running"


@SIZES
def test_destroy_wants_the_name(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("D")
        await ui.sees("Destroy db: this is lost for good", "zroot/bsdvirt/guests/db/root", "bytes)")
        await ui.sees("Type the name, db:", "[ Cancel ]")
        await ui.press("f2")
        await ui.sees("/sbin/zfs destroy")
        await ui.press("f2")
        await ui.type("old")
        await ui.press("enter")
        await ui.sees("not db: nothing is done")
        assert "db" in states(sim)
        await ui.press("escape")
        await ui.misses("lost for good")
        assert "db" in states(sim)
        await ui.press("D")
        await ui.sees("Type the name, db:")
        await ui.type("db")
        await ui.press("enter")
        await ui.sees("Destroy db: done")

    drive(sim, flow, size=size)
    assert "db" not in states(sim) and "old" in states(sim)


def test_destroy_of_several_wants_their_number(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        for name in ("db", "old"):
            await at(ui, name)
            await ui.press("space")
        await ui.press("D")
        await ui.sees("Type the number of guests, 2:", "guests/old", "guests/db")
        await ui.press("enter")
        await ui.misses("lost for good")
        assert {"db", "old"} <= states(sim).keys()
        await ui.press("D")
        await ui.sees("Type the number")
        await ui.type("2\n")
        await ui.until(lambda: not {"db", "old"} & states(sim).keys(), "both are gone")

    drive(sim, flow)


def test_a_failure_is_readable_afterwards(tmp_path: Path) -> None:
    sim = made(tmp_path, "set", "db", "devfs_ruleset=99")

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("s")
        await ui.press("6")
        await ui.sees("this UI", "failed")
        await ui.press("home", "enter")
        await ui.sees("start db", "failed", "devfs ruleset 99", "do: ")
        await ui.press("escape")
        await ui.misses("do: ")

    drive(sim, flow)


def test_the_view_has_the_operations_of_others_with_what_failed(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("6")
        await ui.sees("create network", "private", "start", "web")
        ui.host.settings.fill_pool("zroot")
        with pytest.raises(AssertionError):
            cli(sim, "create", "jail", "more")
        await ui.until(lambda: "failed" in ui.line(" more "), "the failure of another command")
        await ui.press("home", "enter")
        await ui.sees("create more", "the command that failed", "/sbin/zfs create", "out of space")

    drive(sim, flow, size=WIDE)


def test_cancel_undoes_what_was_done(tmp_path: Path) -> None:
    sim = made(tmp_path, "create", "vm", "slow", "--memory", "128M", "--disk", "1G")
    cli(sim, "stop", "web")
    held = slow_hook(sim, "db")

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("s")
        await ui.until(held.exists, "the hook runs")
        await ui.sees("Start db", "running", "step")
        await ui.press("6", "home", "x")
        await ui.sees("cancelled")
        await ui.press("enter")
        await ui.sees("what was undone", "/usr/sbin/jail -R db")

    drive(sim, flow)
    assert states(sim)["db"] in ("stopped", "failed")


def slow_hook(sim: Path, name: str) -> Path:
    """Have the start of a jail take long, at a hook; return the file that the hook makes."""
    hooks = sim / "root/usr/local/etc/bsdvirt/hooks"
    hooks.mkdir(parents=True, exist_ok=True)
    begun = sim / "begun"
    hook = hooks / "slow"
    hook.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 300\n")
    hook.chmod(0o755)
    cli(sim, "set", name, "hooks.started.host=slow")
    return begun


@SIZES
@pytest.mark.parametrize("choice", ["stay", "wait", "leave", "undo", "none"])
def test_leaving_with_a_task_under_way_asks(
    tmp_path: Path, size: tuple[int, int], choice: str
) -> None:
    sim = made(tmp_path)
    held = slow_hook(sim, "db")
    seen: list[int | None] = []

    async def flow(ui: Ui) -> None:
        await at(ui, "db")
        await ui.press("s")
        await ui.until(held.exists, "the hook runs")
        await ui.press("q")
        await ui.sees("1 under way", "Start db", "[ Stay ]", "Leave them", "Undo them")
        if choice != "none":
            for _ in range(["stay", "wait", "leave", "undo"].index(choice)):
                await ui.press("right")
            await ui.press("enter")
        (task,) = ui.app.tasks.all()
        if choice == "stay":
            await ui.misses("under way")
            ui.app.tasks.cancel(task)
            await ui.until(lambda: not task.active, "it is cancelled")
        elif choice == "wait":
            await ui.sees("leaving when they have ended")
            ui.app.tasks.cancel(task)
            await ui.until(lambda: not ui.app.is_running, "the UI ends")
        elif choice == "none":
            # It ends while it is asked about: there is nothing left to ask.
            ui.app.tasks.cancel(task)
            await ui.until(lambda: not ui.app.is_running, "the UI ends")
        elif choice == "undo":
            await ui.until(lambda: not ui.app.is_running, "the UI ends")
            assert task.state is State.CANCELLED
        else:
            await ui.until(lambda: not ui.app.is_running, "the UI ends")
            assert task.state is State.RUNNING
        seen.append(ui.app.return_code)

    drive(sim, flow, size=size)
    assert seen == [None if choice == "stay" else 0]
    if choice != "leave":
        assert states(sim)["db"] != "running"
