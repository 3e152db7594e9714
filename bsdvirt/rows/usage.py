"""Rows of accounting: what the host and its guests have used so far, and what they use a second.

A Sample holds counters and sizes as they were at one moment. Figures are made from two samples
(cpu/accounting.py), so that no rate is ever one since boot. What is not known is None.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from bsdvirt.rows.base import BYTES, PERCENT, RATE, SECONDS, Row, col

OPERATIONS = "operations/s"
PACKETS = "packets/s"


class PoolSample(Row, frozen=True, kw_only=True):
    """A ZFS pool of the host."""

    name: Annotated[str, col("Name of the pool.")]
    size: Annotated[int, col("Size of the pool.", unit=BYTES)]
    used: Annotated[int, col("Space allocated.", unit=BYTES)]
    free: Annotated[int, col("Space not allocated.", unit=BYTES)]
    health: Annotated[str, col("Health, as zpool(8) names it, such as ONLINE.")]


class HostSample(Row, frozen=True, kw_only=True):
    """The host at one moment."""

    time: Annotated[float, col("Time of the sample, on the host's monotonic clock.", unit=SECONDS)]
    name: Annotated[str | None, col("Host name.")] = None
    release: Annotated[str | None, col("Release of the kernel.")] = None
    uptime: Annotated[float | None, col("Time since it was booted.", unit=SECONDS)] = None
    load: Annotated[list[float] | None, col("Load averages over 1, 5 and 15 minutes.")] = None
    cpus: Annotated[int, col("Number of CPUs.")]
    busy: Annotated[int | None, col("Ticks that the CPUs together were busy for.")] = None
    ticks: Annotated[int | None, col("Ticks of the CPUs together, idle ones included.")] = None
    busy_by_cpu: Annotated[list[int], col("Busy ticks of each CPU.")] = field(default_factory=list)
    ticks_by_cpu: Annotated[list[int], col("Ticks of each CPU.")] = field(default_factory=list)
    memory: Annotated[int | None, col("Size of the memory.", unit=BYTES)] = None
    memory_used: Annotated[
        int | None, col("Memory in use: neither free, inactive, nor ZFS's cache.", unit=BYTES)
    ] = None
    arc: Annotated[int | None, col("Memory in use as ZFS's cache (ARC).", unit=BYTES)] = None
    swap: Annotated[int | None, col("Size of the swap space.", unit=BYTES)] = None
    swap_used: Annotated[int | None, col("Swap space in use.", unit=BYTES)] = None
    net_in: Annotated[int | None, col("Bytes that its network cards received.", unit=BYTES)] = None
    net_out: Annotated[int | None, col("Bytes that its network cards sent.", unit=BYTES)] = None
    packets_in: Annotated[int | None, col("Packets that its network cards received.")] = None
    packets_out: Annotated[int | None, col("Packets that its network cards sent.")] = None
    racct: Annotated[bool, col("Whether the kernel has resource accounting (kern.racct.enable).")]
    pools: Annotated[list[PoolSample], col("Pools.")] = field(default_factory=list)


class GuestSample(Row, frozen=True, kw_only=True):
    """A running guest at one moment."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("Kind: jail or vm.")]
    jid: Annotated[int | None, col("Jail ID of a jail.")] = None
    pid: Annotated[int | None, col("Process ID of a virtual machine's bhyve.")] = None
    uptime: Annotated[int | None, col("Time since it started.", unit=SECONDS)] = None
    cpus: Annotated[int | None, col("Number of CPUs that it may use.")] = None
    cpu_seconds: Annotated[
        float | None, col("CPU time of its processes and their children.", unit=SECONDS)
    ] = None
    cputime: Annotated[
        int | None, col("CPU time since it started, as rctl(8) counts it.", unit=SECONDS)
    ] = None
    memory: Annotated[int | None, col("Resident memory.", unit=BYTES)] = None
    memory_limit: Annotated[int | None, col("Most memory that it may use.", unit=BYTES)] = None
    virtual: Annotated[int | None, col("Address space.", unit=BYTES)] = None
    swap: Annotated[int | None, col("Swap space reserved or used.", unit=BYTES)] = None
    processes: Annotated[int | None, col("Number of processes.")] = None
    threads: Annotated[int | None, col("Number of threads.")] = None
    files: Annotated[int | None, col("Number of open files.")] = None
    net_in: Annotated[int | None, col("Bytes that it received.", unit=BYTES)] = None
    net_out: Annotated[int | None, col("Bytes that it sent.", unit=BYTES)] = None
    packets_in: Annotated[int | None, col("Packets that it received.")] = None
    packets_out: Annotated[int | None, col("Packets that it sent.")] = None
    nics: Annotated[list[NicSample], col("The same by interface.")] = field(default_factory=list)
    read: Annotated[int | None, col("Bytes read from its datasets.", unit=BYTES)] = None
    written: Annotated[int | None, col("Bytes written to its datasets.", unit=BYTES)] = None
    reads: Annotated[int | None, col("Read operations on its datasets.")] = None
    writes: Annotated[int | None, col("Write operations on its datasets.")] = None
    used: Annotated[int | None, col("Disk space that its datasets use.", unit=BYTES)] = None


