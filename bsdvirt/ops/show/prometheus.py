"""A sample in Prometheus's text format: counters, from which it makes the rates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from bsdvirt.rows.base import Row, declared
from bsdvirt.rows.usage import GuestSample, HostSample, NicSample, PoolSample, Sample

ONLINE = "ONLINE"


class Metric(Struct, frozen=True):
    """A field of a row; what only grows is a counter."""

    field: str
    name: str
    help: str = ""
    """Where the field's own does not fit."""

    @property
    def type(self) -> str:
        return "counter" if self.name.endswith("_total") else "gauge"


HOST = (
    Metric("uptime", "host_uptime_seconds"),
    Metric("cpus", "host_cpus"),
    Metric("busy", "host_cpu_busy_ticks_total"),
    Metric("ticks", "host_cpu_ticks_total"),
    Metric("memory", "host_memory_bytes"),
    Metric("memory_used", "host_memory_used_bytes"),
    Metric("arc", "host_arc_bytes"),
    Metric("swap", "host_swap_bytes"),
    Metric("swap_used", "host_swap_used_bytes"),
    Metric("net_in", "host_received_bytes_total"),
    Metric("net_out", "host_sent_bytes_total"),
    Metric("packets_in", "host_received_packets_total"),
    Metric("packets_out", "host_sent_packets_total"),
)
POOL = (
    Metric("size", "pool_size_bytes"),
    Metric("used", "pool_used_bytes"),
    Metric("free", "pool_free_bytes"),
)
GUEST = (
    Metric("uptime", "guest_uptime_seconds"),
    Metric("cpus", "guest_cpus"),
    Metric("memory", "guest_memory_bytes"),
    Metric("memory_limit", "guest_memory_limit_bytes"),
    Metric("virtual", "guest_virtual_bytes"),
    Metric("swap", "guest_swap_bytes"),
    Metric("processes", "guest_processes"),
    Metric("threads", "guest_threads"),
    Metric("files", "guest_open_files"),
    Metric("read", "guest_read_bytes_total"),
    Metric("written", "guest_written_bytes_total"),
    Metric("reads", "guest_reads_total"),
    Metric("writes", "guest_writes_total"),
    Metric("used", "guest_used_bytes"),
)
NIC = (
    Metric("net_in", "guest_received_bytes_total"),
    Metric("net_out", "guest_sent_bytes_total"),
    Metric("packets_in", "guest_received_packets_total"),
    Metric("packets_out", "guest_sent_packets_total"),
)
CPU = Metric("cpu_seconds", "guest_cpu_seconds_total")
HEALTHY = Metric("health", "pool_healthy", "Whether its health is ONLINE.")
LOAD = Metric("load", "host_load")

Labels = dict[str, str]
Labelled = tuple[Labels, Row]


def prometheus(sample: Sample) -> str:
    """Return the metrics of a sample; without those that are not known."""
    return "".join(f"{line}\n" for line in _lines(sample))


def _lines(sample: Sample) -> Iterator[str]:
    host = sample.host
    minutes = zip((1, 5, 15), host.load or (), strict=False)
    yield from _metric(
        HostSample, LOAD, [({"minutes": str(minute)}, value) for minute, value in minutes]
    )
    yield from _metrics(HostSample, HOST, [({}, host)])
    pools: list[Labelled] = [({"pool": pool.name}, pool) for pool in host.pools]
    yield from _metrics(PoolSample, POOL, pools)
    healthy = [({"pool": pool.name}, int(pool.health == ONLINE)) for pool in host.pools]
    yield from _metric(PoolSample, HEALTHY, healthy)
    guests: list[Labelled] = [(_labels(guest), guest) for guest in sample.guests]
    # What rctl(8) counts misses no process that ended.
    used = [
        (_labels(guest), guest.cpu_seconds if guest.cputime is None else guest.cputime)
        for guest in sample.guests
    ]
    yield from _metric(GuestSample, CPU, used)
    yield from _metrics(GuestSample, GUEST, guests)
    nics: list[Labelled] = [
        (_labels(guest) | {"nic": str(nic.nic), "interface": nic.interface}, nic)
        for guest in sample.guests
        for nic in guest.nics
    ]
    yield from _metrics(NicSample, NIC, nics)


def _labels(guest: GuestSample) -> Labels:
    return {"name": guest.name, "kind": guest.kind}


def _metrics(cls: type[Row], metrics: Iterable[Metric], rows: list[Labelled]) -> Iterator[str]:
    for metric in metrics:
        yield from _metric(cls, metric, [(one, getattr(row, metric.field)) for one, row in rows])


def _metric(cls: type[Row], metric: Metric, values: list[tuple[Labels, Any]]) -> Iterator[str]:
    known = [(labels, value) for labels, value in values if value is not None]
    if not known:
        return
    name = f"bsdvirt_{metric.name}"
    yield f"# HELP {name} {metric.help or declared(cls)[metric.field].description}"
    yield f"# TYPE {name} {metric.type}"
    for labels, value in known:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
