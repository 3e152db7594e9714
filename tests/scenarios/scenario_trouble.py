"""Trouble around bsdvirt: other processes at work, a full pool, a reboot."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of, without_numbers

from bsdvirt_sim import SimHost


@contextlib.contextmanager
def holding(view: HostView, name: str) -> Iterator[None]:
    """Another process, called backup, holds a lock such as guest.web."""
    path = view.fs.path(f"/var/run/bsdvirt/locks/{name}")
    text = (
        "import fcntl, sys, os\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "os.ftruncate(fd, 0); os.pwrite(fd, f'backup, process {os.getpid()}\\n'.encode(), 0)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        process.communicate("")


@scenario()
def a_busy_guest_says_who_has_it(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    before = view.everything()
    with holding(view, "guest.t1"):
        for words in (
            ("start", "t1"), ("stop", "t1"), ("restart", "t1"), ("destroy", "t1", "--yes"),
            ("set", "t1", "protected=yes"),
        ):  # fmt: skip
            began = time.monotonic()
            driver.fails(4, *words, says="backup, process")
            assert time.monotonic() - began < 10
        assert [row["name"] for row in driver.json("ls")] == ["t1", "t2"]
        driver.json("info", "t1")
        both = driver("start", "t1", "t2")
        assert both.status == 1
        assert "t2: started" in both.stdout
        driver.ok("stop", "t2")
        driver("doctor", "--repair")
    assert_same(before, view.everything())
    driver.ok("start", "t1")
    assert fcntl.LOCK_EX


@scenario()
def a_jail_of_somebody_elses_with_our_name(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    view.fs.mkdir("/var/empty")
    if isinstance(view.host, SimHost):
        view.host.settings.add_jail("t1", "/var/empty")
    else:
        view.do("/usr/sbin/jail", "-c", "name=t1", "path=/var/empty", "persist")
    try:
        before = view.everything()
        assert driver.json("ls")[0]["state"] == "stopped"
        driver.fails(4, "start", "t1", says="/var/empty")
        driver.fails(125, "exec", "t1", "--", "true", says="not running")
        driver.ok("stop", "t1")
        assert driver("doctor").status == 1
        after = view.everything()
        after["files"].pop("/var/run/bsdvirt/failed/t1", None)
        assert_same(before, after)
    finally:
        view.do("/usr/sbin/jail", "-R", "t1")


@scenario()
def a_ruleset_that_does_not_exist(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "devfs_ruleset=7777")
    driver.fails(5, "start", "t1", says="7777")
    assert not [line for line in nothing_of(view, ["t1"]) if "failed/" not in line]
    assert driver("doctor").status == 1
    driver.ok("set", "t1", "devfs_ruleset=5")
    driver.ok("start", "t1")


@scenario()
def a_dataset_among_the_guests_that_is_none(driver: Bsdvirt, view: HostView) -> None:
    view.do("/sbin/zfs", "create", f"{view.root}/guests/tstray")
    try:
        assert driver.json("ls") == []
        driver.fails(4, "create", "jail", "tstray", says="tstray")
        driver.fails(3, "destroy", "tstray", "--yes", says="tstray")
        said = driver("doctor")
        assert said.status == 1
        assert "tstray" in said.stdout
        assert driver("doctor", "--repair").status == 1
        assert f"{view.root}/guests/tstray" in view.datasets()
    finally:
        view.do("/sbin/zfs", "destroy", f"{view.root}/guests/tstray")


@scenario(sim_only=True)
def a_full_pool(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "t2", "--start")
    before = view.everything()
    view.host.settings.fill_pool("zroot")
    driver.fails(1, "create", "jail", "t3", says="out of space")
    driver.fails(1, "create", "jail", "t3", "--thick", says="out of space")
    assert_same(before, view.everything())
    driver.ok("ls")
    driver.ok("stop", "t1")
    driver.ok("start", "t1")
    driver.ok("destroy", "t2", "--yes", "--force")
    view.host.settings.fill_pool("zroot", -1)
    driver.ok("create", "jail", "t3", "--start")


@scenario(sim_only=True)
def a_pool_that_is_read_only(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "t2", "--start")
    before = view.everything()
    view.host.settings.set_readonly("zroot", True)
    driver.ok("ls")
    driver.ok("info", "t1")
    created = driver("create", "jail", "t3")
    assert created.status in (1, 5), created
    assert "read-only" in created.stderr or "read only" in created.stderr, created
    assert driver("destroy", "t2", "--yes", "--force").status != 0
    driver("start", "t2")
    assert_same(without_numbers(before), without_numbers(view.everything()))
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])
    view.host.settings.set_readonly("zroot", False)


@scenario(sim_only=True, each_release=True)
def a_reboot(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "t2", "t3", "limits.maxproc=9")
    driver.ok("start", "t1", "t2")
    view.host.settings.reboot()
    assert [row["state"] for row in driver.json("ls")] == ["stopped"] * 3
    driver.ok("doctor")
    driver.ok("start", "--all")
    assert [row["state"] for row in driver.json("ls")] == ["running"] * 3
    driver.ok("exec", "t1", "--", "ping", "-c1", "-t2", driver.json("ls")[1]["addresses"][0])
    view.host.settings.reboot()
    driver.ok("destroy", "t1", "--yes")
    driver.ok("init", "--pool", "zroot")
    driver.ok("start", "t2")
    view.host.settings.reboot()
    driver.ok("doctor", "--repair")


@scenario(sim_only=True)
def a_reboot_amid_a_start(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "limits.maxproc=9")
    stopped = view.everything()
    for step in (2, 4, 6, 8):
        with driver.faulty(f"kill-after:{step}"):
            assert driver("start", "t1").status == -9
        view.host.settings.reboot()
        assert driver.json("ls")[0]["state"] in ("stopped", "interrupted")
        driver.ok("doctor", "--repair")
        after = view.everything()
        assert {**after, "interfaces": 0, "mounts": 0}.keys() == stopped.keys()
        assert_same({"jails": stopped["jails"], "datasets": stopped["datasets"]}, after)
        assert not nothing_of(view, ["t1"])


@scenario(sim_only=True)
def a_jail_that_lingers(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "--start")
    view.host.settings.linger("t1")
    result = driver("stop", "t1")
    assert result.status in (0, 1), result
    view.host.settings.linger("t1", False)
    driver.ok("doctor", "--repair")
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")


@scenario(sim_only=True)
def no_resource_accounting(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    view.host.settings.set_racct(False)
    driver.ok("create", "jail", "t1", "--start")
    driver.ok("info", "t1")
    driver.ok("create", "jail", "t2", "limits.maxproc=9")
    driver.fails(5, "start", "t2", says="kern.racct.enable=1")
    said = driver("doctor")
    assert said.status == 1
    assert "racct" in said.stdout
    driver.ok("stop", "t1")
    view.host.settings.set_racct(True)
