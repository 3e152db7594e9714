"""Snapshots of guests: what belongs to them, what holds them, what their removal frees."""

from __future__ import annotations

from typing import Any

from scenario_datasets import DATA
from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

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


@scenario(each_release=True)
def what_is_due_is_taken_and_what_is_not_kept_goes(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    assert driver.ok("snapshot", "periodic").stdout == ""
    driver.ok("set", "t1", "t2", "snapshots.every=1d", "snapshots.keep=1d")
    whole = view.guest_text("t2")
    view.fs.write(view.guest_file("t2"), f"{whole}nosuch: 7\n", 0o644)
    # One with a file that cannot be read stops no other.
    said = driver("snapshot", "periodic")
    assert said.status in (1, 2)
    assert "t2: " in said.stderr
    (first,) = listed(driver, "t1").values()
    assert first["why"] == "periodic"
    assert not listed(driver, "t2")
    view.fs.write(view.guest_file("t2"), whole, 0o644)
    driver.ok("set", "t1", "t2", "snapshots.every=")
    quiet = driver.ok("snapshot", "periodic")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert list(listed(driver, "t1")) == [first["name"]]
    driver.ok("snapshot", "create", "t1@mine")
    assert "no snapshot is removed" in driver.ok("snapshot", "prune", "t1", "--yes").stdout
    # It is the last one, whatever is wished; then another one is.
    (row,) = driver.json("snapshot", "prune", "t1", "-n")
    assert row["kept"]
    assert [slot.split()[0] for slot in row["slots"]] == ["day"]
    rows = driver.json("snapshot", "prune", "--keep", "1y", "--all-ours", "-n", "t1")
    assert [(one["name"], one["kept"]) for one in rows] == [(first["name"], False), ("mine", True)]
    driver.ok("snapshot", "hold", f"t1@{first['name']}", "--tag", "bsdvirt:replica")
    driver.ok("snapshot", "prune", "--keep", "1y", "--all-ours", "t1", "--yes")
    assert sorted(listed(driver, "t1")) == sorted([first["name"], "mine"])
    driver.ok("snapshot", "release", f"t1@{first['name']}", "--tag", "bsdvirt:replica")
    assert (
        f"{first['name']}: removed"
        in driver.ok("snapshot", "prune", "--keep", "1y", "--all-ours", "-n", "t1").stdout
    )
    driver.ok("snapshot", "prune", "--keep", "1y", "--all-ours", "t1", "--yes")
    assert list(listed(driver, "t1")) == ["mine"]
    driver.fails(2, "snapshot", "prune", "t3", says="has no snapshots.keep")
    driver.fails(2, "snapshot", "prune", "t1", "--keep", "7", says="such as 24h,7d")


@scenario()
def a_guest_with_snapshots_that_are_held_is_not_destroyed(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    own = f"{view.root}/guests/t1"
    take(driver, "t1@a", "t1@b")
    driver.ok("snapshot", "hold", "t1@a")
    view.do(ZFS, "hold", "a/tag of mine", f"{own}/data@b")
    before = view.everything()
    driver.fails(4, "destroy", "t1", "--yes", says="snapshots that are held")
    assert_same(before, view.everything())
    driver.ok("destroy", "t1", "--yes", "--force")
    assert not [name for name in view.datasets() if name.startswith(own)]


@scenario(each_release=True)
def what_changed_since_a_snapshot_is_listed(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    root = view.fs.path(view.jail_root("t1"))
    (root / "etc" / "gone").write_text("x")
    take(driver, "t1@a")
    (root / "etc" / "gone").unlink()
    (root / "etc" / "new \x1b[31m\nfile").write_text("x")
    take(driver, "t1@b")
    (root / "etc" / "later").write_text("x")
    place = view.jail_root("t1")
    new = f"{place}/etc/new \x1b[31m\nfile"
    rows = {row["path"]: row for row in driver.json("snapshot", "diff", "t1@a", "b")}
    assert rows[f"{place}/etc/gone"]["change"] == "removed"
    assert (rows[new]["change"], rows[new]["kind"]) == ("added", "file")
    assert f"{place}/etc/later" not in rows
    said = driver.ok("snapshot", "diff", "t1@a")
    assert "\x1b" not in said.stdout
    assert f"{place}/etc/later" in said.stdout
    # It is mounted by the jail only.
    assert f"{view.root}/guests/t1/data cannot be compared" in said.stderr
    driver.fails(2, "snapshot", "diff", "t1@b", "a", says="not later")
    driver.fails(3, "snapshot", "diff", "t1@a", "c", says="no snapshot t1@c")
    driver.fails(2, "snapshot", "diff", "t1@a", "t2@b", says="another guest")
