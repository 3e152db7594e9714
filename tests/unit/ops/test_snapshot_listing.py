"""Which snapshots are listed: a jail can take any number of its own."""

from __future__ import annotations

import pytest

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import snapshots_of
from bsdvirt.layout import Layout
from bsdvirt.ops.snapshots import listing
from bsdvirt.ops.snapshots.listing import MOST_SINGLE, Filter
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.snapshot import Stamp, stamp_to_json
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.snapshots import Part
from bsdvirt.zfs.values import Value

WEB = "zroot/bsdvirt/guests/web"
GUEST = Guest(
    "web",
    Layout("zroot/bsdvirt", "/bsdvirt"),
    Identity(id=1, uuid="u", kind="jail"),
    (Dataset(WEB, "filesystem", 0, 0, 0), Dataset(f"{WEB}/data", "filesystem", 0, 0, 0)),
)


def test_the_newest_of_very_many_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [Part(one, "a", 3, 1, 1003, 0, 0) for one in (WEB, f"{WEB}/data")]
    jails = [Part(f"{WEB}/data", f"j{n}", 10 + n, 1, 2000, 0, 0) for n in range(5000)]
    stamps = {f"{WEB}@a": [Value(stamp_to_json(Stamp(time="")), "local"), Value("op", "local")]}
    every = {"web": snapshots_of(GUEST, [*ours, *jails], stamps)}
    monkeypatch.setattr(listing, "read_each", lambda session, guests: (every, {}))

    def names(wanted: Filter) -> list[str]:
        found = listing.listing(None, [GUEST], wanted)  # type: ignore[arg-type]
        return [one.name for one in found.snapshots["web"]]

    shown = names(Filter())
    assert shown[:2] == ["a", f"j{5000 - MOST_SINGLE}"]
    assert len(shown) == MOST_SINGLE + 1
    assert len(names(Filter(every=True))) == 5001
    assert names(Filter(ours=True)) == names(Filter(why="manual")) == ["a"]
    assert names(Filter({"web": ["j7", "j80*"]}))[:3] == ["j7", "j80", "j800"]
    assert names(Filter(held=True)) == names(Filter(why="periodic")) == []
