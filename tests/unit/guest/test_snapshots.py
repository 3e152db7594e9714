"""What belongs to one snapshot of a guest, and what is ours."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.plan import plan_remove
from bsdvirt.guest.snapshots.sets import Snapshot, free_name, named, snapshots_of
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.snapshot import Stamp, stamp_to_json
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.snapshots import Part
from bsdvirt.zfs.values import Value

WEB = "zroot/bsdvirt/guests/web"
NAMES = (WEB, f"{WEB}/data", f"{WEB}/root")
GUEST = Guest(
    "web",
    Layout("zroot/bsdvirt", "/bsdvirt"),
    Identity(id=1, uuid="u", kind="jail"),
    tuple(Dataset(name, "filesystem", 0, 0, 0) for name in NAMES),
)
STAMP = stamp_to_json(Stamp(time="2026-11-27T10:30:00Z", note="before"))
OP = Value("ab12", "local")


def part(dataset: str, name: str, txg: int, guid: int = 1, **more: Any) -> Part:
    return Part(dataset, name, txg, guid, 1000 + txg, 10, 100, **more)


def found(*parts: Part, stamp: Value | None = None) -> list[Snapshot]:
    stamps = {f"{WEB}@a": [stamp or Value(STAMP, "local"), OP]}
    return snapshots_of(GUEST, parts, stamps)


def test_what_one_command_took_is_one_snapshot() -> None:
    (one,) = found(*(part(name, "a", 7) for name in NAMES))
    assert one.ours and one.op == "ab12" and one.stamp and one.stamp.note == "before"
    assert [p.dataset for p in one.parts] == list(NAMES)
    assert one.missing == () and one.used == 30


def test_what_a_jail_took_again_under_its_name_is_not_in_it() -> None:
    whole, retaken = found(part(WEB, "a", 7), part(NAMES[2], "a", 7), part(NAMES[1], "a", 9))
    assert whole.missing == (NAMES[1],) and whole.ours
    assert [p.dataset for p in retaken.parts] == [NAMES[1]] and not retaken.ours


@pytest.mark.parametrize("source", ["received", "default", f"inherited from {WEB}"])
def test_a_stamp_of_another_host_does_not_make_it_ours(source: str) -> None:
    (one,) = found(part(WEB, "a", 7), stamp=Value(STAMP, source))
    assert not one.ours
    with pytest.raises(ConflictError, match="was not taken by bsdvirt"):
        plan_remove(one, "op")


@pytest.mark.parametrize("text", ["", "{", '{"time":1}', '{"time":"x","v":2}', "[" * 3000])
def test_a_stamp_that_cannot_be_read_does_not_make_it_ours(text: str) -> None:
    (one,) = found(part(WEB, "a", 7), stamp=Value(text, "local"))
    assert not one.ours


def test_a_guest_whose_name_begins_with_this_one_has_its_own() -> None:
    assert found(part(f"{WEB}2", "a", 7)) == []


def test_the_guests_own_dataset_goes_last() -> None:
    (one,) = found(*(part(name, "a", 7, guid) for guid, name in enumerate(NAMES)))
    plan = plan_remove(one, "op")
    gone = [step.do.argv[-1] for step in plan.finish]  # type: ignore[union-attr]
    assert gone == [f"{WEB}/root@a", f"{WEB}/data@a", f"{WEB}@a"]


@pytest.mark.parametrize(
    ("more", "why"), [({"holds": 1}, "is held"), ({"clones": ("tank/x",)}, "has clones: tank/x")]
)
def test_what_is_in_use_stays(more: dict[str, Any], why: str) -> None:
    (one,) = found(part(WEB, "a", 7), part(NAMES[2], "a", 7, **more))
    with pytest.raises(ConflictError, match=why):
        plan_remove(one, "op")


def test_a_snapshot_of_one_dataset_is_not_one_of_the_guest() -> None:
    snapshots = found(part(NAMES[1], "b", 3), part(WEB, "a", 7))
    with pytest.raises(ConflictError, match=r"not a snapshot of the whole guest"):
        named(snapshots, "web", "b")
    with pytest.raises(NotFoundError, match="available: a"):
        named(snapshots, "web", "c")
    assert named(snapshots, "web", "a").txg == 7


def test_a_free_name_is_one_that_no_dataset_has() -> None:
    snapshots = found(part(NAMES[1], "b", 3), part(WEB, "b-2", 7))
    assert free_name(snapshots, "b") == "b-3"
