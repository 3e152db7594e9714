"""Guests, networks and images that are broken can be destroyed by name, regardless of their
files."""

from __future__ import annotations

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

FILE = "/usr/freebsd-dist/MANIFEST"
BROKEN = [b"", b"\xff\xfe", b"[1, 2", b"id: 1\nnat: maybe\n", b"- a\n"]
NETS = "/usr/local/etc/bsdvirt/networks"
LAN = ("network", "create", "lan", "--address", "10.79.1.1/24")


def spoil(view: HostView, path: str, data: bytes) -> None:
    view.fs.path(path).write_bytes(data)


@pytest.mark.parametrize("data", BROKEN)
def test_a_network(data: bytes) -> None:
    with sim_world() as (driver, view):
        before = view.everything()
        driver.ok(*LAN, "--uplink", "vtnet0", "--vlan", "20")
        spoil(view, f"{NETS}/lan.yaml", data)
        refused = driver(*LAN)
        assert refused.status == 4, refused
        assert "bsdvirt network destroy lan" in refused.stderr
        driver.ok("network", "ls")
        shown = driver.ok("network", "destroy", "lan")
        assert "could not be read" in shown.stdout + shown.stderr
        after = view.everything()
        for kind in ("files", "journals", "filter"):
            assert after[kind] == before[kind]
        assert set(after["interfaces"]) == set(before["interfaces"])
        driver.ok(*LAN)


def test_a_network_that_guests_are_on_stays() -> None:
    with sim_world() as (driver, view):
        driver.ok(*LAN)
        driver.ok("create", "jail", "web", "--network", "lan")
        spoil(view, f"{NETS}/lan.yaml", b"")
        refused = driver("network", "destroy", "lan")
        assert refused.status == 4, refused
        assert "in use by web" in refused.stderr


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("words", [(), ("--force",)], ids=["plain", "force"])
def test_a_guest(data: bytes, words: tuple[str, ...]) -> None:
    with sim_world() as (driver, view):
        before = view.everything()
        driver.ok("create", "jail", "web")
        spoil(view, view.guest_file("web"), data)
        shown = driver.ok("destroy", "web", "--yes", *words)
        assert "could not be read" in shown.stdout + shown.stderr
        assert view.everything() == before


def test_a_running_guest_is_destroyed_by_force() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "--start")
        spoil(view, view.guest_file("web"), b"\xff")
        assert driver("destroy", "web", "--yes").status == 4
        driver.ok("destroy", "web", "--yes", "--force")
        assert driver.json("ls") == []


def test_a_guest_that_may_be_protected_or_cannot_be_looked_at_stays() -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "web", "protected=yes")
        text = view.guest_text("web")
        spoil(view, view.guest_file("web"), text.encode() + b"\xff")
        refused = driver("destroy", "web", "--yes")
        assert refused.status != 0
        assert "may be protected" in refused.stderr
        spoil(view, view.guest_file("web"), text.encode())
        view.do("/sbin/zfs", "unmount", f"{view.root}/guests/web/root")
        view.do("/sbin/zfs", "unmount", f"{view.root}/guests/web")
        assert driver("destroy", "web", "--yes").status != 0
        view.do("/sbin/zfs", "mount", f"{view.root}/guests/web")
        assert view.guest_text("web") == text


def test_others_are_not_hindered_by_a_guest_whose_file_is_broken() -> None:
    with sim_world() as (driver, view):
        driver.ok("media", "add", FILE, "--name", "a.iso")
        driver.ok("media", "add", FILE, "--name", "b.iso")
        driver.ok("create", "vm", "vm", "--disk", "64M", "--loader", "bhyveload", "--iso", "a.iso")
        spoil(view, view.guest_file("vm"), view.guest_text("vm").encode() + b"\xff")
        assert driver("media", "rm", "a.iso").status != 0
        driver.ok("media", "rm", "b.iso")


@pytest.mark.parametrize("data", BROKEN)
def test_a_root(data: bytes) -> None:
    with sim_world() as (driver, view):
        driver.ok("pool", "add", "tank/bsdvirt")
        spoil(view, "/usr/local/etc/bsdvirt/roots/tank.yaml", data)
        driver.ok("pool", "rm", "tank")
        driver.ok("pool", "add", "tank/bsdvirt")


def test_an_image_and_a_release() -> None:
    def broken(driver: Bsdvirt, view: HostView) -> None:
        view.do("/sbin/zfs", "set", "bsdvirt:image={", f"{view.root}/images/gold")
        view.do("/sbin/zfs", "destroy", f"{view.root}/releases/{view.release}@base")
        driver.ok("image", "rm", "gold")
        driver.ok("release", "rm", view.release)

    with sim_world() as (driver, view):
        driver.ok("image", "import", FILE, "--name", "gold")
        broken(driver, view)
        assert driver.json("image", "ls") == driver.json("release", "ls") == []


def test_networks_of_one_id_are_told_and_do_not_share_a_bridge() -> None:
    with sim_world() as (driver, view):
        driver.ok(*LAN)
        text = view.fs.read_text(f"{NETS}/lan.yaml")
        view.fs.write(f"{NETS}/old.yaml", text.replace("10.79.1.1", "10.79.7.1"))
        told = driver("doctor")
        assert told.status == 1, told
        assert "has the id 1, which lan has too" in told.stdout
        driver("doctor", "--repair")
        before = view.interfaces()
        driver.ok("create", "jail", "web", "--network", "old", "nics.0.address=10.79.7.9/24")
        refused = driver("start", "web")
        assert refused.status != 0
        assert "is network lan's" in refused.stderr
        driver.ok("destroy", "web", "--yes")
        driver.ok("network", "destroy", "old")
        assert view.interfaces() == before
        assert "problem" not in driver.ok("doctor").stdout
