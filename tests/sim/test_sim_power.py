"""The power is cut at a step of every verb, and once it has ended: of files only what was
synced is left. What comes up again is what was there before, or after, and works.

make matrix cuts at every step; the gate at some.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import fast_place, sim_world
from scenario_view import Facts
from test_sim_crash import CASES, MOST_STEPS, Case, Known, known, place, state_of

from bsdvirt_sim import SimHost

EVERY = 22
"""Of so many steps the gate takes one."""

__all__ = ["place"]


@functools.cache
def goals(case: Case) -> tuple[Facts, ...]:
    """What the host shows after a reboot and a repair: with the verb not begun, and done."""
    top = Path(tempfile.mkdtemp(prefix="bsdvirt-power-", dir=fast_place()))
    try:
        found = []
        for number, commands in enumerate(((), (case.verb,), *case.between)):
            copy = top / f"end{number}"
            shutil.copytree(known(case).host, copy, symlinks=True)
            for words in commands:
                Bsdvirt(copy).ok(*words)
            found.append(came_up(case, copy))
        return tuple(found)
    finally:
        shutil.rmtree(top)


def came_up(case: Case, directory: Path, *, late: bool | None = None) -> Facts:
    settings = SimHost(directory).settings
    settings.reboot() if late is None else settings.cut_power(late=late)
    driver = Bsdvirt(directory)
    if case.bare:
        driver.ok(*case.verb)
    driver.ok("ls")
    driver.ok("doctor", "--repair")
    assert "problem" not in driver.ok("doctor").stdout
    return state_of(directory, known(case).host)


def steps(case: Case) -> Iterator[tuple[str, bool]]:
    """Where to cut the power, none for the verb's end, and whether the pools have written
    all by then."""
    if os.environ.get("BSDVIRT_MATRIX") == "all":
        every = range(1, MOST_STEPS)
        yield from ((f"kill-after:{n}", late) for n in every for late in (True, False))
    else:
        first = 1 + zlib.crc32(case.name.encode()) % EVERY
        yield from ((f"kill-after:{n}", n % 2 == 0) for n in range(first, MOST_STEPS, EVERY))
    yield "", True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_power_cut_leaves_what_was_or_what_is_to_be(case: Case, place: Path) -> None:
    was: Known = known(case)
    wrong: list[str] = []
    ended = False
    for fault, late in steps(case):
        if fault and ended:
            continue
        directory = place / f"{fault.replace(':', '') or 'done'}{late}"
        shutil.copytree(was.host, directory, symlinks=True)
        driver = Bsdvirt(directory)
        SimHost(directory).settings.record_syncs()
        with driver.faulty(fault):
            result = driver(*case.verb)
        ended = fault != "" and result.status == 0
        assert result.status == (-9 if fault and not ended else 0), result
        allowed = goals(case)[1:2] if result.status == 0 else goals(case)
        try:
            found = was.ways(came_up(case, directory, late=late), *allowed)
            assert not found, "\n".join(["half made:", *found[:6]])
        except AssertionError as error:
            wrong.append(f"{fault or 'when it had ended'} {late}: {error}")
        shutil.rmtree(directory)
    assert not wrong, "\n\n".join([f"{case.name}:", *wrong])


def test_init_loses_nothing_of_rc_conf() -> None:
    with sim_world(bare=True) as (driver, view):
        settings = SimHost(driver.sim or "").settings
        settings.record_syncs()
        driver.ok("init", "--pool", "zroot")
        settings.cut_power(late=True)
        lines = view.fs.read_text("/etc/rc.conf").splitlines()
        for line in ('hostname="fbsd"', 'bsdvirt_enable="YES"', 'pf_enable="YES"'):
            assert line in lines
        assert "problem" not in driver.ok("doctor").stdout


@pytest.mark.parametrize("verb", ["destroy", "rename"])
def test_logs_do_not_come_back(verb: str) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        driver.ok("stop", "web")
        assert view.fs.exists("/var/log/bsdvirt/web")
        settings = SimHost(driver.sim or "").settings
        settings.record_syncs()
        driver.ok(*(("destroy", "web", "--yes") if verb == "destroy" else ("rename", "web", "www")))
        settings.cut_power(late=True)
        assert not view.fs.exists("/var/log/bsdvirt/web")
        assert view.fs.exists("/var/log/bsdvirt/www") == (verb == "rename")


def test_what_was_not_synced_is_lost_or_empty() -> None:
    with sim_world() as (driver, view):
        settings = SimHost(driver.sim or "").settings
        view.fs.write("/etc/old", "old\n")
        settings.record_syncs()
        view.fs.unlink("/etc/old")
        view.fs.write("/etc/new", "new\n")
        view.fs.write("/usr/local/etc/half", "half\n")
        view.fs.sync_dir("/usr/local/etc")
        view.fs.write("/usr/local/etc/whole", "whole\n", sync=True)
        settings.cut_power()
        assert view.fs.read_text("/etc/old") == "old\n"
        assert not view.fs.exists("/etc/new")
        assert view.fs.read_text("/usr/local/etc/half") == ""
        assert view.fs.read_text("/usr/local/etc/whole") == "whole\n"
