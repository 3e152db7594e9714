"""The table of `top`, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.base import BYTES, PERCENT, RATE, SECONDS, unit_of
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.usage import Figures, GuestFigures, HostFigures, PoolSample

MINUTE, HOUR, DAY = 60, 3600, 86400


class Column(Struct, frozen=True):
    """A field of GuestFigures, and the key that sorts by it."""

    field: str
    title: str
    key: str
    width: int = 7


COLUMNS = (
    Column("name", "NAME", "n"),
    Column("cpu", "CPU", "c"),
    Column("cpu_of_set", "OF-SET", "s"),
    Column("cpu_of_host", "OF-HOST", "h"),
    Column("memory", "MEMORY", "m"),
    Column("memory_limit", "LIMIT", "l"),
    Column("swap", "SWAP", "x"),
    Column("processes", "PROCS", "p", 5),
    Column("net_in", "NET-IN", "i"),
    Column("net_out", "NET-OUT", "o"),
    Column("packets_in", "PKT-IN", "k"),
    Column("packets_out", "PKT-OUT", "K"),
    Column("read", "READ", "r"),
    Column("written", "WRITTEN", "w"),
    Column("reads", "READS", "e"),
    Column("writes", "WRITES", "t"),
    Column("used", "USED", "d"),
    Column("uptime", "UPTIME", "u"),
)
SPARED = (
    "packets_in", "packets_out", "reads", "writes", "cpu_of_host", "swap", "memory_limit",
    "cpu_of_set", "processes", "used", "uptime", "written", "read",
)  # fmt: skip
"""The columns that a narrow terminal does without, the first first."""
GAP = "  "
BY_FIELD = {column.field: column for column in COLUMNS}
BY_KEY = {column.key: column for column in COLUMNS}
FIRST = BY_FIELD["cpu"]


class Order(Struct, frozen=True):
    """How guests are sorted: by a column, the largest first; names from a to z."""

    column: Column = FIRST
    reverse: bool = False

    def press(self, key: str) -> Order:
        """Return the order after a key: that of its column, or the opposite one."""
        if key == "R":
            return Order(self.column, not self.reverse)
        column = BY_KEY.get(key)
        return self if column is None else Order(column)

    def sort(self, guests: Sequence[GuestFigures]) -> list[GuestFigures]:
        """Return the guests in this order; those that the value is not known of stand last."""
        field = self.column.field
        by_name = sorted(guests, key=lambda guest: guest.name)
        if field == "name":
            return by_name[::-1] if self.reverse else by_name
        known = [guest for guest in by_name if getattr(guest, field) is not None]
        others = [guest for guest in by_name if getattr(guest, field) is None]
        known.sort(key=lambda guest: getattr(guest, field), reverse=not self.reverse)
        return known + others


def frame(made: Figures, order: Order, width: int = 0) -> list[str]:
    """Return the lines: the host, its pools, and the guests, within a width if one is given."""
    return [*host_lines(made.host), "", *guest_lines(made.guests, order, width)]


def guest_lines(guests: Sequence[GuestFigures], order: Order, width: int = 0) -> list[str]:
    """Return a heading, and a line for each guest."""
    widest = max((len(guest.name) for guest in guests), default=0)
    columns = _fitting(max(widest, COLUMNS[0].width), width)
    lines = [[column.title for column in columns]]
    lines += [[_cell(guest, column) for column in columns] for guest in order.sort(guests)]
    return [GAP.join(map(_padded, words, columns)) for words in lines]


def _fitting(name: int, width: int) -> list[Column]:
    """Return the columns that there is room for, that of names as wide as `name`."""
    columns = [replace(COLUMNS[0], width=name), *COLUMNS[1:]]
    for spared in SPARED:
        if not width or sum(column.width + len(GAP) for column in columns) - len(GAP) <= width:
            break
        columns = [column for column in columns if column.field != spared]
    return columns


def _padded(word: str, column: Column) -> str:
    return word.ljust(column.width) if column.field == "name" else word.rjust(column.width)


def help_lines() -> list[str]:
    """Return what each key does."""
    return [
        *(f"{column.key}      sort by {column.title}" for column in COLUMNS),
        "R      sort the other way round",
        "space  read now",
        "q      quit",
    ]


def _cell(guest: GuestFigures, column: Column) -> str:
    return text(getattr(guest, column.field), unit_of(GuestFigures, column.field))


def text(value: float | str | None, unit: str) -> str:
    """Return a value in few characters."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return shown_line(value)
    if unit in (BYTES, RATE):
        return human_size(round(value))
    if unit == PERCENT:
        return f"{value:.1f}%" if value < 100 else f"{value:.0f}%"
    if unit == SECONDS:
        return duration(round(value))
    return f"{value:.0f}"


def duration(seconds: int) -> str:
    """Return a time in its two largest units, such as 3d04h or 2:05."""
    if seconds >= DAY:
        return f"{seconds // DAY}d{seconds % DAY // HOUR:02}h"
    if seconds >= HOUR:
        return f"{seconds // HOUR}h{seconds % HOUR // MINUTE:02}m"
    return f"{seconds // MINUTE}:{seconds % MINUTE:02}"


def host_lines(host: HostFigures) -> list[str]:
    """Return the lines about the host."""
    load = " ".join(f"{one:.2f}" for one in host.load or ())
    parts = [
        f"load {load or '-'}",
        f"cpu {text(host.cpu, PERCENT)} of {host.cpus}",
        f"memory {text(host.memory_used, BYTES)} of {text(host.memory, BYTES)}",
        f"cache {text(host.arc, BYTES)}",
        f"swap {text(host.swap_used, BYTES)} of {text(host.swap, BYTES)}",
        f"up {text(host.uptime, SECONDS)}",
    ]
    net = f"net {text(host.net_in, RATE)} in, {text(host.net_out, RATE)} out"
    return ["  ".join(parts), "  ".join([net, *map(_pool, host.pools)])]


def _pool(pool: PoolSample) -> str:
    fill = f"{round(100 * pool.used / pool.size)}%" if pool.size else "-"
    return shown_line(f"{pool.name} {fill} of {human_size(pool.size)} {pool.health}")
