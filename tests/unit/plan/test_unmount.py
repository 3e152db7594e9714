"""What is mounted is unmounted, and never removed with the directory it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakehost import MOUNTS, NOTHING_MOUNTED, FakeHost, mounted

from bsdvirt.errors import StepError
from bsdvirt.plan.act import act
from bsdvirt.plan.conditions import holds
from bsdvirt.plan.step import MountedBeneath, RemoveTree, UnmountBeneath

TABLE = mounted(
    ("zroot", "/", "zfs"),
    ("/srv", "/jails/web/data", "nullfs"),
    ("/srv/in", "/jails/web/data/in", "nullfs"),
    ("/srv", "/jails/web2/data", "nullfs"),
)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    host = FakeHost(tmp_path)
    host.shown[MOUNTS] = TABLE
    return host


def test_the_latest_first_and_by_force_where_it_must_be(host: FakeHost) -> None:
    host.fails["/sbin/umount /jails/web/data"] = [(1, "Device busy")]
    act(host, UnmountBeneath("/jails/web"))
    assert host.ran == [
        "/sbin/umount /jails/web/data/in",
        "/sbin/umount /jails/web/data",
        "/sbin/umount -f /jails/web/data",
    ]


def test_beneath_is_not_on(host: FakeHost) -> None:
    assert holds(host, MountedBeneath("/jails/web"))
    assert not holds(host, MountedBeneath("/jails/web/data/in"))
    assert not holds(host, MountedBeneath("/jails/we"))


@pytest.mark.parametrize("tree", ["/jails", "/jails/web/data/in"])
def test_a_tree_with_something_mounted_in_it_stays(
    host: FakeHost, tmp_path: Path, tree: str
) -> None:
    kept = tmp_path / "jails/web/data/in/file"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")
    with pytest.raises(StepError, match="is mounted there") as caught:
        act(host, RemoveTree(tree))
    assert "umount /jails/web" in caught.value.hint
    assert kept.read_text() == "kept"
    host.shown[MOUNTS] = NOTHING_MOUNTED
    act(host, RemoveTree(tree))
    assert not kept.exists()
