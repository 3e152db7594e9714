"""Snapshots of guests: what belongs to them, what holds them, what their removal frees."""

from __future__ import annotations

from typing import Any

from scenario_datasets import DATA
from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

ZFS = "/sbin/zfs"


def listed(driver: Bsdvirt, *words: str) -> dict[str, dict[str, Any]]:
    """The snapshots that are listed, by name."""
    return {row["name"]: row for row in driver.json("snapshot", "ls", *words)}


def take(driver: Bsdvirt, *names: str) -> None:
    for name in names:
        driver.ok("snapshot", "create", name)


@scenario(each_release=True)
def snapshots_that_are_held_or_cloned_stay(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    own = f"{view.root}/guests/t1"
    take(driver, "t1@a", "t1@auto-1", "t1@auto-2")
    driver.ok("snapshot", "hold", "t1@auto-2")
    driver.ok("snapshot", "hold", "t1@auto-2", "--tag", "audit")
    assert "held already" in driver.ok("snapshot", "hold", "t1@auto-2").stdout
    assert sorted(listed(driver, "t1", "--held")["auto-2"]["tags"]) == ["audit", "bsdvirt"]
    tags = [view.run(ZFS, "holds", "-H", f"{one}@auto-2").stdout.split("\t")[1::2]
            for one in (own, f"{own}/root", f"{own}/data")]  # fmt: skip
    assert all(sorted(word for word in found if word in ("audit", "bsdvirt")) for found in tags)
    # Nothing goes where one of them must stay.
    said = driver.fails(4, "snapshot", "rm", "t1@auto-*", "--yes", says="t1@auto-2 is held by")
    assert "audit" in said.stderr
    assert sorted(listed(driver, "t1")) == ["a", "auto-1", "auto-2"]
    driver.ok("snapshot", "release", "t1@auto-2")
    driver.ok("snapshot", "release", "t1@auto-2", "--tag", "audit")
    assert "not held" in driver.ok("snapshot", "release", "t1@auto-2").stdout
    (going,) = driver.json("snapshot", "rm", "t*@auto-*", "-n")
    assert len(going["parts"]) == 6
    assert going["frees"] >= 0
    driver.ok("snapshot", "rm", "t*@auto-*", "--yes")
    assert list(listed(driver, "t1")) == ["a"]
    view.do(ZFS, "clone", f"{own}/root@a", f"{view.root}/guests/copy")
    try:
        driver.fails(4, "snapshot", "rm", "t1@a", "--yes", says=f"{view.root}/guests/copy")
        (tree,) = driver.json("snapshot", "ls", "t1", "--tree", "--reclaim")
        (one,) = tree["children"]
        assert one["snapshot"]["frees"] is None
        assert [child["name"] for child in one["children"]] == [f"{view.root}/guests/copy"]
    finally:
        view.do(ZFS, "destroy", f"{view.root}/guests/copy")
    assert isinstance(listed(driver, "t1", "--reclaim")["a"]["frees"], int)


@scenario()
def snapshots_of_other_tools_stay(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    own = f"{view.root}/guests/t1"
    view.do(ZFS, "snapshot", "-r", f"{own}@daily")
    view.do(ZFS, "snapshot", f"{own}/data@odd name")
    take(driver, "t1@a")
    found = listed(driver, "t1")
    assert {name: row["by"] for name, row in found.items()} == {
        "daily": "other", "odd name": "other", "a": "bsdvirt",
    }  # fmt: skip
    assert not found["odd name"]["whole"]
    assert list(listed(driver, "t1", "--ours")) == ["a"]
    driver.fails(4, "snapshot", "rm", "t1@daily", "--yes", says="was not taken by bsdvirt")
    driver.fails(4, "snapshot", "rm", "t1@odd name", "--yes", says="not a snapshot of the whole")
    driver.ok("snapshot", "rm", "t1@*", "--yes")
    assert sorted(listed(driver, "t1")) == ["daily", "odd name"]


@scenario()
def what_is_left_of_a_snapshot_is_found(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    take(driver, "t1@a", "t1@b")
    view.do(ZFS, "destroy", f"{view.root}/guests/t1/root@a")
    found = [one for one in driver.json("doctor") if one["subject"] == "t1"]
    assert [("t1@a" in one["message"], one["problem"]) for one in found] == [(True, False)]
    # What came after a snapshot is not missing in it.
    driver.ok("set", "t1", "datasets.data.mountpoint=/data")
    assert len([one for one in driver.json("doctor") if one["subject"] == "t1"]) == 1
    driver.ok("snapshot", "rm", "t1@a", "--yes")
    assert not [one for one in driver.json("doctor") if one["subject"] == "t1"]
    assert list(listed(driver, "t1")) == ["b"]