class NicSample(Row, frozen=True, kw_only=True):
    """An interface of a guest, as the guest sees it."""

    nic: Annotated[int, col("Number of the interface, from 0.")]
    interface: Annotated[str, col("Interface on the host.")]
    net_in: Annotated[int, col("Bytes received.", unit=BYTES)]
    net_out: Annotated[int, col("Bytes sent.", unit=BYTES)]
    packets_in: Annotated[int, col("Packets received.")]
    packets_out: Annotated[int, col("Packets sent.")]


class Sample(Row, frozen=True, kw_only=True):
    """The host and its running guests at one moment, as `stats --counters` prints it."""

    host: Annotated[HostSample, col("The host.")]
    guests: Annotated[list[GuestSample], col("The running guests, by name.")]


class HostFigures(Row, frozen=True, kw_only=True):
    """What the host uses."""

    name: Annotated[str | None, col("Host name.")] = None
    release: Annotated[str | None, col("Release of the kernel.")] = None
    uptime: Annotated[float | None, col("Time since it was booted.", unit=SECONDS)] = None
    load: Annotated[list[float] | None, col("Load averages over 1, 5 and 15 minutes.")] = None
    cpus: Annotated[int, col("Number of CPUs.")]
    cpu: Annotated[float | None, col("How busy the CPUs are, together.", unit=PERCENT)] = None
    cpu_by_cpu: Annotated[list[float | None], col("How busy each CPU is.", unit=PERCENT)] = field(
        default_factory=list
    )
    memory: Annotated[int | None, col("Size of the memory.", unit=BYTES)] = None
    memory_used: Annotated[
        int | None, col("Memory in use: neither free, inactive, nor ZFS's cache.", unit=BYTES)
    ] = None
    arc: Annotated[int | None, col("Memory in use as ZFS's cache (ARC).", unit=BYTES)] = None
    swap: Annotated[int | None, col("Size of the swap space.", unit=BYTES)] = None
    swap_used: Annotated[int | None, col("Swap space in use.", unit=BYTES)] = None
    net_in: Annotated[float | None, col("Bytes that its network cards receive.", unit=RATE)] = None
    net_out: Annotated[float | None, col("Bytes that its network cards send.", unit=RATE)] = None
    packets_in: Annotated[
        float | None, col("Packets that its network cards receive.", unit=PACKETS)
    ] = None
    packets_out: Annotated[
        float | None, col("Packets that its network cards send.", unit=PACKETS)
    ] = None
    racct: Annotated[bool, col("Whether the kernel has resource accounting (kern.racct.enable).")]
    pools: Annotated[list[PoolSample], col("Pools.")] = field(default_factory=list)


class NicFigures(Row, frozen=True, kw_only=True):
    """An interface of a guest, as the guest sees it."""

    nic: Annotated[int, col("Number of the interface, from 0.")]
    interface: Annotated[str, col("Interface on the host.")]
    net_in: Annotated[float | None, col("Bytes received.", unit=RATE)] = None
    net_out: Annotated[float | None, col("Bytes sent.", unit=RATE)] = None
    packets_in: Annotated[float | None, col("Packets received.", unit=PACKETS)] = None
    packets_out: Annotated[float | None, col("Packets sent.", unit=PACKETS)] = None


