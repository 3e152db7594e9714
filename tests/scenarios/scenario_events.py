"""What was done is on record, and what a program reads while it is done."""

from __future__ import annotations

import json
from typing import Any

from scenario_driver import Bsdvirt, Result
from scenario_hosts import scenario
from scenario_view import HostView


def lines(result: Result) -> list[dict[str, Any]]:
    """Return the events of a command: every line of its standard error is one."""
    return [json.loads(line) for line in result.stderr.splitlines()]


@scenario()
def events_are_lines_of_json_with_each_command(driver: Bsdvirt, view: HostView) -> None:
    del view
    driver.ok("create", "jail", "t1")
    planned = lines(driver.ok("--events", "json", "start", "t1", "-n"))
    ran = lines(driver.ok("--events", "json", "start", "t1"))
    shown = [
        step["shell"]
        for event in planned if event["event"] == "planned"
        for step in (*event["steps"], *event["finish"])
    ]  # fmt: skip
    begun = [event["action"]["shell"] for event in ran if event["event"] == "step-started"]
    assert begun and set(begun) <= set(shown)
    assert (ran[0]["event"], ran[-1]["event"], ran[-1]["ok"]) == ("started", "finished", True)
    (error,) = lines(driver("--events", "json", "start", "nosuch"))
    assert (error["event"], error["exit_code"]) == ("error", 3)
    driver.ok("destroy", "t1", "--yes", "--force")


@scenario()
def what_was_done_and_what_failed_is_listed(driver: Bsdvirt, view: HostView) -> None:
    del view
    driver.ok("create", "jail", "t1")
    driver.ok("start", "t1")
    driver.ok("stop", "t1")
    rows = driver.json("events", "t1")
    assert [row["verb"] for row in rows][-3:] == ["create", "start", "stop"]
    assert all(row["ok"] and row["kind"] == "guest" and row["op"] for row in rows[-3:])
    assert rows[-1]["user"] and rows[-1]["uid"] is not None
    driver.ok("set", "t1", "devfs_ruleset=9999")
    driver("start", "t1")
    (failed,) = driver.json("events", "t1", "--failed", "--lines", "1")
    assert failed["verb"] == "start" and "9999" in failed["message"]
    driver.ok("destroy", "t1", "--yes")
    assert driver.json("events", "t1")[-1]["verb"] == "destroy"


@scenario()
def nothing_is_asked_without_a_terminal(driver: Bsdvirt, view: HostView) -> None:
    del view
    driver.ok("create", "jail", "t1")
    driver.fails(2, "start", "t1", "--ask", says="there is no terminal to ask on")
    events = lines(driver("--events", "json", "--ask", "destroy", "t1"))
    assert [event["event"] for event in events][-2:] == ["ask", "error"]
    assert [row["state"] for row in driver.json("ls")] == ["stopped"]
    driver.ok("destroy", "t1", "--yes")
