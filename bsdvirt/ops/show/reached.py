"""The limits that guests have reached: for `limits`, `info`, `doctor` and `events`."""

from __future__ import annotations

import fnmatch
import math
import time
from collections.abc import Iterator, Sequence

from bsdvirt.cpu.limits import limit_of
from bsdvirt.facts.reached import DAY, Burst, Hit, bursts, has_rotated, read_hits
from bsdvirt.host.base import Host
from bsdvirt.layout import LOG_DIRECTORY, limits_log
from bsdvirt.rows.base import utc
from bsdvirt.rows.events import Operation
from bsdvirt.rows.guest import Reached
from bsdvirt.spec.limits import RESOURCES
from bsdvirt.spec.types import GuestName, Size

VERB = "limit"
KERNEL = "kernel"


def hits_of_the_day(host: Host, name: str) -> list[Hit]:
    """Return the events of a guest within the last day."""
    return read_hits(host, name, time.time() - DAY)


def reached(host: Host, name: str) -> list[Reached]:
    """Return the limits that a guest has reached within the last day, the last one last."""
    found: dict[tuple[str, int, str], list[Hit]] = {}
    for hit in hits_of_the_day(host, name):
        found.setdefault((hit.resource, hit.amount, hit.per), []).append(hit)
    rows = [
        Reached(
            resource=resource,
            per=per or None,
            limit=limit_of(resource, amount),
            times=len(hits),
            last=moment_of(hits[-1].time),
        )
        for (resource, amount, per), hits in found.items()
    ]
    return sorted(rows, key=lambda row: row.last)


def in_words(row: Reached) -> str:
    """Return such as `maxproc 50, 12 times, last at 2026-11-21T10:30:00Z`."""
    per = f" per {row.per}" if row.per else ""
    times = f", {row.times} times" if row.times > 1 else ""
    return f"{row.resource}{per} {amount_text(row.resource, row.limit)}{times}, last at {row.last}"


def amount_text(resource: str, amount: int) -> str:
    """Return an amount with the unit of its resource."""
    unit = RESOURCES[resource].unit if resource in RESOURCES else ""
    if unit in ("bytes", "bytes/s"):
        return f"{Size(amount)!s}{unit.removeprefix('bytes')}"
    return f"{amount}{unit if unit == '%' else f' {unit}' if unit else ''}"


def moment_of(seconds: float) -> str:
    """Return a time as the log of operations has it."""
    return utc(seconds)


def limit_events(
    host: Host, words: Sequence[str], since: float = 0.0, until: float = math.inf
) -> Iterator[Operation]:
    """Yield what guests by these names or patterns, or all guests, have reached, as events."""
    fs = host.fs
    for name in sorted(fs.listdir(LOG_DIRECTORY)):
        wanted = not words or any(fnmatch.fnmatchcase(name, word) for word in words)
        if (
            wanted
            and _is_name(name)
            and (fs.size(limits_log(name)) or has_rotated(fs, limits_log(name)))
        ):
            hits = read_hits(host, name, since)
            for burst in bursts([hit for hit in hits if hit.time < until]):
                yield _event(name, burst)


def _is_name(name: str) -> bool:
    try:
        GuestName.parse(name)
    except ValueError:
        return False
    return True


def _event(name: str, burst: Burst) -> Operation:
    amount = amount_text(burst.resource, limit_of(burst.resource, burst.amount))
    per = f" per {burst.per}" if burst.per else ""
    times = f", {burst.times} times" if burst.times > 1 else ""
    by = f" (process {next(iter(burst.pids))})" if len(burst.pids) == 1 else ""
    return Operation(
        time=moment_of(burst.last),
        verb=VERB,
        subject=name,
        kind="guest",
        # No operation has failed: `events --failed` says why a start did.
        ok=True,
        seconds=round(burst.last - burst.first, 1),
        user=KERNEL,
        message=f"reached its limit of {burst.resource}{per}, {amount}{times}{by}",
        hint=f"bsdvirt limits {name}",
    )
