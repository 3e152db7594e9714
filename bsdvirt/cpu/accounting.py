"""Rates: what the host and its guests used between two samples."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from bsdvirt.rows.usage import (
    Figures,
    GuestFigures,
    GuestSample,
    HostFigures,
    HostSample,
    NicFigures,
    NicSample,
    Sample,
)

RATES = ("net_in", "net_out", "packets_in", "packets_out", "read", "written", "reads", "writes")
"""The counters of a guest whose rates have the same names."""
NIC_RATES = ("net_in", "net_out", "packets_in", "packets_out")
SAME = (
    "name", "kind", "jid", "pid", "uptime", "cpus", "cputime", "memory", "memory_limit",
    "virtual", "swap", "processes", "threads", "files", "used",
)  # fmt: skip
"""What is shown of a guest as it is in the later sample."""
SAME_OF_HOST = (
    "name", "release", "uptime", "load", "cpus", "memory", "memory_used", "arc", "swap",
    "swap_used", "racct", "pools",
)  # fmt: skip
_same = attrgetter(*SAME)
_counters = attrgetter(*RATES)
_traffic = attrgetter(*NIC_RATES)
DIGITS = 2
"""Of rates and percentages, behind the point."""
SLACK = 2
"""rctl(8) shows CPU time in whole seconds, and the kernel adds to it once a second."""


def figures(before: Sample, after: Sample) -> Figures:
    """Return what was used between two samples of one host. A rate is None where a counter is not
    known, where it went backwards, or where the guest was started in between."""
    seconds = max(after.host.time - before.host.time, 0.0)
    if _booted(before.host, after.host):
        seconds = 0.0
    known = {guest.name: guest for guest in before.guests}
    return Figures(
        time=after.host.time,
        seconds=seconds,
        host=_host(before.host, after.host, seconds),
        guests=[
            _guest(known.get(guest.name), guest, seconds, after.host.cpus) for guest in after.guests
        ],
    )


def _booted(before: HostSample, after: HostSample) -> bool:
    """Whether the host was booted between the samples: its counters began again."""
    if before.uptime is None or after.uptime is None:
        return False
    return after.uptime < before.uptime


def rate(before: float | None, after: float | None, seconds: float) -> float | None:
    """Return the growth of a counter a second; None if it is not known, or began again."""
    if before is None or after is None or after < before or seconds <= 0:
        return None
    return round((after - before) / seconds, DIGITS)


def _host(before: HostSample, after: HostSample, seconds: float) -> HostFigures:
    same: dict[str, Any] = {name: getattr(after, name) for name in SAME_OF_HOST}
    if seconds <= 0:
        return HostFigures(cpu=None, cpu_by_cpu=[None] * len(after.busy_by_cpu), **same)
    rates: dict[str, Any] = {
        name: rate(getattr(before, name), getattr(after, name), seconds) for name in NIC_RATES
    }
    return HostFigures(
        cpu=_percent(before.busy, after.busy, before.ticks, after.ticks),
        cpu_by_cpu=_by_cpu(before, after),
        **same,
        **rates,
    )


def _by_cpu(before: HostSample, after: HostSample) -> list[float | None]:
    return busy_by_cpu(
        list(zip(before.busy_by_cpu, before.ticks_by_cpu, strict=False)),
        list(zip(after.busy_by_cpu, after.ticks_by_cpu, strict=False)),
    )


def busy_by_cpu(
    before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]
) -> list[float | None]:
    """Return how busy each CPU was, from its busy ticks and all its ticks at two moments."""
    if len(before) != len(after):
        return [None] * len(after)
    return [
        _percent(busy_then, busy, ticks_then, ticks)
        for (busy_then, ticks_then), (busy, ticks) in zip(before, after, strict=True)
    ]


def _percent(
    busy_before: int | None, busy: int | None, ticks_before: int | None, ticks: int | None
) -> float | None:
    """Return the share of the ticks in between that were busy."""
    if busy_before is None or busy is None or ticks_before is None or ticks is None:
        return None
    if busy < busy_before or ticks <= ticks_before:
        return None
    return round(min(100.0, 100.0 * (busy - busy_before) / (ticks - ticks_before)), DIGITS)


def _guest(
    before: GuestSample | None, after: GuestSample, seconds: float, host_cpus: int
) -> GuestFigures:
    same: dict[str, Any] = dict(zip(SAME, _same(after), strict=True))
    if before is None or _restarted(before, after):
        nics = [NicFigures(nic=nic.nic, interface=nic.interface) for nic in after.nics]
        return GuestFigures(nics=nics, **same)
    cpu = _cpu(before, after, seconds)
    rates: dict[str, Any] = _rates(RATES, _counters(before), _counters(after), seconds)
    return GuestFigures(
        cpu=cpu,
        cpu_of_set=_share(cpu, after.cpus),
        cpu_of_host=_share(cpu, host_cpus),
        nics=_nics(before.nics, after.nics, seconds),
        **rates,
        **same,
    )


def _restarted(before: GuestSample, after: GuestSample) -> bool:
    """Whether the guest of that name is another one, or was started in between."""
    return (before.kind, before.jid, before.pid) != (after.kind, after.jid, after.pid)


def _cpu(before: GuestSample, after: GuestSample, seconds: float) -> float | None:
    """Return the CPU time used, in percent of one CPU.

    The processes' own times are exact to a hundredth of a second, but the time of a process that
    ended may be missing from them; rctl(8) misses none, and counts in whole seconds. So the first
    is taken, within what the second allows.
    """
    if seconds <= 0:
        return None
    fine = _growth(before.cpu_seconds, after.cpu_seconds)
    coarse = _growth(before.cputime, after.cputime)
    if coarse is None:
        return None if fine is None or fine < 0 else _of_one_cpu(fine, seconds)
    if coarse < 0:
        return None
    if fine is None:
        return _of_one_cpu(coarse, seconds)
    used = min(max(fine, coarse - SLACK, 0.0), coarse + SLACK)
    return _of_one_cpu(used, seconds)


def _of_one_cpu(used: float, seconds: float) -> float:
    return round(100.0 * used / seconds, DIGITS)


def _share(cpu: float | None, cpus: int | None) -> float | None:
    return round(cpu / cpus, DIGITS) if cpu is not None and cpus else None


def _growth(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _nics(before: list[NicSample], after: list[NicSample], seconds: float) -> list[NicFigures]:
    known = {nic.interface: nic for nic in before}
    return [_nic(known.get(nic.interface), nic, seconds) for nic in after]


def _nic(before: NicSample | None, after: NicSample, seconds: float) -> NicFigures:
    if before is None:
        return NicFigures(nic=after.nic, interface=after.interface)
    rates: dict[str, Any] = _rates(NIC_RATES, _traffic(before), _traffic(after), seconds)
    return NicFigures(nic=after.nic, interface=after.interface, **rates)


def _rates(
    names: Sequence[str],
    before: Sequence[float | None],
    after: Sequence[float | None],
    seconds: float,
) -> dict[str, float | None]:
    return {
        name: rate(was, now, seconds) for name, was, now in zip(names, before, after, strict=True)
    }
