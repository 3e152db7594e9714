"""Journals that are another's, that reach too far, or that nothing can mend."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt.plan.journal import Header, Journal, file_names
from bsdvirt.plan.step import Action, Command, Plan, RemoveTree, Step, Undo, WriteFile

NEVER = WriteFile("/var/run/bsdvirt/no/such/directory", "x\n")
"""An undo that cannot succeed."""
STATE = "/bsdvirt/state"


def stuck(view: HostView, action: Action, *, host: str = "", kind: str = "guest") -> Path:
    """A journal of `web` (or of network lan) whose only step is undone by `action`."""
    name = "web" if kind == "guest" else "lan"
    step = Step(Command(("/usr/bin/true",)), "a step", (Undo(action),), durable=True)
    plan = Plan("set", name, kind, (step,), op="0" * 32)  # type: ignore[arg-type]
    written = Journal.open(view.fs, STATE, plan, view.host.boot_id(), host or view.host.host_id())
    written.begin(0, step)
    written.leave()
    return view.fs.path(f"{STATE}/{file_names(plan)[0]}")


def test_the_journal_of_another_host_is_told_of_and_not_run() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web")
        journal = stuck(
            view, WriteFile("/var/run/bsdvirt/x", "x"), host="11111111-e416-4bd7-b938-ef5f4784b967"
        )
        (problem,) = [f for f in driver("doctor", "--json").json() if f["problem"]]
        assert "another host" in problem["message"]
        driver("doctor", "--repair")
        driver.ok("tag", "web", "x")
        assert not view.fs.exists("/var/run/bsdvirt/x")
        assert journal.exists()
        driver.ok(*problem["remedy"].split()[1:])
        assert not journal.exists()
        assert "problem" not in driver.ok("doctor").stdout


@pytest.mark.parametrize(
    "action",
    [
        WriteFile("/etc/cron.d/x", "* * * * * root touch /x\n"),
        WriteFile("cron.d/x", "x", beneath="/etc"),
        WriteFile("/usr/local/etc/bsdvirt/hooks/x", "#!/bin/sh\n", 0o755),
        WriteFile("/bsdvirt/../etc/x", "x"),
        Command(("/bin/sh", "-c", "touch /x")),
        Command(("/sbin/zfs", "destroy", "-r", "tank/data")),
        Command(("/sbin/zfs", "destroy", "-r", "zroot/bsdvirt")),
        Command(("/usr/sbin/jail", "-f", "/tmp/x.conf", "-r", "web")),  # noqa: S108
        Command(("/sbin/sysctl", "kern.securelevel=3")),
        RemoveTree("/bsdvirt"),
        RemoveTree("/home"),
    ],
)
def test_a_journal_speaks_for_its_own_pool_only(action: Action) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web")
        before = view.everything()
        journal = stuck(view, action)
        refused = driver("tag", "web", "x")
        assert refused.status == 5, refused
        assert "is not run: it would" in refused.stderr
        assert "--set-aside" in refused.stderr
        driver("doctor", "--repair")
        assert journal.exists()
        journal.unlink()
        assert view.everything() == before


def test_a_hopeless_journal_is_set_aside_and_kept() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web")
        journal = stuck(view, NEVER)
        assert driver("start", "web").status != 0
        assert driver("doctor", "--repair").status != 0
        shown = driver.ok("doctor", "--set-aside", "web", "-n").stdout
        assert "> /var/run/bsdvirt/no/such/directory" in shown
        assert journal.exists()
        assert driver.ok("doctor", "--set-aside", "web").stdout.startswith(shown)
        assert not journal.exists()
        driver.ok("start", "web")
        told = driver.ok("doctor").stdout
        assert "was set aside" in told
        kept = journal.with_suffix(".aside")
        assert (
            msgspec.json.decode(kept.read_bytes().splitlines()[0], type=Header).plan.subject
            == "web"
        )
        none = driver("doctor", "--set-aside", "web")
        assert none.status == 3, none


@pytest.mark.parametrize("text", [b"", b"\xff\xff", b"{}"])
def test_a_journal_that_cannot_be_read_has_a_way_out(text: bytes) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "db")
        journal = stuck(view, NEVER)
        journal.write_bytes(text)
        driver.ok("start", "db")
        assert "not a journal" in driver("doctor").stdout
        driver.ok("doctor", "--set-aside", journal.name)
        driver.ok("start", "web")


@pytest.mark.parametrize("text", [None, b"\xff"])
def test_destroying_a_guest_ends_what_was_cut_short_of_it(text: bytes | None) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web")
        journal = stuck(view, NEVER)
        if text is not None:
            journal.write_bytes(text)
        driver.ok("destroy", "web", "--yes", "--force")
        assert not view.journals() or text is not None
        assert [row["name"] for row in driver.json("ls")] == []
        driver.ok("create", "jail", "web", "--start")


def test_destroying_a_network_ends_what_was_cut_short_of_it() -> None:
    with sim_world() as (driver, view):
        driver.ok("network", "create", "lan", "--address", "10.79.1.1/24")
        stuck(view, NEVER, kind="network")
        assert driver("network", "set", "lan", "mtu=1400").status != 0
        driver.ok("network", "destroy", "lan")
        assert not view.journals()
        driver.ok("network", "create", "lan", "--address", "10.79.1.1/24")


def test_a_network_that_cannot_be_recovered_stops_its_own_guests_only() -> None:
    with sim_world() as (driver, view):
        driver.ok("network", "create", "lan", "--address", "10.79.1.1/24")
        driver.ok("create", "jail", "near", "--network", "lan")
        driver.ok("create", "jail", "web")
        stuck(view, NEVER, kind="network")
        started = driver("start", "near", "web")
        assert started.status == 1, started
        states = {row["name"]: row["state"] for row in driver.json("ls")}
        assert states == {"near": "stopped", "web": "running"}
        driver.ok("stop", "web")
        # New claims of `near` need the network, those of `web` do not.
        moved = driver("set", "near", "web", "nics.0.mac=02:00:00:00:00:10")
        assert moved.status == 1, moved
        assert "near: " in moved.stderr and moved.stdout == "web: set\n"


def test_what_is_gone_already_has_no_journal_after_its_destroy() -> None:
    with sim_world() as (driver, view):
        driver.ok("network", "create", "lan", "--address", "10.79.1.1/24")
        stuck(view, NEVER, kind="network")
        view.fs.unlink("/usr/local/etc/bsdvirt/networks/lan.yaml")
        gone = driver("network", "destroy", "lan")
        assert gone.status == 3, gone
        assert not view.journals()


def test_a_destroyed_guest_is_not_brought_back_by_a_copy_of_its_journal(tmp_path: Path) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web")
        with driver.faulty("kill-after:2"):
            driver("rename", "web", "www")
        state = view.fs.path(STATE)
        shutil.copytree(state, tmp_path / "state")
        driver.ok("doctor", "--repair")
        driver.ok("destroy", "web", "--yes")
        shutil.copytree(tmp_path / "state", state, dirs_exist_ok=True)
        driver.ok("doctor", "--repair")
        assert driver.json("ls") == []
        assert not view.journals()


def link_etc(etc: Path) -> None:
    etc.rename(etc.with_name("etc2"))
    etc.symlink_to("etc2")


@pytest.mark.parametrize("spoil", [link_etc, shutil.rmtree], ids=["link", "nothing"])
def test_a_root_that_is_no_root_wedges_nothing(spoil: Callable[[Path], None]) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "resolver.mode=own", "resolver.servers=[10.0.0.9]")
        spoil(view.fs.path(f"{view.jail_root('web')}/etc"))
        failed = driver("start", "web")
        assert failed.status != 0
        assert "not all could be undone" not in failed.stderr
        assert not view.journals()
        assert driver("start", "web").stderr == failed.stderr
        driver.ok("stop", "web")
        driver.ok("destroy", "web", "--yes", "--force")


def test_a_failed_start_gives_a_link_back() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "resolver.mode=own", "resolver.servers=[10.0.0.9]")
        resolver = view.fs.path(f"{view.jail_root('web')}/etc/resolv.conf")
        resolver.unlink(missing_ok=True)
        resolver.symlink_to("../run/resolv.conf")
        before = view.everything()
        number = 1
        while True:
            with driver.faulty(f"fail:{number}"):
                failed = driver("start", "web")
            if failed.status == 0:
                break
            number += 1
            after = view.everything()
            after["files"].pop("/var/run/bsdvirt/failed/web", None)
            assert after == before
        assert number > 4
