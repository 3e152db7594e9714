"""Which snapshots are kept: properties that hold for any times, and some calendars."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bsdvirt.errors import BadValueError, ConflictError
from bsdvirt.guest.snapshots.plan import plan_remove_all
from bsdvirt.guest.snapshots.retention import Kept, calendar, candidates, is_due
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.spec.snapshot import Stamp, Why
from bsdvirt.spec.units import PERIODS, Every, Keep
from bsdvirt.zfs.snapshots import Part

START = datetime(2026, 11, 27, 10, 30, tzinfo=UTC)
KEEP = Keep.parse("24h,7d,4w,12m")


def taken(txg: int, time: datetime | int, why: Why = "periodic", holds: int = 0) -> Snapshot:
    created = time if isinstance(time, int) else int(time.timestamp())
    part = Part("tank/g/web", f"s{txg}", txg, txg, created, 0, 0, holds=holds)
    return Snapshot("web", "tank/g/web", f"s{txg}", txg, (part,), Stamp(time="", why=why))


def hourly(hours: int, end: datetime = START) -> list[Snapshot]:
    return [taken(n + 1, end - timedelta(hours=hours - 1 - n)) for n in range(hours)]


def left(every: list[Kept]) -> list[Snapshot]:
    return [one.snapshot for one in every if not one.goes]


def now_of(snapshots: list[Snapshot]) -> int:
    return max((one.created for one in snapshots), default=0)


def drawn(seed: int) -> tuple[list[Snapshot], Keep, int]:
    """Snapshots at any times, in any order of transaction groups: clocks are set."""
    draw = random.Random(seed)  # noqa: S311
    span = draw.choice([3600, 86400, 40 * 86400, 3 * 366 * 86400])
    base = int(START.timestamp())
    found = [
        taken(txg + 1, base + draw.randrange(-span, span // 4), holds=draw.random() < 0.05)
        for txg in range(draw.randrange(80))
    ]
    units = draw.sample(list(PERIODS), draw.randrange(1, 5))
    keep = Keep.parse(",".join(f"{draw.randrange(1, 30)}{unit}" for unit in units))
    return found, keep, base


@pytest.mark.parametrize("seeds", [range(start, start + 25) for start in range(0, 100, 25)])
def test_what_holds_for_any_times(seeds: range) -> None:
    for seed in seeds:
        check(*drawn(seed))


def check(snapshots: list[Snapshot], keep: Keep, now: int) -> None:
    every = calendar(snapshots, keep, now)
    kept = left(every)
    assert [one.snapshot for one in every] == snapshots
    # What must stay stays.
    assert not snapshots or snapshots[-1] in kept
    assert all(one in kept for one in snapshots if one.holds or one.created > now + 60)
    # No more than is wished is kept of each, and what is kept besides has its reason.
    for unit, count in keep.counts.items():
        slots = [slot for one in every for slot in one.slots if slot.startswith(PERIODS[unit])]
        assert len(slots) == len(set(slots)) <= count
    # Pruned again, at any later time, nothing more goes.
    assert left(calendar(kept, keep, now)) == kept
    # The newest that the clock knows is always kept.
    past = [one for one in snapshots if one.created <= now + 60]
    if past:
        assert max(past, key=lambda one: (one.created, one.txg)) in kept
    # More wishes keep more.
    more = Keep.parse(",".join(f"{count + 1}{unit}" for unit, count in keep.counts.items()))
    assert {one.txg for one in kept} <= {one.txg for one in left(calendar(snapshots, more, now))}


def test_pruned_each_hour_it_is_as_if_pruned_at_the_end() -> None:
    hours = hourly(24 * 70)
    step: list[Snapshot] = []
    for one in hours:
        step = left(calendar([*step, one], KEEP, one.created))
    assert step == left(calendar(hours, KEEP, now_of(hours)))


def test_a_year_of_hours() -> None:
    hours = hourly(24 * 400)
    every = calendar(hours, KEEP, now_of(hours))
    kept = left(every)
    assert len(kept) == 24 + 5 + 3 + 10
    by_name = {one.snapshot.name: one.slots for one in every}
    assert by_name[hours[-1].name] == (
        "hour 2026-11-27T10", "day 2026-11-27", "week 2026-W48", "month 2026-11",
    )  # fmt: skip
    days = [datetime.fromtimestamp(one.created, UTC) for one in kept[-40:-24]]
    # The last of each day, week and month before.
    assert all(day.hour == 23 for day in days)
    assert days[-1].date().isoformat() == "2026-11-25"


def test_an_hour_that_the_clock_shows_twice_is_one() -> None:
    """The clock was set back after the third: the last one taken is kept besides."""
    times = [START, START + timedelta(minutes=5), START + timedelta(hours=2), START]
    snapshots = [taken(n, time) for n, time in enumerate(times, 1)]
    now = int((START + timedelta(hours=3)).timestamp())
    every = calendar(snapshots, Keep.parse("1h"), now)
    assert [one.goes for one in every] == [True, True, False, False]
    assert every[3].why == "the last one"
    assert every[2].slots == ("hour 2026-11-27T12",)


def test_a_snapshot_of_a_clock_that_was_wrong_takes_no_place() -> None:
    wrong = taken(1, START + timedelta(days=3650))
    right = [taken(n + 2, START + timedelta(hours=n)) for n in range(3)]
    now = now_of(right)
    every = calendar([wrong, *right], Keep.parse("2h"), now)
    assert [one.goes for one in every] == [False, True, False, False]
    assert every[0].why == "its time is in the future"


def test_a_host_that_was_off_for_a_year_loses_nothing() -> None:
    hours = left(calendar(hourly(24 * 30), KEEP, int(START.timestamp())))
    later = int((START + timedelta(days=400)).timestamp())
    assert left(calendar(hours, KEEP, later)) == hours


def test_what_is_held_or_has_clones_is_kept() -> None:
    first = taken(1, START, holds=1)
    second = taken(2, START + timedelta(minutes=1))
    cloned = replace(second, parts=(replace(second.parts[0], clones=("tank/x",)),))
    last = taken(3, START + timedelta(minutes=2))
    every = calendar([first, cloned, last], Keep.parse("1h"), now_of([last]))
    assert [one.why for one in every] == ["held", "has clones", "the last one"]


def test_a_jail_cannot_have_its_host_keep_a_snapshot() -> None:
    data = Part("tank/g/web/data", "s1", 1, 9, int(START.timestamp()), 0, 0, holds=1)
    first = taken(1, START)
    first = replace(first, parts=(*first.parts, data), given=frozenset({data.dataset}))
    last = taken(2, START + timedelta(minutes=1))
    every = calendar([first, last], Keep.parse("1h"), now_of([last]))
    assert [one.goes for one in every] == [True, False]
    with pytest.raises(ConflictError, match="is held"):
        plan_remove_all([first], "op")
    plan = plan_remove_all([first], "op", by_jail=False)
    # What it holds goes with its hold.
    assert [step.do.argv[1:3] for step in plan.finish] == [("destroy", "-d")] * 2  # type: ignore[union-attr]


def test_only_those_of_the_schedule_are_its_own() -> None:
    mine, manual = taken(1, START), taken(2, START, why="manual")
    other = replace(taken(3, START), stamp=None)
    assert candidates([manual, mine, other], all_ours=False) == [mine]
    assert candidates([manual, mine, other], all_ours=True) == [mine, manual]


@pytest.mark.parametrize(
    ("minutes", "due"), [(0, False), (29, False), (30, True), (31, True), (-31, True), (60, True)]
)
def test_one_is_due_in_each_period(minutes: int, due: bool) -> None:
    now = int((START + timedelta(minutes=minutes)).timestamp())
    assert is_due([taken(1, START)], Every.parse("1h"), now) is due


def test_one_that_is_late_delays_none_and_a_clock_set_back_gives_no_two() -> None:
    every = Every.parse("15m")
    start = int(START.timestamp())
    snapshots: list[Snapshot] = []
    times = [*range(start, start + 7200, 300), *range(start, start + 3600, 300)]
    for number, now in enumerate(times):
        if is_due(snapshots, every, now):
            snapshots.append(taken(number + 1, now))
    assert len(snapshots) == 8 + 4


def test_what_can_be_wished() -> None:
    assert str(Keep.parse("12m, 4w,7d,24h")) == "24h,7d,4w,12m"
    for wrong in ("", "7", "0d", "7d,8d", "-1d", "7x", "99999d", "7d,", 7):
        with pytest.raises(BadValueError):
            Keep.parse(wrong)
    assert Every.parse("090m").seconds == 5400
    for wrong in ("", "0h", "1s", "1y", "400d", "1.5h", 60):
        with pytest.raises(BadValueError):
            Every.parse(wrong)
