"""Snapshots of the simulated host: taken together, listed, read as files, destroyed."""

from __future__ import annotations

import pytest

from bsdvirt.host import tools
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import Release

from .conftest import Do

GET = (tools.ZFS, "get", "-Hp", "-o", "name,property,value,source")
LIST = (tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o")


@pytest.fixture
def guest(do: Do) -> str:
    """A guest's dataset with a root and a volume."""
    do(tools.ZFS, "create", "-p", "tank/g/web/root")
    do(tools.ZFS, "create", "-s", "-V", "1G", "tank/g/web/disk")
    return "tank/g/web"


def snap(do: Do, *names: str, ok: int = 0) -> str:
    return do(tools.ZFS, "snapshot", *names, ok=ok).stderr


def test_all_parts_of_a_snapshot_are_of_one_transaction_group(do: Do, see: Do, guest: str) -> None:
    snap(do, "-r", "-o", "bsdvirt:snapshot={}", f"{guest}@a")
    snap(do, f"{guest}@b", f"{guest}/root@b")
    listed = see(*LIST, "name,createtxg,userrefs,clones", "-r", guest).stdout.splitlines()
    rows = [line.split("\t") for line in listed]
    assert [row[0] for row in rows] == [
        f"{guest}@a", f"{guest}@b", f"{guest}/disk@a", f"{guest}/root@a", f"{guest}/root@b",
    ]  # fmt: skip
    by_name: dict[str, set[str]] = {}
    for name, txg, *_ in rows:
        by_name.setdefault(name.partition("@")[2], set()).add(txg)
    assert len(by_name["a"]) == len(by_name["b"]) == 1
    assert by_name["a"] < by_name["a"] | by_name["b"]
    assert {tuple(row[2:]) for row in rows} == {("0", "-")}


def test_none_is_taken_where_one_cannot_be(do: Do, see: Do, guest: str) -> None:
    snap(do, f"{guest}/root@a")
    assert snap(do, f"{guest}@a", f"{guest}/root@a", ok=1) == (
        f"cannot create snapshot '{guest}/root@a': dataset already exists\n"
        "no snapshots were created\n"
    )
    many = "cannot create snapshots : multiple snapshots of same fs not allowed\n"
    assert snap(do, f"{guest}@b", "zroot@b", ok=1) == f"{many}no snapshots were created\n"
    assert snap(do, f"{guest}@b", f"{guest}@c", ok=1) == f"{many}no snapshots were created\n"
    assert snap(do, "-o", "quota=1G", f"{guest}@b", ok=1) == (
        "cannot create snapshots : this property can not be modified for snapshots\n"
    )
    assert see(*LIST, "name", guest).stdout == ""


def test_listing_by_depth_and_by_a_column(do: Do, see: Do, guest: str) -> None:
    snap(do, f"{guest}/root@z")
    snap(do, "-r", f"{guest}@a")
    snap(do, f"{guest}@b")
    assert see(*LIST, "name", "-d", "1", guest).stdout == f"{guest}@a\n{guest}@b\n"
    assert see(*LIST, "name", guest).stdout == f"{guest}@a\n{guest}@b\n"
    by_txg = see(*LIST, "name", "-s", "createtxg", "-r", guest).stdout.splitlines()
    assert by_txg[0] == f"{guest}/root@z"
    assert by_txg[-1] == f"{guest}@b"
    mixed = (tools.ZFS, "list", "-Hp", "-t", "filesystem,volume,snapshot", "-o", "name", "-d", "1")
    assert see(*mixed, guest).stdout.splitlines() == [
        guest, f"{guest}@a", f"{guest}@b", f"{guest}/disk", f"{guest}/root",
    ]  # fmt: skip
    wrong = see(tools.ZFS, "list", "-Hp", "-o", "name", f"{guest}@a")
    assert (wrong.status, wrong.stderr) == (
        1,
        f"cannot open '{guest}@a': snapshot delimiter '@' is not expected here\n",
    )


def test_properties_of_snapshots(do: Do, see: Do, guest: str, of: Release) -> None:
    do(tools.ZFS, "set", "bsdvirt:op=1", guest)
    snap(do, "-r", "-o", "bsdvirt:op=2", f"{guest}@a")
    snap(do, f"{guest}@b")
    do(tools.ZFS, "set", "bsdvirt:note=x", f"{guest}@a", f"{guest}@b")
    shown = see(*GET, "-t", "snapshot", "-d", "1", "bsdvirt:op,bsdvirt:note", guest).stdout
    assert shown.splitlines() == [
        f"{guest}@a\tbsdvirt:op\t2\tlocal",
        f"{guest}@a\tbsdvirt:note\tx\tlocal",
        f"{guest}@b\tbsdvirt:op\t1\tinherited from {guest}",
        f"{guest}@b\tbsdvirt:note\tx\tlocal",
    ]
    do(tools.ZFS, "inherit", "bsdvirt:note", f"{guest}@a")
    do(tools.ZFS, "inherit", "-r", "bsdvirt:op", guest)
    left = see(*GET, "-s", "local", "-r", "bsdvirt:op,bsdvirt:note", guest).stdout
    assert left == f"{guest}@b\tbsdvirt:note\tx\tlocal\n"
    refused = do(tools.ZFS, "set", "readonly=on", f"{guest}@a", ok=of.zfs_set_failed)
    assert refused.stderr == (
        f"cannot set property for '{guest}@a': this property can not be modified for snapshots\n"
    )


def test_files_of_a_snapshot(host: SimHost, do: Do, guest: str) -> None:
    place = f"/{guest}"
    host.fs.write(f"{place}/guest.yaml", "old")
    host.fs.mkdir(f"{place}/root/etc")
    host.fs.write(f"{place}/root/etc/rc.conf", "sshd")
    snap(do, "-r", f"{guest}@a")
    host.fs.write(f"{place}/guest.yaml", "new")
    host.fs.rmtree(f"{place}/root/etc")
    past = f"{place}/.zfs/snapshot/a"
    assert host.fs.read_text(f"{past}/guest.yaml") == "old"
    assert host.fs.read_beneath(f"{place}/root/.zfs/snapshot/a", "etc/rc.conf") == "sshd"
    assert host.fs.listdir(f"{place}/.zfs/snapshot") == ["a"]
    assert host.fs.listdir(f"{past}/root") == []
    assert ".zfs" not in host.fs.listdir(place)
    assert host.fs.version(f"{past}/guest.yaml") != host.fs.version(f"{place}/guest.yaml")
    with pytest.raises(OSError, match="Read-only file system"):
        host.fs.write(f"{past}/guest.yaml", "forged")
    with pytest.raises(OSError, match="Read-only file system"):
        host.fs.write_beneath(place, ".zfs/snapshot/a/guest.yaml", "forged")
    do(tools.ZFS, "rename", guest, "tank/g/www")
    assert host.fs.read_text("/tank/g/www/.zfs/snapshot/a/guest.yaml") == "old"
    assert not host.fs.exists(f"{past}/guest.yaml")


def test_the_space_of_snapshots_adds_up(host: SimHost, do: Do, see: Do, guest: str) -> None:
    def reclaim(spec: str) -> int:
        lines = see(tools.ZFS, "destroy", "-nvp", f"{guest}@{spec}").stdout.splitlines()
        word, _, size = lines[-1].partition("\t")
        assert word == "reclaim"
        return int(size)

    def used(name: str, prop: str = "used") -> int:
        return int(see(tools.ZFS, "get", "-Hp", "-o", "value", prop, name).stdout)

    before = used(guest)
    host.fs.write(f"/{guest}/one", "1" * 4000)
    snap(do, f"{guest}@a")
    snap(do, f"{guest}@b")
    host.fs.unlink(f"/{guest}/one")
    host.fs.write(f"/{guest}/two", "2" * 600)
    snap(do, f"{guest}@c")
    host.fs.unlink(f"/{guest}/two")
    assert [used(f"{guest}@{name}") for name in "abc"] == [0, 0, 1024]
    assert [reclaim(name) for name in ("a", "b", "a,b", "a%b", "a%", "%", "a,c")] == [
        0, 0, 4096, 4096, 5120, 5120, 1024,
    ]  # fmt: skip
    assert used(guest, "usedbysnapshots") == 5120
    assert used(guest) == before + 5120
    do(tools.ZFS, "destroy", f"{guest}@a%b")
    assert used(guest, "usedbysnapshots") == 1024
    assert see(*LIST, "name", guest).stdout == f"{guest}@c\n"


def test_destroying_snapshots(do: Do, see: Do, guest: str) -> None:
    snap(do, "-r", f"{guest}@a")
    snap(do, f"{guest}@b")
    assert see(tools.ZFS, "destroy", "-nvpr", f"{guest}@a").stdout == (
        f"destroy\t{guest}@a\ndestroy\t{guest}/disk@a\ndestroy\t{guest}/root@a\nreclaim\t0\n"
    )
    do(tools.ZFS, "clone", f"{guest}/root@a", "tank/g/c")
    snap(do, "tank/g/c@x")
    assert do(tools.ZFS, "destroy", "-r", f"{guest}@a", ok=1).stderr == (
        f"cannot destroy '{guest}/root@a': snapshot has dependent clones\n"
        "use '-R' to destroy the following datasets:\ntank/g/c@x\ntank/g/c\n"
    )
    do(tools.ZFS, "destroy", "-d", f"{guest}/root@a")
    deferred = (tools.ZFS, "get", "-Hp", "-o", "value", "defer_destroy", f"{guest}/root@a")
    assert see(*deferred).stdout == "on\n"
    do(tools.ZFS, "destroy", "-r", "tank/g/c")
    assert see(*LIST, "name", "-r", guest).stdout == f"{guest}@a\n{guest}@b\n{guest}/disk@a\n"
    do(tools.ZFS, "destroy", "-r", f"{guest}@a,b")
    assert do(tools.ZFS, "destroy", f"{guest}@a", ok=1).stderr == (
        "could not find any snapshots to destroy; check snapshot names.\n"
    )


def test_bookmarks(do: Do, see: Do, guest: str) -> None:
    snap(do, f"{guest}@a")
    do(tools.ZFS, "bookmark", f"{guest}@a", "#m")
    do(tools.ZFS, "bookmark", f"{guest}#m", f"{guest}#n")
    do(tools.ZFS, "destroy", f"{guest}@a")
    shown = see(tools.ZFS, "list", "-Hp", "-t", "bookmark", "-o", "name,used", "-r", guest)
    assert shown.stdout == f"{guest}#m\t-\n{guest}#n\t-\n"
    do(tools.ZFS, "destroy", f"{guest}#m")
    assert do(tools.ZFS, "destroy", f"{guest}#m", ok=1).stderr == (
        f"bookmark '{guest}#m' does not exist.\n"
    )


def test_a_dataset_that_is_read_only_is_not_written(host: SimHost, do: Do, guest: str) -> None:
    do(tools.ZFS, "set", "readonly=on", guest)
    do(tools.ZFS, "create", "-o", "readonly=off", f"{guest}/data")
    with pytest.raises(OSError, match="Read-only file system"):
        host.fs.write(f"/{guest}/root/x", "")
    with pytest.raises(OSError, match="Read-only file system"):
        host.fs.write_beneath(f"/{guest}/root", "x", "")
    host.fs.write(f"/{guest}/data/x", "")
