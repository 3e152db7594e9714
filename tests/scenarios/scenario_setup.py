"""init, and releases."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same


@scenario(bare=True, sim_only=True, each_release=True)
def init_makes_all_and_a_second_one_changes_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.fails(5, "ls", says="bsdvirt init")
    driver.fails(5, "create", "jail", "t1", says="bsdvirt init")
    view.remember()
    shown = driver.ok("init", "--pool", view.pool, "--dry-run")
    assert "zfs create" in shown.stdout
    assert not view.leftovers()
    first = driver.ok("init", "--pool", view.pool)
    assert "set up: dataset zroot/bsdvirt" in first.stdout
    assert [name for name in view.datasets() if "/" in name] == [
        "zroot/bsdvirt",
        *(f"zroot/bsdvirt/{child}" for child in ("guests", "images", "media", "releases", "state")),
    ]
    assert view.fs.path("/bsdvirt/guests").stat().st_mode & 0o777 == 0o700
    assert 'bsdvirt_enable="YES"' in view.fs.read_text("/etc/rc.conf")
    (network,) = driver.json("network", "ls")
    assert network["name"] == "private"
    assert network["state"] == "up"
    before = view.everything()
    again = driver.ok("init", "--pool", view.pool)
    assert "already set up; nothing was changed" in again.stdout
    assert_same(before, view.everything())


@scenario()
def init_again_changes_nothing(driver: Bsdvirt, view: HostView) -> None:
    words = ("init", "--pool", view.pool, "--dataset", view.root, "--mountpoint", view.mountpoint)
    assert "already set up; nothing was changed" in driver.ok(*words).stdout
    driver.fails(4, "init", "--pool", f"{view.pool}2", says=view.root)
    driver.fails(4, "init", "--pool", view.pool, "--dataset", f"{view.pool}/other", says=view.root)
    assert not view.leftovers()


@scenario(bare=True, sim_only=True)
def init_refuses_what_cannot_be(driver: Bsdvirt, view: HostView) -> None:
    view.remember()
    driver.fails(3, "init", "--pool", "nope", says="no pool nope; available: tank, zroot")
    driver.fails(4, "init", "--pool", "zroot", "--dataset", "tank/b", says="not in pool")
    driver.fails(2, "init", "--pool", "zroot", "--mountpoint", "here", says="absolute path")
    driver.fails(2, "init", says="--pool")
    driver.fails(4, "init", "--pool", "zroot", "--mountpoint", "/etc", says="is not empty")
    assert not view.leftovers()


@scenario(bare=True, sim_only=True)
def init_mends_what_has_gone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("init", "--pool", "tank", "--dataset", "tank/deep/er", "--mountpoint", "/guests")
    before = view.fs.read_text("/usr/local/etc/bsdvirt/bsdvirt.yaml")
    view.do("/sbin/zfs", "destroy", "tank/deep/er/media")
    view.do("/sbin/ifconfig", "bvbr0", "destroy")
    shown = driver.ok("init", "--pool", "tank")
    assert "tank/deep/er/media" in shown.stdout
    assert "bvbr0" in view.interfaces()
    assert view.fs.read_text("/usr/local/etc/bsdvirt/bsdvirt.yaml") == before
    assert "already set up; nothing was changed" in driver.ok("init", "--pool", "tank").stdout


@scenario()
def releases_are_listed_and_one_in_use_stays(driver: Bsdvirt, view: HostView) -> None:
    (row,) = driver.json("release", "ls")
    assert row["name"] == view.release
    assert row["guests"] == []
    assert row["complete"]
    assert row["used"] > 0
    driver.fails(4, "release", "add", view.dist, says="already exists")
    driver.ok("create", "jail", "t1", "t2")
    assert driver.json("release", "ls")[0]["guests"] == ["t1", "t2"]
    before = view.everything()
    said = driver.fails(4, "release", "rm", view.release).stderr
    assert "t1" in said
    assert "t2" in said
    driver.fails(3, "release", "rm", "9.9-RELEASE", says=view.release)
    assert_same(before, view.everything())


@scenario()
def a_release_is_removed_and_added_again(driver: Bsdvirt, view: HostView) -> None:
    dataset = f"{view.root}/releases/{view.release}"
    assert "zfs destroy" in driver.ok("release", "rm", view.release, "--dry-run").stdout
    assert not view.leftovers()
    driver.ok("release", "rm", view.release)
    assert not [name for name in view.datasets() if "/releases/" in name]
    assert driver.json("release", "ls") == []
    words = ("create", "jail", "t1", "--release", "12.0-RELEASE", "--no-fetch")
    driver.fails(3, *words, says="no release")
    before = view.everything()
    assert "tar" in driver.ok("release", "add", view.dist, "--dry-run").stdout
    assert_same(before, view.everything())
    driver.ok("release", "add", f"file://{view.dist}")
    assert dataset in view.datasets()
    assert f"{dataset}@base" in view.datasets()
    assert not view.leftovers()


@scenario()
def a_dist_that_is_wrong_adds_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("release", "rm", view.release)
    before = view.everything()
    place, host_place = view.scratch / "dist", f"{view.host_scratch}/dist"
    place.mkdir()
    manifest, archive = place / "MANIFEST", place / "base.txz"
    driver.fails(3, "release", "add", host_place, says="MANIFEST")
    manifest.write_text("hello\n")
    driver.fails(2, "release", "add", host_place, says="not a MANIFEST")
    manifest.write_text(f'kernel.txz\t{"0" * 64}\t1\tkernel\t"Kernel"\ton\n')
    driver.fails(2, "release", "add", host_place, says="does not list base.txz")
    manifest.write_text(f'base.txz\t{"0" * 64}\t1\tbase\t"Base"\ton\n')
    driver.fails(3, "release", "add", host_place, says="base.txz")
    shutil.copyfile(view.fs.path(view.dist) / "base.txz", archive)
    driver.fails(2, "release", "add", host_place, says="SHA-256")
    driver.fails(2, "release", "add", host_place, "--name", "a/b", says="not a valid release name")
    driver.fails(5, "release", "add", host_place, "--name", "99.0-RELEASE", says="newer than")
    driver.fails(3, "release", "add", "/nonexistent", says="/nonexistent")
    driver.fails(2, "release", "add", "http://x.org/dist", says="https://")
    _base_of_version(archive, manifest, "99.1-RELEASE")
    driver.fails(5, "release", "add", host_place, says="99.1-RELEASE is newer")
    archive.write_text("this is no archive\n")
    manifest.write_text(_line(archive, 1))
    driver.fails(2, "release", "add", host_place, says="does not say which release")
    driver.fails(1, "release", "add", host_place, "--name", "12.0-RELEASE", says="tar")
    assert_same(before, view.everything())
    driver.ok("release", "add", view.dist)


def _base_of_version(archive: Path, manifest: Path, version: str) -> None:
    from bsdvirt_sim.tools.distribution import make_release

    make_release(archive.parent, version)
    assert manifest.exists()


def _line(archive: Path, files: int) -> str:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return f'base.txz\t{digest}\t{files}\tbase\t"Base system"\ton\n'


@scenario(sim_only=True)
def a_jail_of_a_release_newer_than_the_kernel_is_refused(driver: Bsdvirt, view: HostView) -> None:
    from bsdvirt_sim import SimHost

    assert isinstance(view.host, SimHost)
    (release,) = driver.json("release", "ls")
    view.host.settings.set_kernel("12.4-RELEASE", 1204000)
    driver.fails(5, "create", "jail", "t1", "--release", release["name"], says="newer")
    of = view.host.settings.release
    view.host.settings.set_kernel(of.kernel, of.osreldate)
    assert not view.leftovers()
