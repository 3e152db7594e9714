"""Who comes from whom, and what a jail's own snapshots do to a list."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakehost import FakeHost
from msgspec.structs import replace

from bsdvirt.errors import NotFoundError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot, picked
from bsdvirt.guest.snapshots.tree import Node, forest
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.snapshot import Stamp
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.reclaim import read_holds, read_holds_of, read_reclaim
from bsdvirt.zfs.snapshots import Part

TOP = "zroot/bsdvirt/guests"
BASE = "zroot/bsdvirt/releases/15.1-RELEASE@base"
STAMP = Stamp(time="2026-11-27T10:30:00Z")


def guest(name: str, origin: str) -> Guest:
    datasets = (
        Dataset(f"{TOP}/{name}", "filesystem", 0, 0, 0),
        Dataset(f"{TOP}/{name}/root", "filesystem", 0, 0, 0, origin=origin),
    )
    layout = Layout("zroot/bsdvirt", "/bsdvirt")
    return Guest(name, layout, Identity(id=1, uuid="u", kind="jail"), datasets)


def snapshot(of: str, name: str, *clones: str, stamp: Stamp | None = STAMP) -> Snapshot:
    own = f"{TOP}/{of}"
    parts = (
        Part(own, name, 7, 1, 1007, 10, 100),
        Part(f"{own}/root", name, 7, 2, 1007, 10, 100, clones=clones),
    )
    return Snapshot(of, own, name, 7, parts, stamp)


def lines(nodes: tuple[Node, ...] | list[Node], indent: str = "") -> list[str]:
    return [
        line for node in nodes for line in (indent + node.name, *lines(node.children, indent + " "))
    ]


def test_a_clone_is_beneath_the_snapshot_that_it_comes_from() -> None:
    guests = {
        "web": guest("web", BASE),
        "copy": guest("copy", f"{TOP}/web/root@a"),
        "deep": guest("deep", f"{TOP}/copy/root@b"),
    }
    snapshots = {
        "web": [snapshot("web", "a", f"{TOP}/copy/root", "zroot/mine")],
        "copy": [snapshot("copy", "b", f"{TOP}/deep/root")],
    }
    trees = forest(guests, snapshots, guests)
    assert lines(trees) == ["web", " web@a", "  copy", "   copy@b", "    deep", "  zroot/mine"]
    assert trees[0].origins == (BASE,)
    assert lines(forest(guests, snapshots, ["deep"])) == ["deep"]


def test_guests_that_come_from_each_other_are_shown_once() -> None:
    guests = {
        "a": guest("a", f"{TOP}/b/root@x"),
        "b": guest("b", f"{TOP}/a/root@x"),
    }
    snapshots = {
        "a": [snapshot("a", "x", f"{TOP}/b/root")],
        "b": [snapshot("b", "x", f"{TOP}/a/root")],
    }
    assert lines(forest(guests, snapshots, guests)) == ["a", " a@x", "  b", "   b@x", "    a"]


def test_a_pattern_is_of_those_that_bsdvirt_took() -> None:
    every = [
        snapshot("web", "auto-1"),
        snapshot("web", "auto-2", stamp=None),
        replace(snapshot("web", "auto-3"), txg=8),
    ]
    assert [one.name for one in picked(every, "web", ["auto-*"])] == ["auto-1", "auto-3"]
    assert [one.name for one in picked(every, "web", ["auto-3", "auto-1"])] == ["auto-1", "auto-3"]
    with pytest.raises(NotFoundError, match=r"web@x\* matches no"):
        picked(every, "web", ["x*"])


TIME = "Fri Nov 27 06:14 2026"
HOLDS = "/sbin/zfs holds -H "


def test_the_words_of_a_tag_do_not_pass_for_a_hold_of_another(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    part, main = f"{TOP}/web/data@a", f"{TOP}/web@a"
    host.shown[HOLDS + part] = f"{part}\tx\n{main}\tall\t{TIME}\t{TIME}\n{part}\tkeep\t{TIME}\n"
    assert read_holds_of(host, part) == [f"x\n{main}\tall\t{TIME}", "keep"]
    host.shown[HOLDS + main] = f"{main}\taudit\t{TIME}\n"
    assert read_holds(host, [main]) == {main: ["audit"]}


def test_what_a_removal_frees_is_the_sum_of_what_zfs_prints(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    argv = f"/sbin/zfs destroy -nvpr {TOP}/web@a,b"
    host.shown[argv] = f"destroy\t{TOP}/web@a\ndestroy\t{TOP}/web@b\nreclaim\t12345\n"
    assert read_reclaim(host, f"{TOP}/web", ["a", "b"], recursive=True) == 12345
    assert read_reclaim(host, f"{TOP}/web", ["cloned"]) is None
