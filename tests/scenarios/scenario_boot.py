"""Boot and shutdown of the host: order, readiness, time budgets, guests that hang, reboots."""

from __future__ import annotations

import re
import signal
import time

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_trouble import holding
from scenario_view import HostView, nothing_of

from bsdvirt_sim import SimHost

HANGS = "exec.stop=sleep 600"
REAL_TIME = {"BSDVIRT_SIM_REALTIME": "1"}
EVENTS = "/var/log/bsdvirt/events.log"


def logged(view: HostView, *verbs: str) -> list[str]:
    """The guests in the log of events, as they came, of these verbs."""
    found = []
    for line in view.fs.read_or(EVENTS).splitlines():
        _, verb, subject, *rest = line.split(" ")
        if verb in verbs and "warning:" not in rest:
            found.append(subject)
    return found


def forget_log(view: HostView) -> None:
    view.fs.write(EVENTS, "", 0o640)


def states(driver: Bsdvirt) -> dict[str, str]:
    return {row["name"]: row["state"] for row in driver.json("ls")}


@scenario()
def guests_start_and_stop_in_order(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "tapp", "tdb", "tweb", "tby", "thand", "boot.auto=yes")
    driver.ok("set", "thand", "boot.auto=no")
    driver.ok("set", "tweb", "boot.after=tdb")
    driver.ok("set", "tapp", "boot.after=tweb")
    driver.ok("set", "tdb", "boot.auto=no", "boot.ready=true")
    plan = driver.json("boot", "plan")
    assert plan["networks"] == ["private"]
    assert [guest["name"] for guest in plan["guests"]] == ["tby", "tdb", "tweb", "tapp"]
    assert [guest["depth"] for guest in plan["guests"]] == [0, 0, 1, 2]
    shown = driver.ok("boot", "plan").lines
    assert shown[2].startswith("tdb  (order 100; ready: true")
    assert shown[3].startswith("  tweb")
    assert shown[4].startswith("    tapp")
    assert driver("boot", "status").status == 1
    forget_log(view)
    driver.ok("boot", "start")
    order = logged(view, "boot-start")
    assert sorted(order) == ["tapp", "tby", "tdb", "tweb"]
    assert [name for name in order if name != "tby"] == ["tdb", "tweb", "tapp"]
    assert states(driver)["thand"] == "stopped"
    driver.ok("boot", "status")
    assert "already running" in driver.ok("boot", "start").stdout
    driver.ok("start", "thand")
    forget_log(view)
    driver.ok("boot", "stop")
    order = logged(view, "boot-stop")
    assert sorted(order) == ["tapp", "tby", "tdb", "thand", "tweb"]
    assert [name for name in order if name not in ("tby", "thand")] == ["tapp", "tweb", "tdb"]
    assert set(states(driver).values()) == {"stopped"}
    assert not nothing_of(view, ["tapp", "tby", "tdb", "thand", "tweb"])
    assert driver.ok("boot", "stop").stdout == ""


