"""Commands that only read: ls, info, doctor, --json, --dry-run."""

from __future__ import annotations

import json
import shlex

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same


def _comments(text: str) -> list[str]:
    """What a plan says of its commands, which have an id of their own each time."""
    return [line for line in text.splitlines() if line.startswith("# ")]


@scenario()
def a_dry_run_in_json_has_the_plans_in_it(driver: Bsdvirt, view: HostView) -> None:
    for command in (
        ("create", "jail", "t1", "t2", "--start"),
        ("network", "set", "private", "mtu=1400"),
    ):
        rows = driver.json(*command, "-n")
        shell = driver.ok(*command, "-n").stdout
        assert _comments("".join(row["plan"] for row in rows)) == _comments(shell) != [], command
    driver.ok("create", "jail", "t1", "--start")
    (network,) = driver.json("network", "ls")
    view.do("/sbin/ifconfig", network["bridge"], "down")
    assert network["bridge"] in "".join(
        row["plan"] for row in driver.json("doctor", "--repair", "-n")
    )
    driver.ok("doctor", "--repair")
    assert driver.json("stop", "t1")[0]["plan"] is None


@scenario()
def ls_runs_two_commands_and_reads_no_file(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    driver.ok("start", "t1", "t2")
    result, ran = driver.commands_of("ls")
    assert result.status == 0, result
    assert len(ran) <= 2, ran
    path = view.fs.path(view.guest_file("t2"))
    good = path.read_text()
    path.write_text("{ this is: [no YAML\n")
    rows = driver.json("ls")
    assert [row["state"] for row in rows] == ["running", "running", "stopped"]
    assert driver.ok("ls", "-H").lines[1].split("\t")[0] == "t2"
    info = driver.ok("info", "t2")
    assert "guest.yaml" in info.stdout
    assert "error" in driver.json("info", "t2")["config"]
    said = driver("doctor")
    assert said.status == 1
    assert "guest.yaml" in said.stdout
    driver.fails(2, "get", "t2", says="guest.yaml")
    driver.fails(2, "set", "t2", "limits.maxproc=4", says="guest.yaml")
    driver.ok("stop", "t2")
    driver.fails(2, "start", "t2", says="guest.yaml")
    assert path.read_text() == "{ this is: [no YAML\n"
    path.write_text(good)
    driver.ok("start", "t2")


@scenario()
def a_guest_whose_file_is_gone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    view.fs.path(view.guest_file("t1")).unlink()
    assert [row["state"] for row in driver.json("ls")] == ["running"]
    assert "guest.yaml" in driver.ok("info", "t1").stdout
    driver.ok("stop", "t1")
    driver.fails(5, "start", "t1", says="guest.yaml")
    driver.ok("destroy", "t1", "--yes", "--force")


@scenario()
def json_of_every_reader(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "limits.maxproc=60")
    driver.ok("start", "t1")
    for words in (
        ("ls",), ("info", "t1"), ("info", "t2"), ("get", "t1"), ("get", "t1", "nics"),
        ("get", "t1", "limits", "boot.auto", "allow.raw_sockets"), ("release", "ls"),
        ("network", "ls"), ("network", "info", "private"), ("properties",), ("properties", "jail"),
        ("doctor",), ("schema",),
    ):  # fmt: skip
        shown = driver.ok(*words, *(() if words == ("schema",) else ("--json",)))
        # A host with which all is well gives doctor nothing to say.
        assert json.loads(shown.stdout) or words == ("doctor",), words
        assert not shown.stderr, shown
    for words in (("ls",), ("release", "ls"), ("network", "ls")):
        heads = driver.ok(*words, "-H").lines
        assert all("\t" in line for line in heads)
        assert len(heads) == len(driver.json(*words))
        assert len(driver.ok(*words).lines) == len(heads) + 1


@scenario()
def json_of_every_change(driver: Bsdvirt, view: HostView) -> None:
    for words in (
        ("create", "jail", "t1", "t2"), ("start", "t1", "t2"), ("set", "t1", "protected=no"),
        ("restart", "t1"), ("stop", "--all"), ("destroy", "--all", "--yes"),
    ):  # fmt: skip
        outcomes = driver.json(*words)
        assert all(outcome["ok"] for outcome in outcomes)
        assert {"name", "message", "hint", "notes"} <= outcomes[0].keys()
    result = driver("start", "tnone", "--json")
    assert result.status == 3


@scenario()
def looking_changes_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    driver.ok("start", "t1")
    before = view.everything()
    for words in (
        ("ls",), ("ls", "t*"), ("info", "t1"), ("get", "t1"), ("logs", "t1"), ("logs", "t2"),
        ("release", "ls"), ("network", "ls"), ("network", "info", "private"), ("doctor",),
        ("expose",), ("expose", "t1"), ("properties",), ("schema",), ("--help",),
        ("--version",), ("create", "--help"),
    ):  # fmt: skip
        driver.ok(*words)
    assert_same(before, view.everything())


@scenario()
def dry_run_prints_shell_and_changes_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "limits.maxproc=60")
    driver.ok("start", "t1")
    before = view.everything()
    for words, expect in {
        ("create", "jail", "t3"): "zfs clone",
        ("create", "jail", "t3", "--thick"): "zfs send",
        ("create", "jail", "t3", "--start"): "zfs clone",
        ("start", "t2"): "jail -c",
        ("start", "t1"): "already running",
        ("stop", "t1"): "jail -f",
        ("stop", "t1", "--force"): "jail -R",
        ("stop", "t2"): "not running",
        ("restart", "t1"): "jail -f",
        ("set", "t1", "limits.maxproc=70"): "guest.yaml",
        ("set", "t1", "nics.0.address=none"): "bsdvirt:guest",
        ("set", "t1", "boot.auto=yes"): "bsdvirt:guest",
        ("destroy", "t2"): "zfs destroy",
        ("destroy", "t1", "--force"): "jail -",
        ("doctor", "--repair"): "",
        ("network", "create", "tnet", "--address", "10.79.1.1/24"): "ifconfig",
    }.items():
        shown = driver.ok(*words, "--dry-run")
        assert expect in shown.stdout, shown
        assert_same(before, view.everything(), words)
        assert_same(before, view.everything(), driver.ok(*words, "-n").words)
        _is_shell(shown.stdout)
    driver.fails(4, "destroy", "t1", "--dry-run", says="running")
    driver.fails(4, "create", "jail", "t1", "--dry-run", says="already exists")
    assert_same(before, view.everything())


def _is_shell(text: str) -> None:
    """Every line is a comment, a command by its absolute path, or of a here-document."""
    marker = ""
    for line in text.splitlines():
        if marker:
            marker = "" if line == marker else marker
            continue
        if not line or line.startswith("#"):
            continue
        words = shlex.split(line.replace("<<", " << "))
        assert words[0].startswith("/") or words[0] in ("install", "rm", "mkdir", "(umask"), line
        if "<<" in words:
            marker = words[words.index("<<") + 1]
    assert not marker, text
