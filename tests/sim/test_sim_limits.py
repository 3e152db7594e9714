"""limits: what is in force, and how near it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from scenario_driver import Bsdvirt, wait_for
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt.host import tools
from bsdvirt.ops.show.limits import limits
from bsdvirt.session.session import Session

MB = 1 << 20


@pytest.fixture
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world() as (driver, view):
        yield driver, view


def test_limits_of_what_runs_the_nearest_first(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "limits.memoryuse=100M", "limits.maxproc=50", "--start")
    driver.ok("create", "jail", "db", "limits.memoryuse=10M", "--start")
    driver.ok("create", "jail", "free", "--start")
    driver.ok("create", "jail", "off", "limits.maxproc=5")
    view.host.settings.set_load("web", memory=25 * MB)  # type: ignore[attr-defined]
    view.host.settings.set_load("db", memory=9 * MB)  # type: ignore[attr-defined]
    rows = driver.json("limits")
    assert [(row["name"], row["resource"], row["percent"]) for row in rows] == [
        ("db", "memoryuse", 90.0), ("web", "memoryuse", 25.0), ("web", "maxproc", 4.0),
    ]  # fmt: skip
    assert rows[0] == {
        "name": "db", "kind": "jail", "resource": "memoryuse", "action": "deny", "per": None,
        "limit": 10 * MB, "used": 9 * MB, "percent": 90.0, "unit": "bytes",
        "hits": 0, "last_hit": None,
    }  # fmt: skip
    assert driver.ok("limits", "web").lines[1].split() == [
        "web", "memoryuse", "deny", "100M", "25M", "25%", "0", "-",
    ]  # fmt: skip
    assert driver.ok("limits", "-H", "db").lines == [
        f"db\tmemoryuse\tdeny\t{10 * MB}\t{9 * MB}\t90.0\t0\t-"
    ]


def test_limits_of_a_virtual_machine_are_those_of_its_process(
    world: tuple[Bsdvirt, HostView],
) -> None:
    driver, view = world
    image(driver, view)
    driver.ok("create", "vm", "v1", *SMALL, "--image", "gold", "limits.pcpu=50", "--start")
    (row,) = driver.json("limits")
    assert (row["name"], row["kind"], row["resource"], row["limit"]) == ("v1", "vm", "pcpu", 50)
    assert row["unit"] == "percent"
    assert row["used"] is not None


def test_no_limits_and_no_accounting(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    assert "no limits are in force" in driver.ok("limits").stdout
    assert driver.json("limits") == []
    view.host.settings.set_racct(False)  # type: ignore[attr-defined]
    driver.fails(5, "limits", says="kern.racct.enable=1")
    driver.fails(3, "limits", "nosuch", says="nosuch")


def test_how_often_a_limit_was_reached(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    words = ("limits.maxproc=50", "limits.readbps=1M", "limits.rules=vmemoryuse:deny=2G/process")
    driver.ok("create", "jail", "web", *words, "--start")
    driver.ok("create", "jail", "db", "limits.maxproc=50", "--start")
    settings = view.host.settings  # type: ignore[attr-defined]
    assert driver.json("limits")[0]["hits"] == 0
    for pid in (900, 901, 901):
        (event,) = settings.reach("jail:web", "maxproc", pid=pid)
    assert event == (
        "!system=RCTL subsystem=rule type=matched"
        " rule=jail:web:maxproc:devctl=49 pid=901 ruid=0 jail=web"
    )
    settings.reach("jail:web", "vmemoryuse")
    assert settings.reach("jail:web", "readbps") == [], "a busy guest is at it all the time"
    rows = {(row["name"], row["resource"], row["per"]): row for row in driver.json("limits")}
    assert len(rows) == 4, "rules that report are not listed"
    assert rows["web", "maxproc", None]["hits"] == 3
    assert rows["web", "maxproc", None]["last_hit"].endswith("Z")
    assert rows["web", "vmemoryuse", "process"]["hits"] == 1
    assert rows["web", "vmemoryuse", "process"]["used"] is None
    assert rows["web", "readbps", None]["hits"] is None
    assert rows["db", "maxproc", None]["hits"] == 0
    line = next(line for line in driver.ok("limits", "web").lines if " maxproc " in line)
    assert line.split()[3:] == ["50", "2", "4%", "3", rows["web", "maxproc", None]["last_hit"]]

    events = [row for row in driver.json("events", "web") if row["verb"] == "limit"]
    assert sorted(row["message"] for row in events) == [
        "reached its limit of maxproc, 50, 3 times",
        "reached its limit of vmemoryuse per process, 2G (process 812)",
    ]
    assert {(row["subject"], row["user"], row["ok"]) for row in events} == {("web", "kernel", True)}
    assert not [row for row in driver.json("events", "db") if row["verb"] == "limit"]
    assert driver.json("events", "web", "--failed") == []
    reached = driver.json("info", "web")["reached"]
    assert {(row["resource"], row["per"], row["limit"], row["times"]) for row in reached} == {
        ("maxproc", None, 50, 3), ("vmemoryuse", "process", 2 << 30, 1),
    }  # fmt: skip
    told = driver.ok("doctor").stdout
    assert "web: has reached its limit of" in told
    assert "maxproc 50, 3 times, last at " in told
    jid = driver.json("info", "web")["jid"]
    for killed in (jid, jid, jid + 500):
        settings.kill(4711, killed)
    told = driver.ok("doctor").stdout
    assert "web: the kernel has killed 2 of its processes: out of swap space" in told
    (view.fs.path("/var/run/devd.pid")).unlink()
    assert "devd: devd(8) does not run" in driver.ok("doctor").stdout


def test_reports_of_a_virtual_machine_are_by_its_process(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    image(driver, view)
    words = ("--image", "gold", "limits.rules=openfiles:deny=900")
    driver.ok("create", "vm", "v1", *SMALL, *words, "--start")
    pid = driver.json("info", "v1")["pid"]
    assert view.rules() == [
        f"process:{pid}:openfiles:deny=900", f"process:{pid}:openfiles:devctl=900"
    ]  # fmt: skip
    view.host.settings.reach(f"process:{pid}", "openfiles", pid=pid)  # type: ignore[attr-defined]
    (row,) = driver.json("limits", "v1")
    assert (row["hits"], row["limit"]) == (1, 900)


def test_the_names_of_a_guests_own_jails_forge_no_report(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "children.max=3", "limits.maxproc=50", "--start")
    driver.ok("create", "jail", "db", "limits.maxproc=50", "--start")
    settings = view.host.settings  # type: ignore[attr-defined]
    names = (
        "web.a rule=jail:db:maxproc:devctl=49 pid=1", "web.\n!system=RCTL", "web.$(touch /x)`x`",
        "web.' pid=7", "web." + "x" * 250,
    )  # fmt: skip
    for name in names:
        settings.reach("jail:web", "maxproc", jail=name)
    log = view.fs.read_text("/var/log/bsdvirt/web/limits.log")
    assert [line.split(" ", 1)[1] for line in log.splitlines()] == ["maxproc:devctl=49 812"] * 5
    assert not view.fs.exists("/var/log/bsdvirt/db/limits.log")
    assert {row["name"]: row["hits"] for row in driver.json("limits")} == {"web": 5, "db": 0}


def test_a_virtual_machine_that_resets_keeps_its_new_limits(
    world: tuple[Bsdvirt, HostView],
) -> None:
    driver, view = world
    image(driver, view)
    driver.ok("create", "vm", "v1", *SMALL, "--image", "gold", "limits.pcpu=50", "--start")
    first = driver.json("info", "v1")["pid"]
    driver.ok("set", "v1", "limits.pcpu=70")
    assert view.rules() == [f"process:{first}:pcpu:deny=70"]
    driver.ok("reset", "v1")
    wait_for(lambda: driver.json("info", "v1")["pid"] not in (first, None), 20)
    wait_for(lambda: driver.json("ls")[0]["state"] == "running", 20)
    assert view.rules() == [f"process:{driver.json('info', 'v1')['pid']}:pcpu:deny=70"]


def test_limits_are_read_by_the_same_commands_for_any_number_of_jails(
    world: tuple[Bsdvirt, HostView], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, view = world
    ran: list[str] = []
    run = view.host.run

    def counted(argv: tuple[str, ...], **rest: object) -> object:
        ran.append(argv[0])
        return run(argv, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(view.host, "run", counted)
    for names in (("j1",), ("j2", "j3", "j4")):
        driver.ok("create", "jail", *names, "limits.maxproc=50", "limits.nthr=70", "--start")
        ran.clear()
        rows = limits(Session(view.host))
        assert ran.count(tools.RCTL) == 2
    assert len(rows) == 8
    assert {row.used for row in rows} == {2}


def test_a_limit_that_is_reached_is_told_to_who_follows(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "limits.maxproc=50", "--start")
    argv = driver.argv("events", "-f", "-l", "1", "web")
    follower = subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env=driver.environment(), start_new_session=True
    )
    with follower:
        assert follower.stdout is not None
        assert " start web " in follower.stdout.readline()
        view.host.settings.reach("jail:web", "maxproc")  # type: ignore[attr-defined]
        line = follower.stdout.readline()
        follower.terminate()
    assert " kernel limit web 0.0s ok: reached its limit of maxproc, 50 (process 812)\n" in line
