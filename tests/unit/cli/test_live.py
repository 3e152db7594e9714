"""The table of `top`."""

from __future__ import annotations

import pytest

from bsdvirt.cli.live.table import BY_FIELD, COLUMNS, Order, duration, frame, guest_lines
from bsdvirt.rows.usage import Figures, GuestFigures, HostFigures, PoolSample

HOST = HostFigures(
    uptime=300000.0, load=[0.5, 0.25, 0.125], cpus=4, cpu=12.5, memory=8 << 30,
    memory_used=2 << 30, arc=1 << 30, swap=0, swap_used=0, racct=True, net_in=2048.0,
    pools=[PoolSample(name="zroot", size=100 << 30, used=40 << 30, free=60 << 30,
                      health="DEGRADED")],
)  # fmt: skip
GUESTS = [
    GuestFigures(name="web", kind="jail", cpu=150.5, memory=64 << 20, uptime=7500, processes=12),
    GuestFigures(name="db", kind="vm", cpu=3.25, memory=2 << 30, uptime=59, net_in=2048.4),
    GuestFigures(name="new", kind="jail"),
]


def names(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines[1:]]


def test_the_host_and_its_pools_stand_above() -> None:
    lines = frame(Figures(time=5.0, seconds=1.0, host=HOST, guests=GUESTS), Order())
    assert lines[0] == (
        "load 0.50 0.25 0.12  cpu 12.5% of 4  memory 2G of 8G  cache 1G  swap 0B of 0B  up 3d11h"
    )
    assert lines[1] == "net 2K in, - out  zroot 40% of 100G DEGRADED"
    assert lines[3].split() == [
        "NAME", "CPU", "OF-SET", "OF-HOST", "MEMORY", "LIMIT", "SWAP", "PROCS", "NET-IN", "NET-OUT",
        "PKT-IN", "PKT-OUT", "READ", "WRITTEN", "READS", "WRITES", "USED", "UPTIME",
    ]  # fmt: skip
    assert lines[4].split()[:2] == ["web", "150%"]
    assert lines[5].split() == [
        "db", "3.2%", "-", "-", "2G", "-", "-", "-", "2K", *["-"] * 8, "0:59",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ("", ["web", "db", "new"]),
        ("m", ["db", "web", "new"]),
        ("mR", ["web", "db", "new"]),
        ("n", ["db", "new", "web"]),
        ("nR", ["web", "new", "db"]),
        ("i", ["db", "new", "web"]),
        ("?", ["web", "db", "new"]),
    ],
)
def test_keys_sort_and_what_is_not_known_is_last(keys: str, order: list[str]) -> None:
    chosen = Order()
    for key in keys:
        chosen = chosen.press(key)
    assert names(guest_lines(GUESTS, chosen)) == order


def test_columns_have_keys_of_their_own() -> None:
    keys = [column.key for column in COLUMNS]
    assert len(set(keys) - {"q", "R", "?", " "}) == len(COLUMNS) == len(BY_FIELD)


@pytest.mark.parametrize("width", [44, 60, 80, 120, 200])
def test_a_narrow_terminal_shows_fewer_columns_whole(width: int) -> None:
    lines = guest_lines(GUESTS, Order(), width)
    assert max(map(len, lines)) <= width
    assert {"NAME", "CPU", "MEMORY"} <= set(lines[0].split())
    assert ("LIMIT" in lines[0]) == (width >= 120)
    assert ("PKT-IN" in lines[0]) == (width >= 200)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (125, "2:05"), (3600, "1h00m"), (86399, "23h59m"), (360000, "4d04h")],
)
def test_times_are_short(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown
