"""A host that answers at once: guests and counters that change, without a host's cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.usage import GuestSample, HostSample, NicSample, PoolSample, Sample
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query

GIB = 1 << 30
STATES = ("running", "running", "running", "stopped")


class Invented:
    """A source of `count` guests. Each tick has its counters a second further; each tenth changes a
    guest's state."""

    name = ""
    read_only = ""
    several = False

    def __init__(self, count: int) -> None:
        self._count = count
        self._ticks = 0

    def tick(self) -> Tick:
        self._ticks += 1
        rows = tuple(self._row(number) for number in range(self._count))
        sample = Sample(
            host=self._host(),
            guests=[
                self._sample(number) for number, row in enumerate(rows) if row.state == "running"
            ],
        )
        return Tick("", time.monotonic(), rows, sample=sample)

    def _row(self, number: int) -> GuestRow:
        flips = number == (self._ticks // 10) % self._count
        state = "stopped" if flips else STATES[number % len(STATES)]
        return GuestRow(
            name=f"guest{number:03}", kind="vm" if number % 3 == 0 else "jail", state=state,
            id=number + 1, jid=None, addresses=[f"10.0.{number // 250}.{number % 250 + 2}"],
            autostart=number % 2 == 0, boot_order=100 if number % 2 == 0 else None,
            tags=["prod"] if number % 5 == 0 else [], networks=["private"], release="15.1-RELEASE",
            used=number * 1000000 + self._ticks * 4096, pool="zroot/bsdvirt", root="zroot/bsdvirt",
        )  # fmt: skip

    def _host(self) -> HostSample:
        return HostSample(
            time=float(self._ticks), name="bench", release="15.1-RELEASE",
            uptime=float(self._ticks),
            load=[1.0, 1.0, 1.0], cpus=16, busy=self._ticks * 600, ticks=self._ticks * 1600,
            busy_by_cpu=[self._ticks * 40] * 16, ticks_by_cpu=[self._ticks * 100] * 16,
            memory=64 * GIB, memory_used=20 * GIB + self._ticks, racct=True,
            pools=[PoolSample(name="zroot", size=100 * GIB, used=40 * GIB, free=60 * GIB,
                              health="ONLINE")],
        )  # fmt: skip

    def _sample(self, number: int) -> GuestSample:
        ticks = self._ticks
        moved = ticks * 1000 * (number % 50)
        return GuestSample(
            name=f"guest{number:03}", kind="vm" if number % 3 == 0 else "jail", jid=number + 1,
            uptime=ticks, cpus=4, cpu_seconds=ticks * (number % 40 + ticks % 7) / 100,
            memory=GIB // 2 + ticks * 4096, memory_limit=GIB, processes=20, net_in=moved,
            net_out=moved * 2, packets_in=moved // 100, packets_out=moved // 50,
            nics=[NicSample(nic=0, interface=f"bv{number}n0", net_in=moved, net_out=moved * 2,
                            packets_in=moved // 100, packets_out=moved // 50)],
            read=moved, written=moved // 2, reads=ticks, writes=ticks, used=number * 1000000,
        )  # fmt: skip

    def ask(self, query: Query[Any], *words: str) -> Any:
        return msgspec.convert([], query.rows)

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        return ["true"]

    def close(self) -> None:
        return
