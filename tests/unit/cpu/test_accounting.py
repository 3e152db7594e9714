"""Rates between two samples: never negative, never since boot."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from bsdvirt.cpu.accounting import figures, rate
from bsdvirt.rows.usage import (
    Figures,
    GuestFigures,
    GuestSample,
    HostSample,
    NicSample,
    PoolSample,
    Sample,
)

POOL = PoolSample(name="zroot", size=100, used=40, free=60, health="ONLINE")
HOST = HostSample(
    time=1000.0, uptime=500.0, load=[0.5, 0.4, 0.3], cpus=4, busy=4000, ticks=10000,
    busy_by_cpu=[1000, 1000, 2000, 0], ticks_by_cpu=[2500, 2500, 2500, 2500], memory=8 << 30,
    memory_used=2 << 30, racct=True, pools=[POOL],
)  # fmt: skip
NIC = NicSample(nic=0, interface="bv1n0a", net_in=10, net_out=20, packets_in=1, packets_out=2)
WEB = GuestSample(
    name="web", kind="jail", jid=7, uptime=300, cpus=2, cpu_seconds=50.0, cputime=50,
    memory=64 << 20, processes=5, net_in=1000, net_out=2000, packets_in=10, packets_out=20,
    read=4096, written=8192, reads=1, writes=2, used=1 << 20, nics=[NIC],
)  # fmt: skip
DB = GuestSample(name="db", kind="vm", pid=4711, cpus=2, cpu_seconds=9.0, net_in=1000)


def later(seconds: float = 2.0, **host: object) -> HostSample:
    return replace(HOST, time=HOST.time + seconds, uptime=500.0 + seconds, **host)


def between(before: GuestSample, after: GuestSample, seconds: float = 2.0) -> GuestFigures:
    made = figures(Sample(host=HOST, guests=[before]), Sample(host=later(seconds), guests=[after]))
    return made.guests[0]


def test_counters_become_rates_a_second() -> None:
    after = replace(
        WEB, cpu_seconds=51.5, cputime=51, net_in=3000, net_out=2000, packets_in=30,
        read=4096 + 8192, reads=5, memory=65 << 20, uptime=302,
        nics=[replace(NIC, net_in=110, packets_out=12)],
    )  # fmt: skip
    row = between(WEB, after)
    assert (row.cpu, row.cpu_of_set, row.cpu_of_host) == (75.0, 37.5, 18.75)
    assert (row.net_in, row.net_out, row.packets_in, row.packets_out) == (1000.0, 0.0, 10.0, 0.0)
    assert (row.read, row.written, row.reads, row.writes) == (4096.0, 0.0, 2.0, 0.0)
    assert (row.memory, row.uptime, row.processes, row.used) == (65 << 20, 302, 5, 1 << 20)
    assert (row.nics[0].net_in, row.nics[0].packets_out) == (50.0, 5.0)


def test_host_is_shown_in_percent_of_its_ticks() -> None:
    host = later(
        busy=4100, ticks=10200, busy_by_cpu=[1050, 1000, 2050, 0],
        ticks_by_cpu=[2550, 2550, 2550, 2550], load=[1.0, 0.5, 0.3],
    )  # fmt: skip
    made = figures(Sample(host=HOST, guests=[]), Sample(host=host, guests=[]))
    assert made.host.cpu == 50.0
    assert made.host.cpu_by_cpu == [100.0, 0.0, 100.0, 0.0]
    assert (made.host.load, made.host.pools) == ([1.0, 0.5, 0.3], [POOL])
    assert (made.time, made.seconds) == (1002.0, 2.0)


def rates_of(row: GuestFigures) -> set[float | None]:
    return {
        row.cpu, row.cpu_of_set, row.cpu_of_host, row.net_in, row.net_out, row.packets_in,
        row.packets_out, row.read, row.written, row.reads, row.writes,
        *(nic.net_in for nic in row.nics),
    }  # fmt: skip


def test_a_new_guest_has_no_rates() -> None:
    made = figures(Sample(host=HOST, guests=[DB]), Sample(host=later(), guests=[DB, WEB]))
    assert rates_of(made.guests[1]) == {None}
    assert made.guests[1].memory == WEB.memory


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WEB, replace(WEB, jid=8)),
        (DB, replace(DB, pid=4712, cpu_seconds=10.0)),
        (DB, replace(DB, kind="jail", pid=None, jid=4711)),
    ],
)
def test_a_guest_that_was_restarted_has_no_rates(before: GuestSample, after: GuestSample) -> None:
    assert rates_of(between(before, after)) == {None}


def test_a_guest_that_stopped_is_not_shown() -> None:
    made = figures(Sample(host=HOST, guests=[DB, WEB]), Sample(host=later(), guests=[WEB]))
    assert [row.name for row in made.guests] == ["web"]


def test_a_counter_that_went_backwards_is_not_known() -> None:
    row = between(WEB, replace(WEB, net_in=0, read=0, cputime=0, cpu_seconds=0.0))
    assert (row.net_in, row.read, row.cpu) == (None, None, None)
    assert (row.net_out, row.written) == (0.0, 0.0)


def test_rates_of_an_interface_that_is_new_are_not_known() -> None:
    row = between(WEB, replace(WEB, nics=[NIC, replace(NIC, nic=1, interface="bv1n1a")]))
    assert [nic.net_in for nic in row.nics] == [0.0, None]


def test_no_rates_over_a_boot_of_the_host_or_in_no_time() -> None:
    booted = replace(later(), uptime=20.0)
    for host in (booted, HOST, later(-5.0)):
        made = figures(Sample(host=HOST, guests=[WEB]), Sample(host=host, guests=[WEB]))
        assert rates_of(made.guests[0]) == {None}
        assert (made.host.cpu, set(made.host.cpu_by_cpu)) == (None, {None})


@pytest.mark.parametrize(
    ("fine", "coarse", "used"),
    [
        (51.5, 51, 1.5),  # The processes' own times.
        (20.0, 60, 8.0),  # Processes that ended took theirs with them.
        (50.0, 50, 0.0),
        (80.0, 50, 2.0),  # A process that had run for long came into the jail.
        (49.0, 51, 0.0),  # Never negative.
        (None, 54, 4.0),
        (51.5, None, 1.5),
        (49.0, None, None),
        (None, None, None),
    ],
)
def test_cpu_time_is_that_of_processes_within_what_rctl_counted(
    fine: float | None, coarse: int | None, used: float | None
) -> None:
    row = between(WEB, replace(WEB, cpu_seconds=fine, cputime=coarse), 4.0)
    assert row.cpu == (None if used is None else pytest.approx(100 * used / 4.0))


def test_a_virtual_machine_needs_no_resource_accounting() -> None:
    row = between(DB, replace(DB, cpu_seconds=10.0))
    assert (row.cpu, row.cputime) == (50.0, None)


def test_rate_of_unknown_counters_is_unknown() -> None:
    assert rate(None, 5, 1) is None
    assert rate(5, None, 1) is None
    assert rate(5, 4, 1) is None
    assert rate(4, 5, 0) is None
    assert rate(4, 6, 4) == 0.5


def test_samples_and_figures_survive_json() -> None:
    sample = Sample(host=HOST, guests=[DB, WEB])
    made = figures(sample, Sample(host=later(), guests=[WEB]))
    assert msgspec.json.decode(msgspec.json.encode(sample), type=Sample) == sample
    assert msgspec.json.decode(msgspec.json.encode(made), type=Figures) == made
