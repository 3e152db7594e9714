"""What a rollback takes away, what refuses it, and its plan."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from test_snapshots import GUEST, NAMES, WEB, found, part

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.guest.snapshots.rollback import (
    Lost,
    lost_by,
    plan_rollback,
    refuse_incomplete,
    refuse_loss,
    refuse_unconfirmed,
    unfit_disks,
)
from bsdvirt.plan.bounds import Bounds
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.zfs.since import Bookmark, Since
from bsdvirt.zfs.snapshots import Part

ROOT = f"{WEB}/root"
DATA = f"{WEB}/data"


def lost(*later: Part, bookmarks: tuple[Bookmark, ...] = (), written: int = 0) -> Lost:
    """A rollback to web@a of txg 7, which has the guest's own dataset and its root."""
    snapshots = found(part(WEB, "a", 7), part(ROOT, "a", 7), *later)
    target = next(one for one in snapshots if one.name == "a" and one.txg == 7)
    return lost_by(target, snapshots, bookmarks, {ROOT: Since(written)})


def test_later_snapshots_of_what_is_rolled_back_go_and_no_others() -> None:
    one = lost(
        part(ROOT, "old", 3), part(ROOT, "auto", 9), part(DATA, "auto", 9), part(WEB, "b", 8)
    )
    assert one.names == {f"{ROOT}@auto", f"{WEB}@b"}
    assert one.added == (DATA,)
    text = "\n".join(one.lines())
    assert f"later snapshot auto (of another tool, 10B (10 bytes)) of {ROOT}\n" in text
    assert f"{DATA} was made since: it stays as it is" in text


def test_a_jail_that_took_thousands_does_not_fill_the_list() -> None:
    one = lost(*(part(ROOT, f"s{number}", 10 + number) for number in range(5000)))
    assert len(one.names) == 5000
    assert len(one.lines()) < 150
    assert "and 4900 more" in one.lines()


def test_a_bookmark_goes_if_its_snapshot_was_later() -> None:
    marks = (
        Bookmark(f"{ROOT}#older", 3), Bookmark(f"{ROOT}#same", 7), Bookmark(f"{ROOT}#later", 8),
        Bookmark(f"{DATA}#later", 8),
    )  # fmt: skip
    one = lost(bookmarks=marks)
    assert one.names == {f"{ROOT}#later"}
    assert f"bookmark {ROOT}#later" in one.lines()


def test_what_was_written_is_told_in_bytes() -> None:
    assert f"what was written since to {ROOT}: 1.5K (1536 bytes)" in lost(written=1536).lines()
    assert "0 bytes" not in "\n".join(lost(written=0).lines())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"clones": ("zroot/bsdvirt/guests/db/root",)}, "guests/db/root"),
        ({"holds": 1}, "is held by backup"),
    ],
)
def test_what_keeps_a_later_snapshot_refuses(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ConflictError, match=why):
        refuse_loss(lost(part(ROOT, "b", 9, **more)), {"b": "backup"})
    # Neither does harm in an earlier one, nor of a dataset that stays as it is.
    refuse_loss(lost(part(ROOT, "b", 3, **more), part(DATA, "c", 9, **more)), {})


@pytest.mark.parametrize(
    ("since", "refused"),
    [
        ({"written": 5}, ""),
        ({"written": 5, "refquota": 100}, ""),
        ({"written": 5, "refquota": 99}, "more than the refquota"),
        # All of the reservation that is not written is free already, and counted in `available`.
        ({"written": 40, "refreservation": 100, "available": 100}, ""),
        ({"written": 40, "refreservation": 100, "available": 99}, "free space"),
        ({"written": 140, "refreservation": 100, "available": 100}, ""),
        ({"written": 140, "refreservation": 100, "available": 99}, "free space"),
    ],
)
def test_what_has_no_room_is_refused_before_anything_is_lost(
    since: dict[str, int], refused: str
) -> None:
    one = replace(lost(), since={ROOT: Since(**since)})
    if not refused:
        refuse_loss(one, {})
        return
    with pytest.raises(BsdvirtError, match=refused):
        refuse_loss(one, {})


def test_a_dataset_that_the_file_names_and_the_snapshot_lacks_refuses() -> None:
    refuse_incomplete(lost().target, {ROOT: None})
    with pytest.raises(ConflictError, match=f"lacks {DATA}, which"):
        refuse_incomplete(lost().target, {ROOT: None, DATA: None})


def test_a_volume_of_another_size_than_the_file_says_is_told() -> None:
    (one,) = found(part(WEB, "a", 7), part(DATA, "a", 7, volsize=1 << 20))
    assert list(unfit_disks(one, {DATA: 1 << 20})) == []
    (note,) = unfit_disks(one, {DATA: 2 << 20})
    assert note == f"{DATA} comes back with 1M, and its configuration says 2M"


def test_what_the_user_has_not_seen_is_not_taken() -> None:
    now = lost(part(ROOT, "b", 9), part(ROOT, "c", 10))
    refuse_unconfirmed(now.target, now.names, now)
    with pytest.raises(ConflictError, match=f"would be lost: {ROOT}@c"):
        refuse_unconfirmed(now.target, frozenset({f"{ROOT}@b"}), now)


def words(plan: Plan) -> list[str]:
    steps: tuple[Step, ...] = (*plan.steps, *plan.finish)
    return [" ".join(step.do.argv[1:]) for step in steps if isinstance(step.do, Command)]


def test_the_guests_own_dataset_comes_last_and_the_mark_after_it() -> None:
    (one,) = found(*(part(name, "a", 7) for name in NAMES))
    plan = plan_rollback(GUEST, one, "ab12")
    assert words(plan) == [
        f"set bsdvirt:op=ab12 {WEB}",
        f"rollback -r {ROOT}@a",
        f"rollback -r {DATA}@a",
        f"rollback -r {WEB}@a",
        f"inherit bsdvirt:op {WEB}",
    ]
    # An operation that has ended rolls nothing back again, whatever its journal says.
    assert all(step.unless is not None for step in plan.finish)


def test_recovery_rolls_back_within_the_pool_and_destroys_no_clones() -> None:
    bounds = Bounds("zroot/bsdvirt", "/bsdvirt", first=False)
    (one,) = found(part(WEB, "a", 7))
    assert bounds.beyond(plan_rollback(GUEST, one, "ab12")) == ""
    for argv in (
        ("rollback", "-r", "tank/home@a"),
        ("rollback", "-R", f"{WEB}@a"),
        ("rollback", f"{WEB}@a"),
        ("rollback", "-r", "-R", f"{WEB}@a"),
    ):
        step = Step(Command(("/sbin/zfs", *argv)), "")
        assert "it would run /sbin/zfs rollback" in bounds.beyond(
            Plan("roll back", "web", finish=(step,))
        )