class GuestFigures(Row, frozen=True, kw_only=True):
    """What a running guest uses. The rates of one that has just started are None."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("Kind: jail or vm.")]
    jid: Annotated[int | None, col("Jail ID of a jail.")] = None
    pid: Annotated[int | None, col("Process ID of a virtual machine's bhyve.")] = None
    uptime: Annotated[int | None, col("Time since it started.", unit=SECONDS)] = None
    cpus: Annotated[int | None, col("Number of CPUs that it may use.")] = None
    cpu: Annotated[float | None, col("CPU time, in percent of one CPU.", unit=PERCENT)] = None
    cpu_of_set: Annotated[
        float | None, col("CPU time, in percent of the CPUs that it may use.", unit=PERCENT)
    ] = None
    cpu_of_host: Annotated[
        float | None, col("CPU time, in percent of the host's CPUs.", unit=PERCENT)
    ] = None
    cputime: Annotated[
        int | None, col("CPU time since it started, as rctl(8) counts it.", unit=SECONDS)
    ] = None
    memory: Annotated[int | None, col("Resident memory.", unit=BYTES)] = None
    memory_limit: Annotated[int | None, col("Most memory that it may use.", unit=BYTES)] = None
    virtual: Annotated[int | None, col("Address space.", unit=BYTES)] = None
    swap: Annotated[int | None, col("Swap space reserved or used.", unit=BYTES)] = None
    processes: Annotated[int | None, col("Number of processes.")] = None
    threads: Annotated[int | None, col("Number of threads.")] = None
    files: Annotated[int | None, col("Number of open files.")] = None
    net_in: Annotated[float | None, col("Bytes received.", unit=RATE)] = None
    net_out: Annotated[float | None, col("Bytes sent.", unit=RATE)] = None
    packets_in: Annotated[float | None, col("Packets received.", unit=PACKETS)] = None
    packets_out: Annotated[float | None, col("Packets sent.", unit=PACKETS)] = None
    nics: Annotated[list[NicFigures], col("The same by interface.")] = field(default_factory=list)
    read: Annotated[float | None, col("Bytes read from its datasets.", unit=RATE)] = None
    written: Annotated[float | None, col("Bytes written to its datasets.", unit=RATE)] = None
    reads: Annotated[float | None, col("Read operations.", unit=OPERATIONS)] = None
    writes: Annotated[float | None, col("Write operations.", unit=OPERATIONS)] = None
    used: Annotated[int | None, col("Disk space that its datasets use.", unit=BYTES)] = None


class Figures(Row, frozen=True, kw_only=True):
    """What the host and its running guests use, as `top --json` prints it each time."""

    time: Annotated[float, col("Time of the later sample, on the monotonic clock.", unit=SECONDS)]
    seconds: Annotated[float, col("Time between the two samples.", unit=SECONDS)]
    host: Annotated[HostFigures, col("The host.")]
    guests: Annotated[list[GuestFigures], col("The running guests, by name.")]


class LimitRow(Row, frozen=True, kw_only=True):
    """A limit that is in force for a running guest, as `limits` lists it."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("Kind: jail or vm.")]
    resource: Annotated[str, col("Resource, as rctl(8) names it.")]
    action: Annotated[str, col("What rctl(8) does at the limit, such as deny.")]
    per: Annotated[
        str | None, col("What it is accounted for, such as process; null if that is the guest.")
    ]
    limit: Annotated[int, col("The limit, in `unit`.")]
    used: Annotated[int | None, col("What is used now, in `unit`.")]
    percent: Annotated[float | None, col("What is used, in percent of the limit.", unit=PERCENT)]
    unit: Annotated[str, col("Unit of both: bytes, bytes/s, percent, s; empty for a number.")]
    hits: Annotated[
        int | None,
        col("How often it was reached within the last day, at least; null if that is not known."),
    ] = None
    last_hit: Annotated[
        str | None, col("Time of the last of these, UTC, as 2026-11-21T10:30:00Z.")
    ] = None
