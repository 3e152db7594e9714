"""Datasets that are not mounted where they belong, and the space reserved for the journal."""

from __future__ import annotations

import pytest
from scenario_hosts import sim_world
from scenario_view import HostView
from test_sim_journals import NEVER, stuck

CHANGES = (
    ("create", "jail", "db"),
    ("set", "web", "limits.maxproc=7"),
    ("start", "web"),
    ("rename", "web", "www"),
    ("destroy", "web", "--yes"),
    ("tag", "web", "x"),
    ("network", "create", "lan", "--address", "10.79.1.1/24"),
    ("network", "set", "private", "description=x"),
    ("network", "destroy", "wan"),
    ("media", "add", "/usr/freebsd-dist/MANIFEST", "--name", "a.iso"),
    ("media", "rm", "b.iso"),
)


def unmount(view: HostView, name: str) -> None:
    view.do("/sbin/zfs", "unmount", f"{view.root}/{name}")


@pytest.mark.parametrize("dataset", ["state", "guests"])
def test_nothing_is_changed_while_it_is_not_mounted(dataset: str) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "up")
        driver.ok("start", "up")
        driver.ok("media", "add", "/usr/freebsd-dist/MANIFEST", "--name", "b.iso")
        driver.ok("network", "create", "wan", "--address", "10.79.2.1/24")
        unmount(view, "guests/web/root")
        unmount(view, "guests/web")
        if dataset == "state":
            view.do("/sbin/zfs", "mount", f"{view.root}/guests/web")
            view.do("/sbin/zfs", "mount", f"{view.root}/guests/web/root")
            unmount(view, "state")
        else:
            driver.ok("stop", "up")
            unmount(view, "guests/up/root")
            unmount(view, "guests/up")
            unmount(view, "guests")
        before = view.everything()
        for words in CHANGES:
            refused = driver(*words)
            assert refused.status == 5, refused
            assert f"{view.root}/{dataset} is not mounted" in refused.stderr
            assert f"zfs mount {view.root}/{dataset}" in refused.stderr
        assert view.everything() == before
        assert view.fs.listdir(f"{view.mountpoint}/{dataset}") == []
        driver.ok("ls")
        driver("doctor", "--repair")
        driver.ok("start", "web")


def test_what_runs_can_be_stopped_without_a_journal() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        unmount(view, "state")
        assert "without a journal" in driver.ok("stop", "web").stderr
        assert view.fs.listdir(f"{view.mountpoint}/state") == []


def test_a_start_mounts_what_is_the_guests_own() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "resolver.mode=keep")
        before = view.everything()
        unmount(view, "guests/web/root")
        unmount(view, "guests/web")
        driver.ok("start", "web")
        driver.ok("stop", "web")
        assert view.everything() == before
        unmount(view, "guests/web/root")
        driver.ok("start", "web")
        assert driver.ok("exec", "web", "--", "hostname").stdout == "web\n"


def test_the_boot_mends_before_it_starts() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "db", "idle")
        driver.ok("set", "web", "boot.auto=yes")
        with driver.faulty("kill-after:2"):
            driver("rename", "idle", "lazy")
        with driver.faulty("kill-after:2"):
            driver("destroy", "db", "--yes")
        assert len(view.journals()) == 3
        broken = stuck(view, NEVER, kind="network")
        view.host.settings.reboot()  # type: ignore[attr-defined]
        started = driver.ok("boot", "start")
        assert "cannot be undone" in started.stderr
        assert [broken.name] == view.journals()
        states = {row["name"]: row["state"] for row in driver.json("ls")}
        assert states["web"] == "running"
        assert "interrupted" not in states.values()
        assert "cut short" in driver("doctor").stdout
        log = view.fs.read_text("/var/log/bsdvirt/events.log")
        assert "boot-mend" in log


def test_the_journal_has_room_of_its_own_in_a_full_pool() -> None:
    """With 16 MiB, a real ZFS refused the journal of every operation."""
    with sim_world() as (driver, view):
        name = f"{view.root}/state"
        argv = ("/sbin/zfs", "get", "-Hp", "-o", "value", "refreservation", name)
        assert view.run(*argv).stdout == f"{64 << 20}\n"
        for less in ("none", "16M"):
            view.do("/sbin/zfs", "set", f"refreservation={less}", name)
            assert "too little space reserved" in driver.ok("doctor").stdout
            driver.ok("doctor", "--repair")
            assert view.run(*argv).stdout == f"{64 << 20}\n"
        assert "all is well" in driver.ok("doctor").stdout