@scenario()
def only_those_that_are_named(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    driver.ok("set", "t2", "boot.after=t1")
    driver.ok("boot", "start", "t2")
    assert states(driver) == {"t1": "running", "t2": "running", "t3": "stopped"}
    driver.ok("boot", "stop", "t1")
    assert states(driver) == {"t1": "stopped", "t2": "running", "t3": "stopped"}
    assert driver.ok("boot", "stop", "t1", "t3").lines == ["t1: not running", "t3: not running"]
    driver.fails(3, "boot", "start", "t9", says="t9")
    driver.fails(3, "boot", "stop", "t9", says="t9")
    dry = driver.ok("boot", "stop", "-n")
    assert "jail -f" in dry.stdout
    assert states(driver)["t2"] == "running"
    dry = driver.ok("boot", "start", "-n", "t3")
    assert "jail -c" in dry.stdout
    assert states(driver)["t3"] == "stopped"


@scenario()
def one_that_is_never_ready(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "tdb", "tweb", "tapp", "tfree", "boot.auto=yes")
    driver.ok("set", "tdb", "boot.ready=false", "boot.ready_timeout=1")
    driver.ok("set", "tweb", "boot.after=tdb")
    driver.ok("set", "tapp", "boot.after=tweb")
    result = driver("boot", "start")
    assert result.status == 1
    assert "not ready within 1 s" in result.stderr
    assert "tweb: not started, because tdb failed" in result.stderr
    assert "tapp: not started, because tweb failed" in result.stderr
    assert states(driver) == {
        "tdb": "running", "tweb": "stopped", "tapp": "stopped", "tfree": "running"
    }  # fmt: skip
    driver.ok("set", "tdb", "boot.ready_policy=continue")
    result = driver("boot", "start")
    assert result.status == 1
    assert set(states(driver).values()) == {"running"}
    driver.ok("set", "tdb", "boot.ready=true", "boot.ready_timeout=60")
    driver.ok("boot", "start")
    driver.fails(2, "set", "tdb", "boot.ready=tcp:99999", says="has no port")


@scenario()
def one_that_does_not_start(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "tdb", "exec.start=/usr/bin/false")
    driver.ok("create", "jail", "tweb", "boot.auto=yes", "boot.after=tdb")
    result = driver("boot", "start")
    assert result.status == 1
    assert "tweb: not started, because tdb failed" in result.stderr
    assert states(driver) == {"tdb": "failed", "tweb": "stopped"}
    assert any("boot-start tdb" in line and "failed:" in line
               for line in view.fs.read_or(EVENTS).splitlines())  # fmt: skip


@scenario(sim_only=True)
def a_port_tells_that_it_is_ready(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "tdb", "boot.auto=yes", "boot.ready=tcp:5432")
    driver.ok("set", "tdb", "boot.ready_timeout=1")
    assert "not ready" in driver("boot", "start").stderr
    view.host.settings.listen("tdb", 5432)
    driver.ok("boot", "start")
    driver.ok("boot", "stop")


@scenario(sim_only=True)
def a_circle_is_refused_and_shown(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3", "boot.auto=yes")
    driver.ok("set", "t1", "boot.after=t2")
    driver.fails(4, "set", "t2", "boot.after=t1", says="circle")
    # By hand, behind bsdvirt's back.
    dataset = f"{view.root}/guests/t2"
    value = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout
    changed = value.strip().replace('"auto":true', '"auto":true,"after":["t1"]')
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={changed}", dataset)
    result = driver("boot", "plan")
    assert result.status == 1
    assert "t1 after t2 after t1" in result.stderr
    result = driver("boot", "start")
    assert result.status == 1
    assert states(driver) == {"t1": "stopped", "t2": "stopped", "t3": "running"}
    assert driver("boot", "status").status == 1
    driver.ok("boot", "stop")
    driver.ok("set", "t2", "boot.after=")


@scenario()
def guests_that_hang_end_within_the_budget(driver: Bsdvirt, view: HostView) -> None:
    names = [f"t{number}" for number in range(5)]
    driver.ok("create", "jail", *names, HANGS)
    driver.ok("create", "jail", "tgood", "boot.after=t0")
    driver.ok("start", *names, "tgood")
    budget = 5 if view.simulated else 40
    began = time.monotonic()
    process = driver.begin("boot", "stop", "--budget", str(budget), env=REAL_TIME)
    result = driver.end(process)
    assert time.monotonic() - began < budget + 3
    assert result.status == 0, result
    assert set(states(driver).values()) == {"stopped"}
    assert "tgood: stopped\n" in result.stdout
    for name in names:
        assert f"{name}: stopped by force: it did not stop within" in result.stdout
        assert re.search(f"boot-stop {name} .*by force", view.fs.read_or(EVENTS))
    assert not nothing_of(view, [*names, "tgood"])


@scenario()
def a_second_signal_hastens(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", HANGS)
    driver.ok("set", "t2", "boot.after=t1")
    driver.ok("start", "t1", "t2")
    process = driver.begin("boot", "stop", "--budget", "60", env=REAL_TIME)
    time.sleep(3 if view.simulated else 12)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    result = driver.end(process)
    assert time.monotonic() - began < (8 if view.simulated else 30)
    assert result.status == 0, result
    assert "a second signal forces them" in result.stderr
    assert "t2: stopped by force: a second signal" in result.stdout
    assert "t1: stopped by force: a second signal" in result.stdout
    assert set(states(driver).values()) == {"stopped"}


@scenario()
def a_guest_that_is_held_is_stopped_all_the_same(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    driver.ok("start", "t1", "t2")
    budget = 4 if view.simulated else 30
    with holding(view, "guest.t1"):
        began = time.monotonic()
        result = driver.ok("boot", "stop", "--budget", str(budget))
        assert time.monotonic() - began < budget + 2
        assert "t2: stopped\n" in result.stdout
        assert "t1: stopped by force: guest t1 is busy: backup, process" in result.stdout
    assert set(states(driver).values()) == {"stopped"}


@scenario(sim_only=True)
def after_a_power_loss_all_start_again(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    names = [f"t{number}" for number in range(8)]
    driver.ok("create", "jail", *names, "boot.auto=yes")
    driver.ok("set", "t7", "boot.after=t6")
    driver.ok("boot", "start")
    # A start cut short, and what it leaves: a journal, interfaces, a generated file.
    driver.ok("stop", "t3")
    with driver.faulty("kill-after:4"):
        assert driver("start", "t3").status < 0
    view.host.settings.reboot()
    assert driver("boot", "status").status == 1
    driver.ok("boot", "network")
    assert driver.json("network", "info", "private")["state"] == "up"
    driver.ok("boot", "start")
    assert set(states(driver).values()) == {"running"}
    driver.ok("doctor")
    view.host.settings.reboot()
    driver.ok("boot", "start")
    driver.ok("boot", "stop")
    assert set(states(driver).values()) == {"stopped"}


@scenario(sim_only=True)
def a_network_that_is_broken_keeps_only_its_own_down(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    view.host.settings.add_interface("em9", "00:11:22:33:44:55")
    driver.ok("network", "create", "tlan", "--uplink", "em9", "--subnet", "10.9.0.0/24")
    driver.ok("create", "jail", "t1", "--network", "tlan", "boot.auto=yes")
    driver.ok("create", "jail", "t2", "boot.auto=yes")
    view.host.settings.reboot()
    with view.host.change() as state:
        del state.interfaces["em9"]
    result = driver("boot", "start")
    assert result.status == 1
    assert "em9" in result.stderr
    assert states(driver) == {"t1": "stopped", "t2": "running"}
    assert driver("boot", "network").status == 1
