"""Guests on other pools, and pools that are exported and imported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

from bsdvirt_sim import SimHost

POOL_VARIABLE = "BSDVIRT_TEST_POOL2"
"""On a real host, another pool than the first; without it, only the simulated host has one."""
SIM_ONLY = POOL_VARIABLE not in os.environ
MEDIUM = "/usr/freebsd-dist/MANIFEST"


@contextlib.contextmanager
def second_pool(driver: Bsdvirt, view: HostView, *, name: str = "second") -> Iterator[str]:
    """Another pool; it is removed at the end, with what is on it."""
    pool = "tank" if view.simulated else os.environ[POOL_VARIABLE]
    dataset = f"{pool}/{view.root.rpartition('/')[2]}-2"
    place = f"{view.mountpoint}-2"
    driver.ok("pool", "add", dataset, "--name", name, "--mountpoint", place)
    try:
        yield dataset
    finally:
        driver("destroy", "--all", "--yes", "--force")
        driver("pool", "rm", name)
        view.host.run(("/sbin/zfs", "destroy", "-r", dataset), changes=True)
        # On the simulated host the directory stays; zfs(8) takes its own away.
        with contextlib.suppress(OSError):
            view.fs.path(place).rmdir()


def _below(view: HostView, dataset: str) -> list[str]:
    words = ("/sbin/zfs", "list", "-Hp", "-r", "-o", "name", dataset)
    return view.host.run(words, changes=False).stdout.splitlines()


@scenario(sim_only=SIM_ONLY)
def a_pool_is_added_shown_and_taken_from_the_list(driver: Bsdvirt, view: HostView) -> None:
    before = view.everything()
    pool = "tank" if view.simulated else os.environ[POOL_VARIABLE]
    assert "zfs create" in driver.ok("pool", "add", f"{pool}/x", "--dry-run").stdout
    driver.fails(3, "pool", "add", "nosuchpool/x", says="no pool nosuchpool")
    driver.fails(2, "pool", "add", f"{pool}/x", "--name", "a/b", says="a/b")
    driver.fails(4, "pool", "add", f"{view.root}/guests/x", "--name", "x", says="are nested")
    driver.fails(4, "pool", "add", f"{pool}/x", "--name", "x", "--mountpoint", "/etc",
                 says="is not empty")  # fmt: skip
    driver.fails(3, "create", "jail", "t1", "--pool", "nosuch", says="no pool nosuch")
    driver.fails(2, "pool", "rm", view.root, says="the first pool")
    assert_same(before, view.everything())
    with second_pool(driver, view) as dataset:
        children = ("guests", "images", "media", "releases", "state")
        assert _below(view, dataset) == [dataset, *(f"{dataset}/{child}" for child in children)]
        place = view.fs.path(f"{view.mountpoint}-2/guests")
        assert place.stat().st_mode & 0o777 == 0o700
        first, second = driver.json("pool", "ls")
        assert (first["dataset"], first["first"]) == (view.root, True)
        assert (second["name"], second["dataset"]) == ("second", dataset)
        assert (second["state"], second["guests"]) == ("mounted", [])
        words = ("pool", "add", dataset, "--name", "second", "--mountpoint", f"{view.mountpoint}-2")
        assert "already set up; nothing was changed" in driver.ok(*words).stdout
        driver.fails(4, "pool", "add", dataset, "--name", "third", says=dataset)
        assert driver.json("root", "ls") == driver.json("pool", "ls")
        old, new = (
            driver.ok("create", "jail", "t1", option, "second", "--dry-run").stdout
            for option in ("--root", "--pool")
        )
        assert f"{dataset}/guests/t1" in old
        assert f"{dataset}/guests/t1" in new
        driver.ok("create", "jail", "t1", "--pool", "second")
        assert "t1" in driver.fails(4, "pool", "rm", "second", says="pool second has t1").stderr
        driver.ok("destroy", "t1", "--yes")
        assert "is kept" in driver.ok("pool", "rm", dataset).stderr
        assert dataset in _below(view, dataset)
        assert len(driver.json("pool", "ls")) == 1
        driver.ok(*words)
    assert_same(before, view.everything())


@scenario(sim_only=SIM_ONLY)
def guests_of_two_pools_are_one_lot(driver: Bsdvirt, view: HostView) -> None:
    with second_pool(driver, view) as dataset:
        driver.ok("create", "jail", "t1")
        said = driver.ok("create", "jail", "t2", "boot.after=t1", "--pool", dataset)
        assert f"not in {dataset} yet: copying it" in said.stderr
        assert "copied" not in driver.ok("create", "jail", "t3", "--pool", "second").stderr
        assert f"{dataset}/guests/t2/root" in _below(view, dataset)
        driver.fails(4, "create", "jail", "t1", "--pool", dataset, says="t1 already exists")
        driver.fails(4, "create", "jail", "t2", says="t2 already exists")
        rows = driver.json("ls")
        assert [row["pool"] for row in rows] == [view.root, dataset, dataset]
        assert len({row["id"] for row in rows}) == 3
        assert len({row["addresses"][0] for row in rows}) == 3
        (release,) = driver.json("release", "ls")
        assert release["pools"] == [view.root, dataset]
        assert release["guests"] == ["t1", "t2", "t3"]
        driver.fails(4, "release", "rm", view.release, says="t")
        info = driver.json("info", "t2")
        assert info["pool"] == dataset
        assert info["root"] == f"{view.mountpoint}-2/guests/t2/root"
        driver.ok("start", "--all")
        address = driver.json("info", "t1")["addresses"][0]
        driver.ok("exec", "t2", "--", "ping", "-c1", "-t2", address)
        driver.ok("set", "t2", "limits.maxproc=99", "hostname=other")
        assert driver.ok("get", "t2", "hostname").stdout.split()[-1] == "other"
        assert "hostname: other" in view.fs.read_text(f"{view.mountpoint}-2/guests/t2/guest.yaml")
        driver.ok("doctor")
        driver.ok("stop", "--all")
        assert not nothing_of(view, ["t1", "t2", "t3"])
        driver.ok("rename", "t1", "t9")
        assert driver.json("info", "t2")["boot"]["after"] == ["t9"]
        driver.fails(4, "rename", "t9", "t3", says="t3 already exists")
        driver.ok("rename", "t2", "t8")
        assert f"{dataset}/guests/t8/root" in _below(view, dataset)
        driver.ok("set", "t8", "t9", "boot.auto=yes")
        driver.ok("boot", "start")
        states = {row["name"]: row["state"] for row in driver.json("ls")}
        assert states == {"t3": "stopped", "t8": "running", "t9": "running"}
        driver.ok("boot", "stop")
        driver.ok("destroy", "--all", "--yes")
        assert not [name for name in _below(view, dataset) if "/guests/" in name]
        driver.ok("release", "rm", view.release)
        assert driver.json("release", "ls") == []
        driver.ok("release", "add", view.dist)


@scenario(sim_only=True)
def a_pool_that_is_gone_hinders_no_other(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1")
    view.host.settings.add_pool("spare", 10 << 30)
    driver.ok("pool", "add", "spare/bsdvirt")
    driver.ok("create", "jail", "t2", "--pool", "spare", "boot.auto=yes")
    view.host.settings.remove_pool("spare")
    shown = driver.ok("ls")
    assert "t1" in shown.stdout
    assert "t2" not in shown.stdout
    assert "pool spare: spare/bsdvirt does not exist: its guests are missing" in shown.stderr
    assert [row["name"] for row in driver.json("ls")] == ["t1"]
    absent = driver.json("pool", "ls")[1]
    assert (absent["name"], absent["state"]) == ("spare", "absent")
    doctor = driver("doctor")
    assert doctor.status != 0
    assert "zpool import spare" in doctor.stdout + doctor.stderr
    driver.fails(3, "start", "t2", says="spare")
    driver.fails(5, "create", "jail", "t3", "--pool", "spare", says="zpool import spare")
    driver.ok("start", "t1")
    assert "pool spare" in driver.ok("boot", "start").stderr
    assert "t3: created" in driver.ok("create", "jail", "t3").stdout
    driver.ok("destroy", "t1", "t3", "--yes", "--force")
    assert "does not exist now" in driver.ok("pool", "rm", "spare").stderr
    driver.ok("doctor")


@scenario(sim_only=SIM_ONLY)
def what_was_made_while_a_pool_was_away_gets_an_id_of_its_own(
    driver: Bsdvirt, view: HostView
) -> None:
    with second_pool(driver, view) as dataset:
        driver.ok("create", "jail", "t1", "--pool", dataset)
        file = "/usr/local/etc/bsdvirt/roots/second.yaml"
        text = view.fs.read_text(file)
        view.fs.write(file, "dataset: nosuchpool/bsdvirt\nmountpoint: /nowhere\n")
        made = driver.ok("create", "jail", "t2", "--no-network")
        assert "may get an id or an address of theirs" in made.stderr
        view.fs.write(file, text)
        one, other = driver.json("ls")
        assert one["id"] == other["id"]
        driver.ok("start", "t1")
        driver.fails(4, "start", "t2", says="as has t1")
        assert "gives it a new one" in driver("doctor").stdout
        assert "t2: has another id" in driver.ok("doctor", "--repair").stdout
        driver.ok("start", "t2")
        driver.ok("doctor")


@scenario(sim_only=SIM_ONLY)
def a_broken_file_of_a_pool_hinders_no_other(driver: Bsdvirt, view: HostView) -> None:
    with second_pool(driver, view):
        file = "/usr/local/etc/bsdvirt/roots/second.yaml"
        text = view.fs.read_text(file)
        view.fs.write(file, "dataset: [\n")
        driver.ok("create", "jail", "t1")
        assert "second" in driver.ok("ls").stderr
        assert driver.json("pool", "ls")[1]["state"] == "broken"
        assert driver("doctor").status != 0
        view.fs.write(file, text)
        driver.ok("doctor")


@scenario(sim_only=True)
def machines_on_another_pool(driver: Bsdvirt, view: HostView) -> None:
    with second_pool(driver, view) as dataset:
        driver.ok("image", "import", MEDIUM, "--name", "gold", "--loader", "bhyveload")
        driver.ok("media", "add", MEDIUM, "--name", "a.iso")
        shown = driver.ok("create", "vm", "v1", "--image", "gold", "--pool", dataset, "--dry-run")
        assert "zfs receive" in shown.stdout
        said = driver.ok("create", "vm", "v1", "--image", "gold", "--iso", "a.iso",
                         "--pool", "second", "--disk", "64M", "--loader", "bhyveload")  # fmt: skip
        assert f"not in {dataset} yet: copying it" in said.stderr
        assert f"{dataset}/images/gold" in _below(view, dataset)
        driver.ok("create", "vm", "v2", "--image", "gold", "--thick", "--pool", "second",
                  "--disk", "64M", "--loader", "bhyveload")  # fmt: skip
        driver.ok("create", "vm", "v3", "--pool", "second", "--disk", "64M", "loader=bhyveload")
        (image,) = driver.json("image", "ls")
        assert image["pools"] == [view.root, dataset]
        assert image["guests"] == ["v1"]
        driver.ok("start", "v1", "v2")
        states = {row["name"]: row["state"] for row in driver.json("ls")}
        assert states["v3"] == "stopped"
        assert {states["v1"], states["v2"]} <= {"running", "starting"}
        driver.fails(4, "image", "rm", "gold", says="v1")
        driver.ok("disk", "add", "v3", "data", "--size", "64M")
        assert f"{dataset}/guests/v3/data" in _below(view, dataset)
        driver.ok("stop", "--all", "--force")
        driver.ok("doctor")
        driver.ok("destroy", "--all", "--yes")
        driver.ok("image", "rm", "gold")
        assert driver.json("image", "ls") == []
        driver.ok("media", "rm", "a.iso")
