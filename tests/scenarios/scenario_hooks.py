"""Hooks, on the host and in the guest: when they run, what they are told, what comes of
their failures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import ETC, HostView, assert_same, nothing_of

EVENTS = ("created", "starting", "started", "stopping", "stopped")
"""Of a guest's life."""
SNAPSHOTS = ("snapshotting", "snapshotted")


@contextlib.contextmanager
def hook(view: HostView, name: str, body: str, mode: int = 0o755) -> Iterator[None]:
    """A file in the hooks directory, gone afterwards."""
    view.fs.mkdir(f"{ETC}/hooks", 0o755)
    path = f"{ETC}/hooks/{name}"
    view.fs.write(path, f"#!/bin/sh\n{body}\n", mode)
    try:
        yield
    finally:
        view.fs.unlink(path)
        with contextlib.suppress(OSError):
            view.fs.path(f"{ETC}/hooks").rmdir()


def noted(view: HostView) -> list[str]:
    """What the hook `note` wrote down."""
    return (view.scratch / "hooks").read_text().splitlines()


def note(view: HostView, more: str = "") -> str:
    told = "$BSDVIRT_EVENT $1 $BSDVIRT_NAME $BSDVIRT_KIND $BSDVIRT_ID $BSDVIRT_PATH"
    return f'echo "{told} $BSDVIRT_ADDRESSES" >> {view.scratch}/hooks\n{more}'


def log(driver: Bsdvirt, name: str) -> str:
    return driver.ok("logs", name).stdout


@scenario(each_release=True)
def hooks_run_at_each_event(driver: Bsdvirt, view: HostView) -> None:
    (view.scratch / "hooks").write_text("")
    with hook(view, "note", note(view, "echo said by a hook")):
        hooks = [f"hooks.{event}.host=note" for event in EVENTS]
        inside = ("hooks.started.guest=hostname", "hooks.stopping.guest=echo going down")
        driver.ok("create", "jail", "t1", *hooks, *inside)
        dry = driver.ok("start", "t1", "-n").stdout
        assert "BSDVIRT_EVENT=starting" in dry
        assert f"{ETC}/hooks/note t1 >> /var/log/bsdvirt/t1/console.log 2>&1 || :" in dry
        assert [line.split()[0] for line in noted(view)] == ["created"]
        driver.ok("start", "t1")
        assert "already running" in driver.ok("start", "t1").stdout
        driver.ok("stop", "t1")
        assert "not running" in driver.ok("stop", "t1").stdout
    info = driver.json("info", "t1")
    rest = f"t1 t1 jail {info['id']} {view.jail_root('t1')} {' '.join(info['addresses'])}"
    assert noted(view) == [f"{event} {rest}" for event in EVENTS]
    said = log(driver, "t1").splitlines()
    assert said.count("said by a hook") == 5
    assert said[said.index("hook `hostname` in the guest at started: exit status 0") + 1] == "t1"
    assert "going down" in said
    events = view.fs.read_or("/var/log/bsdvirt/events.log")
    assert "hook note at stopped: ok" in events


@scenario()
def a_hook_that_fails_is_told_of(driver: Bsdvirt, view: HostView) -> None:
    with hook(view, "bad", "echo it is broken; exit 3"):
        hooks = [f"hooks.{event}.host=bad" for event in EVENTS]
        result = driver.ok("create", "jail", "t1", *hooks)
        assert "hook bad at created: exit status 3: it is broken" in result.stderr
        result = driver.ok("start", "t1")
        assert "hook bad at starting: exit status 3" in result.stderr
        assert "hook bad at started: exit status 3" in result.stderr
        result = driver.ok("stop", "t1")
        assert "t1: stopped\n" in result.stdout
        assert "hook bad at stopping: exit status 3" in result.stderr
        assert "hook bad at stopped: exit status 3" in result.stderr
    assert not nothing_of(view, ["t1"])
    events = view.fs.read_or("/var/log/bsdvirt/events.log")
    assert "start t1 warning: hook bad at started: exit status 3" in events


@scenario()
def a_hook_may_refuse(driver: Bsdvirt, view: HostView) -> None:
    def only(event: str) -> None:
        driver.ok("set", "t1", *(f"hooks.{one}.policy=warn" for one in EVENTS))
        driver.ok("set", "t1", f"hooks.{event}.policy=fail")

    with hook(view, "no", "exit 9"):
        refusing = ("hooks.created.host=no", "hooks.created.policy=fail")
        said = "hook no at created: exit status 9"
        driver.fails(1, "create", "jail", "t1", *refusing, says=said)
        assert driver.json("ls") == []
        driver.ok("create", "jail", "t1", "hooks.starting.host=no", "hooks.starting.policy=fail")
        driver.fails(1, "start", "t1", says="hook no at starting: exit status 9")
        assert driver.json("ls")[0]["state"] == "failed"
        driver.ok("stop", "t1")
        assert not nothing_of(view, ["t1"])
        driver.ok("set", "t1", "hooks.starting.host=", "hooks.started.guest=exit 8",
                  "hooks.started.policy=fail")  # fmt: skip
        driver.fails(1, "start", "t1", says="hook `exit 8` in the guest at started")
        driver.ok("stop", "t1")
        assert not nothing_of(view, ["t1"])
        driver.ok("set", "t1", "hooks.started.guest=", "hooks.stopping.host=no")
        only("stopping")
        driver.ok("start", "t1")
        driver.fails(1, "stop", "t1", says="hook no at stopping: exit status 9")
        assert driver.json("ls")[0]["state"] == "running"
        driver.ok("set", "t1", "hooks.stopped.host=no", "hooks.stopped.policy=fail")
        # No hook keeps a guest from being forced, and none a host from going down.
        driver.fails(1, "stop", "t1", "--force", says="hook no at stopped: exit status 9")
        assert driver.json("ls")[0]["state"] == "stopped"
        driver.ok("start", "t1")
        driver.ok("boot", "stop")
        assert driver.json("ls")[0]["state"] == "stopped"
        driver.ok("doctor")


