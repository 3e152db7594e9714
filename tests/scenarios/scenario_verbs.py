"""What a running guest takes at once, and the verbs of every day."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

from bsdvirt.host.sim import SimHost

NEXT = "takes hold at the next start"


def cpus_of(view: HostView, name: str) -> str:
    shown = view.run("/usr/bin/cpuset", "-g", "-j", name).stdout
    return shown.splitlines()[0].partition("mask: ")[2]


@scenario()
def limits_and_cpus_change_at_once(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=50", "limits.nthr=400", "--start")
    every = cpus_of(view, "t1")
    words = ("limits.maxproc=60", "limits.nthr=", "limits.readbps=1M", "cpuset=0")
    before = view.everything()
    shown = driver.ok("set", "-n", "t1", *words).stdout
    assert "rctl -a jail:t1:maxproc:deny=60" in shown
    assert "cpuset -l 0 -j t1" in shown
    assert_same(before, view.everything())
    said = driver.ok("set", "t1", *words)
    assert NEXT not in said.stdout + said.stderr
    rules = ["jail:t1:maxproc:deny=60", "jail:t1:readbps:throttle=1048576"]
    assert view.rules() == rules
    assert cpus_of(view, "t1") == "0"
    driver.ok("set", "t1", "limits.readbps=2M")
    assert view.rules() == [rules[0], "jail:t1:readbps:throttle=2097152"]
    said = driver.ok("set", "t1", "cpuset=", "hostname=other.example.org", "limits.maxproc=70")
    assert f"hostname {NEXT}" in said.stdout + said.stderr
    assert "limits" not in said.stderr
    assert cpus_of(view, "t1") == every
    assert "jail:t1:maxproc:deny=70" in view.rules()
    driver.ok("restart", "t1")
    assert "jail:t1:maxproc:deny=70" in view.rules()
    driver.ok("stop", "t1")
    assert not view.rules()


@scenario()
def a_live_change_that_fails_is_undone_whole(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=50", "--start")
    before = view.everything()
    for number in range(1, 9):
        with driver.faulty(f"fail:{number}"):
            result = driver("set", "t1", "limits.maxproc=60", "limits.writebps=1M", "cpuset=0")
        if result.status == 0:
            assert number == 6, result
            break
        assert_same(before, view.everything(), number)
    assert cpus_of(view, "t1") == "0"
    now = view.everything()
    driver.fails(2, "set", "t1", "cpuset=0-99", "limits.maxproc=70", says="no CPU")
    assert_same(now, view.everything())


@scenario(sim_only=True)
def no_live_limit_without_accounting(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    before = view.everything()
    assert isinstance(view.host, SimHost)
    view.host.settings.set_racct(False)
    driver.fails(5, "set", "t1", "limits.maxproc=60", says="kern.racct.enable=1")
    assert_same(before, view.everything())
    driver.ok("set", "t1", "cpuset=0")
    view.host.settings.set_racct(True)
