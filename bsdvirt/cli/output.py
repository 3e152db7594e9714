"""Output: tables for people, JSON and -H columns for scripts, all made from rows."""

from __future__ import annotations

import sys

from bsdvirt import plainjson
from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.sizes import BYTES, PERCENT, RATE, human_size

TYPE_CHECKING = False
# As in cli/streams.py. rows/base.py is imported where rows are: `ls` prints values.
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from bsdvirt.cli.parser import Globals
    from bsdvirt.rows.base import Row


def cell(value: Any) -> str:
    """Return a value as text that is safe on a terminal."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not value and not isinstance(value, int | float):
        # Nothing, or UNSET.
        return "-"
    if isinstance(value, list):
        return shown_line(",".join(str(item) for item in value))
    return shown_line(str(value))


_NOT_PLAIN = r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
"""Characters that json.dumps does not escape and a terminal may act on."""


def print_json(value: Any) -> None:
    """Print JSON without terminal escapes, valid in the encoding of the output."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = plainjson.dumps(value, ascii=not utf8)
    if not text.isascii() or "\x7f" in text:
        import re

        text = re.sub(_NOT_PLAIN, lambda match: f"\\u{ord(match[0]):04x}", text)
    print(text)


def print_rows(rows: Sequence[Row], columns: Sequence[str], options: Globals) -> None:
    """Print a table; with -H, tab-separated columns without a heading; or JSON."""
    from bsdvirt.rows.base import plain, unit_of

    if options.json:
        print_json(plain(list(rows)))
        return
    values = [[getattr(row, column) for column in columns] for row in rows]
    units = [] if options.headless else [[unit_of(type(row), c) for c in columns] for row in rows]
    print_values(values, columns, units, headless=options.headless)


def print_values(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str],
    units: Sequence[Sequence[str]],
    *,
    headless: bool,
) -> None:
    """Print a table of values with their units; `headless`, without heading and units."""
    if headless:
        for row in rows:
            print("\t".join(map(cell, row)))
        return
    lines = [[column.upper().replace("_", "-") for column in columns]]
    lines += [list(map(with_unit, *line)) for line in zip(rows, units, strict=True)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (word.ljust(width) for word, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def with_unit(value: Any, unit: str) -> str:
    """Return a value as people read it: sizes in binary multiples, percentages with a sign."""
    if not isinstance(value, int) or isinstance(value, bool):
        return cell(value)
    if unit in (BYTES, RATE):
        return human_size(value)
    return f"{value}%" if unit == PERCENT else cell(value)


def print_info(row: Row, options: Globals) -> None:
    """Print one row in full: as JSON, or as `key: value` lines."""
    from bsdvirt.rows.base import plain

    if options.json:
        print_json(plain(row))
        return
    for line in info_lines(row):
        print(line)


def info_lines(value: Row | Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield nested values as `key: value` lines."""
    from collections.abc import Mapping

    from bsdvirt.rows.base import Row

    entries = list(_entries(value))
    width = max((len(key) for key, _, _ in entries), default=0)
    for key, item, unit in entries:
        if isinstance(item, Row) or (isinstance(item, Mapping) and item):
            yield f"{indent}{key}:"
            yield from info_lines(item, indent + "  ")
        elif isinstance(item, list) and item and isinstance(item[0], Row | Mapping):
            for number, element in enumerate(item):
                yield f"{indent}{key}.{number}:"
                yield from info_lines(element, indent + "  ")
        else:
            yield f"{indent}{key + ':':<{width + 1}} {with_unit(item, unit)}"


def _entries(value: Row | Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield key, value and unit of each field or item."""
    from collections.abc import Mapping

    from bsdvirt.rows.base import is_old, items, unit_of, units_of

    if isinstance(value, Mapping):
        yield from ((key, item, "") for key, item in value.items())
        return
    cls = type(value)
    for field, key, item in items(value):
        units = units_of(cls, field)
        if is_old(cls, field):
            continue
        if units and isinstance(item, Mapping):
            shown = {name: with_unit(amount, units.get(name, "")) for name, amount in item.items()}
            yield key, shown, ""
        else:
            yield key, item, unit_of(cls, field)


def say(text: str) -> None:
    """Print a remark on standard error."""
    print(text, file=sys.stderr)


def ask(question: str) -> str:
    """Ask, and return the answer without surrounding space; empty at end of file."""
    print(question, end="", flush=True)
    try:
        return input().strip()
    except EOFError:
        print()
        return ""