@scenario()
def a_hook_that_hangs_is_ended(driver: Bsdvirt, view: HostView) -> None:
    with hook(view, "hang", "sleep 600"):
        driver.ok("create", "jail", "t1", "hooks.starting.host=hang", "hooks.starting.timeout=1",
                  "hooks.stopping.host=hang", "hooks.stopped.host=hang")  # fmt: skip
        assert "hook hang at starting: timed out" in driver.ok("start", "t1").stderr
        budget = 6 if view.simulated else 40
        began = time.monotonic()
        driver.ok("boot", "stop", "--budget", str(budget))
        assert time.monotonic() - began < budget + 2
        assert driver.json("ls")[0]["state"] == "stopped"
    assert not nothing_of(view, ["t1"])


@scenario()
def what_others_may_write_is_not_run(driver: Bsdvirt, view: HostView) -> None:
    driver.fails(
        2, "create", "jail", "t1", "hooks.started.host=../x", says="is not the name of a hook"
    )
    driver.fails(2, "create", "jail", "t1", "hooks.created.guest=true", says="no such property")
    driver.ok("create", "jail", "t1", "hooks.starting.host=note", "hooks.starting.policy=fail",
              "resolver.mode=keep")  # fmt: skip
    before = view.everything()
    driver.fails(5, "start", "t1", says="does not exist")
    with hook(view, "note", "true", 0o777):
        driver.fails(5, "start", "t1", says="can be written by others")
    with hook(view, "note", "true", 0o644):
        driver.fails(5, "start", "t1", says="is not executable")
    with hook(view, "other", "true"):
        path = view.fs.path(f"{ETC}/hooks/note")
        path.symlink_to("/usr/bin/true")
        driver.fails(5, "start", "t1", says="a link out of that directory")
        assert "hook note" in driver("doctor").stdout
        path.unlink()
        path.symlink_to("other")
        driver.ok("start", "t1")
        driver.ok("stop", "t1")
        path.unlink()
    driver.ok("set", "t1", "hooks.starting.policy=warn")
    assert "hook note was not run" in driver.ok("start", "t1").stderr
    driver.ok("stop", "t1")
    driver.ok("set", "t1", "hooks.starting.policy=fail")
    assert_same(before, view.everything())


def _frozen(driver: Bsdvirt, view: HostView, *more: str) -> None:
    """Make a jail with hooks around its snapshots, on the host and in it."""
    (view.scratch / "hooks").write_text("")
    hooks = [f"hooks.{event}.host=note" for event in SNAPSHOTS]
    inside = [f"hooks.{event}.guest=echo {event} within" for event in SNAPSHOTS]
    driver.ok("create", "jail", "t1", *hooks, *inside, *more)


@scenario(each_release=True)
def hooks_run_around_a_snapshot(driver: Bsdvirt, view: HostView) -> None:
    with hook(view, "note", note(view)):
        _frozen(driver, view)
        driver.ok("snapshot", "create", "t1@stopped")
        assert [line.split()[0] for line in noted(view)] == list(SNAPSHOTS)
        assert "within" not in log(driver, "t1")
        driver.ok("start", "t1")
        dry = driver.ok("snapshot", "create", "t1@a", "-n").stdout
        steps = [dry.index(word) for word in (
            "echo snapshotting within", "EVENT=snapshotting", "zfs snapshot -r",
            "note t1 >>", "echo snapshotted within",
        )]  # fmt: skip
        assert steps[:3] == sorted(steps[:3])
        assert steps[2] < dry.index("EVENT=snapshotted") < steps[4]
        driver.ok("snapshot", "create", "t1@a")
        said = [line for line in log(driver, "t1").splitlines() if line.endswith("within")]
        assert said == ["snapshotting within", "snapshotted within"]


@scenario()
def what_a_hook_began_before_a_snapshot_is_ended(driver: Bsdvirt, view: HostView) -> None:
    def ran() -> list[str]:
        words = [line.split()[0] for line in noted(view)]
        (view.scratch / "hooks").write_text("")
        return words

    with hook(view, "note", note(view)), hook(view, "bad", "exit 9"):
        _frozen(driver, view, "hooks.snapshotting.policy=fail")
        driver.ok("set", "t1", "hooks.snapshotting.host=[note, bad]")
        driver.fails(
            1, "snapshot", "create", "t1@a", says="hook bad at snapshotting: exit status 9"
        )
        assert driver.json("snapshot", "ls", "t1") == []
        assert ran() == list(SNAPSHOTS)
        driver.ok("set", "t1", "hooks.snapshotting.host=note")
        driver.ok("set", "t1", "hooks.snapshotted.host=[note, bad]",
                  "hooks.snapshotted.policy=fail")  # fmt: skip
        result = driver("snapshot", "create", "t1@b")
        assert result.status == 1
        assert "t1: hook bad at snapshotted: exit status 9" in result.stderr
        assert driver.json("snapshot", "ls", "t1") == []
        assert ran() == ["snapshotting", "snapshotted", "snapshotted"]
        assert not view.journals()
