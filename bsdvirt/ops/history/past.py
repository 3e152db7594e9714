"""What was recorded, for those who ask: which ring fits, and its rows."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct

from bsdvirt.errors import NotFoundError
from bsdvirt.ops.history.ring import GUEST, Record, folded
from bsdvirt.ops.history.store import HOST, History, Store
from bsdvirt.rows.history import (
    GuestPast,
    GuestPeriod,
    GuestUse,
    HostPast,
    HostPeriod,
    HostUse,
)
from bsdvirt.session.session import Session

HINT = "to record from now on, sysrc bsdvirt_stats_enable=YES, then service bsdvirt_stats start"
HOST_NAMES = tuple(HostUse.__struct_fields__)
"""By their place in a record: see HOST in ring.py."""
DIGITS = 2


class Span(Struct, frozen=True):
    """From when to when: seconds since 1970."""

    begin: int
    end: int


def read_past(
    session: Session, span: Span, names: Collection[str] | None = None, *, host: bool = False
) -> list[GuestPast | HostPast]:
    """Return what was recorded of these guests, or of the host and of all guests. Raises
    NotFoundError if nothing was, OSError if that cannot be read."""
    store = Store(session.host.fs, session.layout.histories)
    now = int(time.time())
    rows: list[GuestPast | HostPast] = []
    errors: list[OSError] = []
    if host or names is None:
        history = _read(store, HOST, errors)
        if history is not None:
            rows.append(_host_past(history, span, now))
    guests = {} if host else session.inventory(shallow=True).guests
    for name in sorted(guests if names is None else set(names) & set(guests)):
        history = _read(store, guests[name].identity.uuid, errors)
        if history is not None:
            rows.append(_guest_past(name, guests[name].identity.kind, history, span, now))
    rows = [row for row in rows if row.periods]
    if not rows and errors:
        raise errors[0]
    if not rows:
        of = "the host" if host else ", ".join(sorted(names)) if names else "this host"
        raise NotFoundError(f"nothing is recorded of {of} in that time", HINT)
    return rows


def _read(store: Store, file: str, errors: list[OSError]) -> History | None:
    """Return what a file holds. One that cannot be read stops no other."""
    try:
        return store.read(file)
    except OSError as error:
        errors.append(error)
        return None


def chosen(history: History, span: Span, now: int) -> tuple[int, list[Record]]:
    """Return the records of a time from the finest ring that reaches back so far, and the length of
    their periods. A longer period that has not ended is made from the shorter ones."""
    at = next(
        (n for n, ring in enumerate(history.rings) if span.begin >= now - ring.span),
        len(history.rings) - 1,
    )
    ring = history.rings[at]
    records = history.records(ring, span.begin, span.end)
    current = span.end // ring.step
    if at and all(record.number < current for record in records):
        newest = folded(
            history.records(history.rings[at - 1], current * ring.step, span.end), current
        )
        records += [newest] if newest is not None else []
    return ring.step, records


def _guest_past(name: str, kind: str, history: History, span: Span, now: int) -> GuestPast:
    step, records = chosen(history, span, now)
    periods = [
        GuestPeriod(
            time=one.number * step, samples=one.samples,
            mean=GuestUse(**_named(GUEST, one.mean)), most=GuestUse(**_named(GUEST, one.most)),
        )
        for one in records
    ]  # fmt: skip
    return GuestPast(
        name=name, kind=kind, begin=span.begin, end=span.end, step=step, periods=periods
    )


def _host_past(history: History, span: Span, now: int) -> HostPast:
    step, records = chosen(history, span, now)
    periods = [
        HostPeriod(
            time=one.number * step, samples=one.samples,
            mean=HostUse(**_named(HOST_NAMES, one.mean)),
            most=HostUse(**_named(HOST_NAMES, one.most)),
        )
        for one in records
    ]  # fmt: skip
    return HostPast(
        name=HOST, kind=HOST, begin=span.begin, end=span.end, step=step, periods=periods
    )


def _named(names: Sequence[str], figures: Sequence[float]) -> dict[str, Any]:
    return {
        name: None if math.isnan(figure) else round(figure, DIGITS)
        for name, figure in zip(names, figures, strict=False)
    }


def values(past: GuestPast | HostPast, field: str) -> list[float]:
    """Return the means of a figure, one for each period of the time that is shown: NaN where
    nothing was recorded, or the figure was not known."""
    first = -(-past.begin // past.step)
    found = [math.nan] * max(1, -(-past.end // past.step) - first)
    for period in past.periods:
        at = period.time // past.step - first
        value = getattr(period.mean, field)
        if value is not None and 0 <= at < len(found):
            found[at] = value
    return found


def highest(past: GuestPast | HostPast, field: str) -> float | None:
    """Return the highest value of a figure; None where none is known."""
    known = (getattr(period.most, field) for period in past.periods)
    return max((value for value in known if value is not None), default=None)
