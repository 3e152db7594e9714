"""set and get."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

NEXT = "takes hold at the next start"


@scenario()
def set_keeps_what_people_wrote(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    path = view.fs.path(view.guest_file("t1"))
    path.write_text("# mine\n" + path.read_text() + "\n# the end\n")
    driver.ok("set", "t1", "limits.maxproc=55", "description=for a test")
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert text.rstrip().endswith("# the end")
    assert driver.ok("get", "t1", "limits.maxproc").stdout == "55\n"
    assert driver.ok("get", "t1", "description").stdout == "for a test\n"
    assert driver.json("get", "t1", "limits.maxproc", "boot.auto") == {
        "limits.maxproc": 55,
        "boot.auto": False,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    driver.ok("set", "t1", "limits.maxproc=")
    assert driver.json("get", "t1", "limits.maxproc") == {"limits.maxproc": None}
    driver.fails(2, "get", "t1", "nope", says="nope")
    driver.fails(2, "get", "t1", "nics.7.address", says="nics")
    driver.fails(3, "get", "tnone", says="tnone")
    assert "release:" in driver.ok("get", "t1").stdout


@scenario()
def boot_settings_are_the_guests_own(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3", "--autostart")
    assert [row["autostart"] for row in driver.json("ls")] == [True] * 3
    before = view.guest_text("t1")
    driver.ok("set", "t1", "boot.auto=no", "boot.order=7")
    assert view.guest_text("t1") == before
    assert driver.json("get", "t1", "boot.auto", "boot.order") == {
        "boot.auto": False,
        "boot.order": 7,
    }
    driver.ok("set", "t2", "boot.after=t1")
    driver.ok("set", "t3", "boot.after=t1,t2")
    now = view.everything()
    said = driver.fails(4, "set", "t1", "boot.after=t3", says="circle").stderr
    assert "t1" in said
    assert "t3" in said
    driver.fails(4, "set", "t1", "boot.after=t1", says="circle")
    driver.fails(2, "set", "t1", "boot.after=tnone", says="no guest tnone")
    driver.fails(2, "set", "t1", "boot.order=-1", says="boot.order")
    driver.fails(2, "set", "t1", "boot.colour=red", says="boot.colour")
    assert_same(now, view.everything())


@scenario()
def a_running_guest_is_told_when_it_takes_hold(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    said = driver.ok("set", "t1", "hostname=other.example.org")
    assert NEXT in said.stdout + said.stderr
    for assignment in ("description=x", "protected=yes", "protected=no", "boot.auto=yes"):
        said = driver.ok("set", "t1", assignment)
        assert NEXT not in said.stdout + said.stderr
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    driver.ok("stop", "t1")
    said = driver.ok("set", "t1", "limits.maxproc=99")
    assert NEXT not in said.stdout + said.stderr
    driver.ok("start", "t1")
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "other.example.org\n"


@scenario()
def set_that_changes_nothing_writes_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=5")
    before = view.everything()
    inode = view.fs.path(view.guest_file("t1")).stat().st_ino
    driver.ok("set", "t1", "limits.maxproc=5")
    assert view.fs.path(view.guest_file("t1")).stat().st_ino == inode
    assert_same(before, view.everything())


@scenario()
def set_that_is_wrong_changes_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    before = view.everything()
    for assignment, says in {
        "limits.maxproc=many": "limits.maxproc",
        "limits.maxproc=0": "limits.maxproc",
        "limits.memoryuse=1X": "limits.memoryuse",
        "limits.colour=1": "limits.colour",
        "cpuset=99": "no CPU 99",
        "cpuset=3-1": "backwards",
        "hostname=a_b": "hostname",
        "nics.0.network=tnope": "tnope",
        "nics.0.address=10.0.0.0/33": "nics.0.address",
        "nics.5.network=private": "nics.5",
        "params.no.such=1": "no.such",
        "allow.no_such=1": "allow.no_such",
        "vnet=inherit": "vnet",
        "path=/": "path",
        "devfs_ruleset=0": "devfs_ruleset",
        "resolver.mode=own": "servers",
        "exec.timeout=0": "exec.timeout",
        "stop.timeout=x": "stop.timeout",
        "x=1": "x",
        "=1": "",
    }.items():
        driver.fails(2, "set", "t1", assignment, says=says)
        assert_same(before, view.everything(), assignment)
    driver.fails(4, "set", "t1", "release=12.0-RELEASE", says="fixed")
    driver.fails(2, "set", "t1", says="set what")
    driver.fails(2, "set", "limits.maxproc=4", says="which guest")
    driver.fails(2, "set", "t1", "a=1", "a=2", says="twice")
    driver.fails(3, "set", "tnone", "limits.maxproc=4", says="tnone")
    assert_same(before, view.everything())


@scenario()
def interfaces_come_and_go_with_set(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", "--address", "10.79.1.1/24",
              "--pool", "10.79.1.10-10.79.1.20")  # fmt: skip
    driver.ok("create", "jail", "t1")
    mac = driver.json("info", "t1")["nics"][0]["mac"]
    driver.ok("set", "t1", "nics.1.network=tnet")
    nics = driver.json("info", "t1")["nics"]
    assert nics[0]["mac"] == mac
    assert nics[1]["address"] == "10.79.1.10/24"
    driver.ok("start", "t1")
    assert "10.79.1.10 " in driver.ok("exec", "t1", "--", "ifconfig").stdout
    driver.ok("stop", "t1")
    driver.ok("set", "t1", "nics.1=")
    assert len(driver.json("info", "t1")["nics"]) == 1
    driver.ok("set", "t1", "nics.0.address=none")
    assert driver.json("info", "t1")["nics"][0]["address"] is None
    driver.ok("start", "t1")
