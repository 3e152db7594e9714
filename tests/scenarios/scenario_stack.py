"""Jails without their own network stack: with the host's, with some of its addresses, with none."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

KEEP = "resolver.mode=keep"
SHARED = ("--shared", "lo0", "--address", "10.99.9.9", "--address6", "fd99::9/64")


def on_lo0(view: HostView) -> set[str]:
    """The addresses that lo0 has now and had not before."""
    before = view.baseline["interfaces"]["lo0"]["addresses"]
    return set(view.interfaces()["lo0"]["addresses"]) - set(before)


def parameter(view: HostView, jail: str, name: str) -> str:
    return view.run("/usr/sbin/jls", "-j", jail, name).stdout.strip()


@scenario()
def the_hosts_stack_and_none(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--inherit", "--start")
    driver.ok("create", "jail", "t2", "stack=none", "--start")
    assert view.jails()["t1"]["vnet"] == view.jails()["t2"]["vnet"] == "inherit"
    assert [parameter(view, name, "ip4") for name in ("t1", "t2")] == ["inherit", "disable"]
    assert [parameter(view, name, "ip6") for name in ("t1", "t2")] == ["inherit", "disable"]
    assert parameter(view, "t1", "devfs_ruleset") == "4"
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    assert driver.json("info", "t1")["nics"] == []
    driver.ok("restart", "t1", "t2")
    driver.ok("set", "t2", "stack=vnet", "nics.0.network=private")
    driver.ok("restart", "t2")
    assert view.jails()["t2"]["vnet"] == "new"
    assert parameter(view, "t2", "devfs_ruleset") == "5"
    driver.fails(2, "set", "t2", "stack=inherit", says="nics")
    driver.ok("set", "t2", "stack=inherit", "nics=")
    driver.ok("restart", "t2")
    assert view.jails()["t2"]["vnet"] == "inherit"
    driver.ok("stop", "--all")
    assert not nothing_of(view, ["t1", "t2"])


@scenario(each_release=True)
def addresses_of_the_hosts_stack(driver: Bsdvirt, view: HostView) -> None:
    said = driver.ok("create", "jail", "t1", KEEP, *SHARED).stdout
    assert "10.99.9.9/32" in said
    created = view.everything()
    assert not on_lo0(view)
    driver.ok("start", "t1")
    assert on_lo0(view) == {"10.99.9.9/32", "fd99::9/64"}
    assert parameter(view, "t1", "ip4.addr") == "10.99.9.9"
    assert parameter(view, "t1", "ip6.addr") == "fd99::9"
    assert driver.json("ls")[0]["addresses"] == ["10.99.9.9", "fd99::9"]
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    driver.ok("stop", "t1")
    assert_same(created, view.everything())
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert_same(created, view.everything())


@scenario()
def an_address_that_somebody_has(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, *SHARED)
    before = view.everything()
    create = ("create", "jail", "t2", "--shared", "lo0", "--address")
    driver.fails(4, *create, "10.99.9.9/24", says="guest t1's")
    driver.fails(4, *create, "127.0.0.1", says="host's own")
    driver.fails(5, "create", "jail", "t2", "--shared", "nosuch0", "--address", "10.99.9.8",
                 says="nosuch0")  # fmt: skip
    driver.fails(5, "create", "jail", "t2", "stack=shared", "addresses=[{address: 10.99.9.8}]",
                 says="no address 10.99.9.8")  # fmt: skip
    driver.fails(2, "create", "jail", "t2", "--shared", "lo0", says="which address")
    driver.fails(2, "create", "jail", "t2", "--inherit", "--network", "private", says="--inherit")
    driver.fails(2, "create", "jail", "t2", "stack=shared", says="needs an address")
    assert_same(before, view.everything())
    # An administrator's own address, given while the guest was stopped, is left alone.
    view.do("/sbin/ifconfig", "lo0", "inet", "10.99.9.9/32", "alias")
    try:
        driver.fails(4, "start", "t1", says="host's own")
        driver.ok("stop", "t1")
        assert on_lo0(view) == {"10.99.9.9/32"}
        driver.ok("set", "t1", "addresses=[{address: 10.99.9.9}]")
        driver.ok("start", "t1")
        assert parameter(view, "t1", "ip4.addr") == "10.99.9.9"
        driver.ok("stop", "t1")
        assert on_lo0(view) == {"10.99.9.9/32"}
    finally:
        view.do("/sbin/ifconfig", "lo0", "inet", "10.99.9.9/32", "-alias")


@scenario()
def an_alias_that_a_crash_left(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, *SHARED, "--start")
    view.do("/usr/sbin/jail", "-R", "t1")
    assert on_lo0(view) == {"10.99.9.9/32", "fd99::9/64"}
    assert "t1" in driver("doctor").stdout
    driver.ok("start", "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("doctor", "--repair")
    assert not on_lo0(view)
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("set", "t1", "addresses.0.address=10.99.9.8")
    assert on_lo0(view) == set()
    driver.ok("start", "t1")
    assert on_lo0(view) == {"10.99.9.8/32", "fd99::9/64"}


@scenario()
def addresses_changed_while_it_runs(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, *SHARED, "--start")
    said = driver("set", "t1", "addresses=[{interface: lo0, address: 10.99.9.7}]")
    assert "next start" in said.stderr
    assert on_lo0(view) == {"10.99.9.9/32", "fd99::9/64"}
    for taken in ("10.99.9.9", "10.99.9.7"):
        driver.fails(4, "create", "jail", "t2", "--shared", "lo0", "--address", taken)
    driver.ok("restart", "t1")
    assert on_lo0(view) == {"10.99.9.7/32"}
    driver.ok("create", "jail", "t2", *SHARED)
    driver.fails(4, "create", "jail", "t3", "--shared", "lo0", "--address", "fd99::9")
    driver.ok("destroy", "t1", "--yes", "--force")
    assert not on_lo0(view)
