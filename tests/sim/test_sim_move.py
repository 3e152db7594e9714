"""Guests that are moved to another host, and back: one of the two may start them at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from sending import GUESTS, Side, two_hosts

WEB = f"{GUESTS}/web"
MOST_STEPS = 60


@pytest.fixture
def hosts() -> Iterator[tuple[Side, Side]]:
    with two_hosts() as both:
        yield both


def may_start(side: Side) -> bool:
    """Whether the guest would start on that host."""
    return side.run("start", "web", "-n").status == 0


def assert_one_has_it(a: Side, b: Side) -> None:
    """Assert that one of the hosts may start the guest; the other one if the first gave it up."""
    owned = [row["state"] != "foreign" for row in b.run.json("ls")]
    if may_start(a):
        assert owned in ([], [False])
    elif owned == [True]:
        assert may_start(b)
    else:
        assert b.run("standby", "promote", "web", "--yes", "-n").status == 0


def test_a_running_guest_is_moved_there_and_back(hosts: tuple[Side, Side]) -> None:
    a, b = hosts
    a.run.ok("set", "web", "boot.auto=yes")
    a.run.ok("start", "web")
    had = a.row("web")
    assert "receive adopt web" in a.run.ok("send", "web", "b", "--move", "-n").stdout
    assert a.row("web")["state"] == "running"
    a.run.ok("send", "web", "b", "--move")
    here, there = a.row("web"), b.row("web")
    assert (here["state"], here["role"]) == ("stopped", "moved")
    assert (there["state"], there["autostart"]) == ("running", True)
    assert there["addresses"] == had["addresses"]
    a.run.fails(4, "start", "web", says="was moved to b")
    assert [row["name"] for row in a.run.json("boot", "status") if row["starts"]] == []
    a.run.fails(4, "send", "web", "b", "--back", says="web runs")

    b.write("web/root/etc/motd", "changed there\n")
    b.run.ok("stop", "web")
    a.run.fails(4, "send", "web", "b", "--back", says="was changed there")
    b.run.ok("start", "web")
    b.run.ok("send", "web", "a", "--move")
    assert a.row("web")["state"] == "running"
    assert a.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "changed there\n"
    b.run.fails(4, "start", "web", says="was moved to a")
    b.run.ok("destroy", "web", "--yes")


def test_a_guest_is_taken_back_as_it_was(hosts: tuple[Side, Side]) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b", "--move")
    assert b.row("web")["state"] == "stopped"
    a.run.ok("send", "web", "b", "--back")
    assert b.row("web")["role"] == "standby"
    assert_one_has_it(a, b)
    a.run.ok("start", "web")
    a.write("web/root/etc/motd", "after that\n")
    a.run.ok("send", "web", "b", "--move")
    assert b.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "after that\n"


def points(kind: str) -> Iterator[int]:
    """Every step with BSDVIRT_MATRIX=all, else one: before the mark, behind it, within."""
    if os.environ.get("BSDVIRT_MATRIX") == "all":
        yield from range(1, MOST_STEPS)
    else:
        yield {"kill-before": 11, "kill-after": 15, "fail": 13}[kind]


@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "fail"])
def test_a_move_that_is_cut_short_leaves_one_host_with_it(kind: str) -> None:
    for number in points(kind):
        with two_hosts() as (a, b):
            a.run.ok("start", "web")
            a.write("web/root/etc/motd", "to be moved\n")
            with a.run.faulty(f"{kind}:{number}"):
                cut = a.run("send", "web", "b", "--move")
            assert_one_has_it(a, b)
            if cut.status == 0:
                assert number > 9, "no step was hit"
                break
            a.run.ok("send", "web", "b", "--move")
            assert_one_has_it(a, b)
            assert not may_start(a)
            b.run.ok("start", "web")
            assert b.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "to be moved\n"


def test_the_periodic_job_sends_and_doctor_names_what_fails(hosts: tuple[Side, Side]) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b", "--replicate", "--every", "15m")
    assert a.row("web")["role"] == "source"
    assert b.row("web")["role"] == "standby"
    assert a.run.json("snapshot", "periodic") == []

    def let_pass() -> None:
        """Let the last run be long ago."""
        text = a.zfs("get", "-Hp", "-o", "value", "bsdvirt:replica", WEB).strip()
        value = json.loads(text)
        value["to"][0] |= {"time": "2026-01-01T00:00:00Z", "tried": "2026-01-01T00:00:00Z"}
        a.zfs("set", f"bsdvirt:replica={json.dumps(value, separators=(',', ':'))}", WEB)

    assert "it is the standby of web of a" in b.run.ok("info", "web").stdout
    assert "standby promote web" in b.run.json("info", "web")["adopt"]
    assert "web" not in b.run.ok("doctor").stdout

    let_pass()
    assert "is to be sent each 15m" in a.run("doctor").stdout
    before = b.snapshots(WEB)
    assert [row["name"] for row in a.run.json("snapshot", "periodic")] == ["web"]
    assert b.snapshots(WEB) != before
    assert "web" not in a.run.ok("doctor").stdout

    let_pass()
    a.sim.settings.set_peer("b")
    failed = a.run("snapshot", "periodic")
    assert "Connection refused" in failed.stderr
    assert "the last send to b failed" in a.run("doctor").stdout
    assert a.row("web")["replicas"][0]["error"]

    a.run.ok("send", "web", "b", "--forget")
    assert a.snapshots(WEB) == []
    assert "role" not in a.row("web")
    a.run.ok("destroy", "web", "--yes")
