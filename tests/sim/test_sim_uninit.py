"""uninit takes back what init made, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import fast_directory, sim_view, sim_world
from scenario_view import Facts, HostView

STAYS = ("/var/log/bsdvirt", "/var/run/bsdvirt", "/etc/rc.conf")
"""Logs, what is gone at the next boot, and what is compared by itself."""


def facts(view: HostView) -> Facts:
    """All that the host shows, but for what stays."""
    found = view.everything()
    found["files"] = {n: t for n, t in found["files"].items() if not n.startswith(STAYS)}
    return found


def ready(driver: Bsdvirt) -> None:
    driver.ok("init", "--pool", "zroot")
    driver.ok("create", "jail", "web", "--start")
    driver.ok("create", "vm", "vm", "--disk", "8M")


def test_all_that_init_made_is_gone() -> None:
    with sim_world(bare=True) as (driver, view):
        before, rc = facts(view), view.fs.read_text("/etc/rc.conf")
        ready(driver)
        driver.ok("uninit", "--destroy-guests", "--yes")
        assert facts(view) == before
        assert set(view.fs.read_text("/etc/rc.conf").split()) - set(rc.split()) == {
            'gateway_enable="YES"'
        }
        assert not view.fs.exists("/bsdvirt")
        driver.fails(5, "uninit", says="this host is not set up")
        driver.ok("init", "--pool", "zroot")


def test_an_init_that_failed_is_run_again() -> None:
    with sim_world(bare=True) as (driver, view):
        argv = ("init", "--pool", "zroot", "--no-nat")
        failed = driver(*argv, env={"BSDVIRT_FAULT": "fail:3"})
        assert failed.status == 1
        assert "bsdvirt init --pool zroot --no-nat, once that is corrected" in failed.stderr
        assert "doctor" not in failed.stderr
        driver.ok(*argv)
        assert not view.fs.exists("/etc/pf.conf")


def test_guests_are_destroyed_only_if_it_is_said() -> None:
    with sim_world(bare=True) as (driver, view):
        ready(driver)
        before = view.everything()
        driver.fails(4, "uninit", says="this host has guests: vm, web")
        assert driver("uninit", "--destroy-guests").status != 0, "nothing was confirmed"
        driver.ok("uninit", "--destroy-guests", "--dry-run")
        assert view.everything() == before


@pytest.mark.parametrize("place", ["/etc/pf.conf", "/bsdvirt/media/x.iso"])
def test_what_is_the_users_stays(place: str) -> None:
    with sim_world(bare=True) as (driver, view):
        driver.ok("init", "--pool", "zroot")
        view.fs.write(place, 'nat-anchor "bsdvirt/*"\nrdr-anchor "bsdvirt/*"\npass\n')
        told = driver.ok("uninit").stderr
        assert view.fs.read_text(place).endswith("pass\n")
        assert place in told
        assert not view.fs.exists("/usr/local/etc/bsdvirt/bsdvirt.yaml")


def test_one_that_is_protected_keeps_all() -> None:
    with sim_world(bare=True) as (driver, view):
        ready(driver)
        driver.ok("set", "web", "protected=yes")
        before = view.everything()
        driver.fails(4, "uninit", "--destroy-guests", "--yes", says="web is protected")
        assert view.everything() == before


def test_one_that_was_cut_short_is_given_again() -> None:
    with sim_world(bare=True) as (driver, view), fast_directory() as place:
        before = facts(view)
        ready(driver)
        assert driver.sim is not None
        ended = False
        for step in range(1, 60, 4):
            copy = Path(place) / str(step)
            shutil.copytree(driver.sim, copy, symlinks=True)
            other = Bsdvirt(copy)
            with other.faulty(f"kill-after:{step}"):
                ended = other("uninit", "--destroy-guests", "--yes").status == 0
            if not ended:
                again = other("uninit", "--destroy-guests", "--yes")
                assert again.status == 0 or "not set up" in again.stderr, (step, again)
            assert facts(sim_view(copy)) == before, step
            if ended:
                break
        assert ended


@pytest.mark.parametrize("number", [11, 12, 16])
def test_an_init_that_fails_leaves_no_dataset(number: int) -> None:
    with sim_world(bare=True) as (driver, view):
        before = facts(view)
        driver("init", "--pool", "zroot", env={"BSDVIRT_FAULT": f"fail:{number}"})
        found = facts(view)
        assert [found[name] for name in ("datasets", "mounts")] == [
            before[name] for name in ("datasets", "mounts")
        ]
