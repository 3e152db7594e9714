"""Which snapshots are kept, and which are taken now. Pure.

Of each hour, day, week, month and year (UTC) the last snapshot is kept, of as many as is wished;
those in which none was taken do not count. So nothing depends on the present time: a clock that
was wrong removes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.spec.units import PERIODS, Every, Keep

FUTURE_SECONDS = 60
"""A snapshot that is so much newer than the clock was taken while the clock was wrong."""


class Kept(Struct, frozen=True):
    """One snapshot in the calendar."""

    snapshot: Snapshot
    slots: tuple[str, ...] = ()
    """The hours, days, weeks, months and years that it is kept as, such as `day 2026-11-27`."""
    why: str = ""
    """Why it is kept in any case."""

    @property
    def goes(self) -> bool:
        return not (self.slots or self.why)


def _hour(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H")


def _week(time: datetime) -> str:
    year, week, _ = time.isocalendar()
    return f"{year:04}-W{week:02}"


SLOTS: Mapping[str, Callable[[datetime], str]] = {
    "h": _hour,
    "d": lambda time: time.strftime("%Y-%m-%d"),
    "w": _week,
    "m": lambda time: time.strftime("%Y-%m"),
    "y": lambda time: time.strftime("%Y"),
}


def candidates(snapshots: Iterable[Snapshot], *, all_ours: bool) -> list[Snapshot]:
    """Return the snapshots that a schedule may remove: those that it took, or all that bsdvirt
    took; in the order in which they were taken."""
    found = [
        one
        for one in snapshots
        if one.stamp is not None and (all_ours or one.stamp.why == "periodic")
    ]
    return sorted(found, key=lambda one: one.txg)


def calendar(taken: Sequence[Snapshot], keep: Keep, now: int) -> list[Kept]:
    """Return what becomes of snapshots, which are given in the order in which they were taken.
    Those that are in use, the last one, and those whose time is in the future are kept."""
    fixed = {one.txg: why for one in taken if (why := _fixed(one, taken[-1], now))}
    dated = [one for one in taken if one.created <= now + FUTURE_SECONDS]
    slots = _slots(dated, keep)
    return [Kept(one, tuple(slots.get(one.txg, ())), fixed.get(one.txg, "")) for one in taken]


def _fixed(one: Snapshot, last: Snapshot, now: int) -> str:
    """Return why a snapshot is kept in any case. A jail cannot have its host keep one: what it
    holds or cloned of the datasets that it was given stays by itself."""
    if one.own.holds:
        return "held"
    if one.own.clones:
        return "has clones"
    if one.created > now + FUTURE_SECONDS:
        return "its time is in the future"
    return "the last one" if one.txg == last.txg else ""


def _slots(dated: Sequence[Snapshot], keep: Keep) -> dict[int, list[str]]:
    """Return the slots of each snapshot that is the last of one."""
    found: dict[int, list[str]] = {}
    newest_first = sorted(dated, key=lambda one: (one.created, one.txg), reverse=True)
    for unit, count in keep.counts.items():
        seen: set[str] = set()
        for one in newest_first:
            slot = SLOTS[unit](datetime.fromtimestamp(one.created, UTC))
            if slot not in seen and len(seen) < count:
                seen.add(slot)
                found.setdefault(one.txg, []).append(f"{PERIODS[unit]} {slot}")
    return found


def is_due(taken: Sequence[Snapshot], every: Every, now: int) -> bool:
    """Whether the next snapshot is due: the last one, in the order of transaction groups, was taken
    in another period. Periods are counted from 1970, so that a late one delays none."""
    if not taken:
        return True
    return taken[-1].created // every.seconds != now // every.seconds
