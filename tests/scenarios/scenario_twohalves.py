"""Verbs with two plans: the second is planned before the first has run."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same
from scenario_vm import SMALL, finish, image

KEEP = "resolver.mode=keep"
ABSENT = "devfs_ruleset=7777"


@scenario()
def a_restart_that_would_be_refused_stops_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "--start")
    jid = view.jails()["t1"]["jid"]
    for wrong, why in (
        ((ABSENT,), "devfs ruleset 7777"),
        (("mounts.d.source=/no/such", "mounts.d.target=/d"), "/no/such does not exist"),
        (("hooks.starting.host=no-such", "hooks.starting.policy=fail"), "no-such does not exist"),
    ):
        said = driver.ok("set", "t1", *wrong).stderr
        assert why in said, said
        before = view.everything()
        refused = driver.fails(5, "restart", "t1", says=why)
        assert "keeps running" in refused.stderr
        driver.fails(5, "restart", "t1", "--dry-run", says=why)
        assert_same(before, view.everything())
        assert view.jails()["t1"]["jid"] == jid
        driver.ok("set", "t1", *(f"{word.partition('=')[0]}=" for word in _back(wrong)))
    driver.ok("restart", "t1")
    assert view.jails()["t1"]["jid"] != jid


def _back(wrong: tuple[str, ...]) -> tuple[str, ...]:
    """What takes it back: a mount is one element."""
    return ("mounts",) if wrong[0].startswith("mounts.") else wrong


@scenario()
def a_dry_run_shows_both_halves(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "--start")
    before = view.everything()
    shown = driver.ok("restart", "t1", "--dry-run").stdout
    stop, start = shown.index("# stop t1"), shown.index("/usr/sbin/jail -c -f")
    assert stop < start
    assert "already running" not in shown
    shown = driver.ok("create", "jail", "t2", KEEP, "--start", "--dry-run").stdout
    assert shown.index("# create t2") < shown.index("/usr/sbin/jail -c -f")
    assert_same(before, view.everything())
    driver.ok("stop", "t1")
    shown = driver.ok("restart", "t1", "--dry-run").stdout
    assert "/usr/sbin/jail -c -f" in shown
    driver.ok("restart", "t1")
    assert "t1" in view.jails()


@scenario()
def what_could_not_start_is_not_made(driver: Bsdvirt, view: HostView) -> None:
    before = view.everything()
    driver.fails(5, "create", "jail", "t1", KEEP, ABSENT, "--start", says="7777")
    assert_same(before, view.everything())
    driver.ok("create", "jail", "t1", KEEP, ABSENT)


@scenario(sim_only=True)
def a_parameter_that_the_kernel_lacks(driver: Bsdvirt, view: HostView) -> None:
    """allow.nfsd came after 13.2 (captures of both)."""
    driver.ok("create", "jail", "t1", KEEP, "--start")
    said = driver.ok("set", "t1", "params.allow.nfsd=true").stderr
    if "no such parameter" not in said:
        return
    driver.fails(5, "restart", "t1", says="params.allow.nfsd")
    assert "t1" in view.jails()
    driver.ok("set", "t1", "params.allow.nfsd=")
    driver.ok("restart", "t1")


@scenario()
def a_virtual_machine_that_could_not_start_again(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "--start")
    said = driver.ok("set", "t1", "loader=uefi", "firmware=/no/such.fd").stderr
    assert "/no/such.fd" in said
    driver.fails(5, "restart", "t1", says="/no/such.fd")
    assert driver.json("ls", "t1")[0]["state"] == "running"
    made = driver.ok("create", "vm", "t2", "--image", "gold", *SMALL, "--start", "--dry-run")
    assert made.stdout.index("# create t2") < made.stdout.index("# start t2")
    driver.ok("set", "t1", "firmware=", "loader=bhyveload")
    shown = driver.ok("restart", "t1", "--dry-run").stdout
    assert shown.index("# stop t1") < shown.index("# start t1")
    assert "already running" not in shown
    driver.ok("restart", "t1")
    finish(driver, "t1")
