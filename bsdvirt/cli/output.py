"""What is printed: tables for people, JSON, and -H columns for scripts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bsdvirt.host.sanitize import shown_line

Rows = Sequence[Mapping[str, Any]]
SIZES = ("used", "size", "available")
"""Columns of bytes."""


def human_size(number: int) -> str:
    """1536 as 1.5K: binary multiples, as zfs(8) prints them."""
    value = float(number)
    for unit in ("B", "K", "M", "G", "T", "P"):
        if value < 1024 or unit == "P":
            return f"{value:.0f}{unit}" if unit == "B" or value >= 100 else f"{value:.3g}{unit}"
        value /= 1024
    raise AssertionError("unreachable")


def cell(value: Any) -> str:
    """A value in a table."""
    match value:
        case None | "" | [] | {}:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return shown_line(",".join(str(item) for item in value))
        case _:
            return shown_line(str(value))


_NOT_PLAIN = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What json.dumps leaves as it is, and a terminal may obey."""


def print_json(value: Any) -> None:
    """JSON that no terminal obeys, and that is valid in whatever the output is encoded in."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, indent=2, ensure_ascii=not utf8)
    print(_NOT_PLAIN.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def print_rows(rows: Rows, columns: Sequence[str], *, as_json: bool, headless: bool) -> None:
    """A table; with `headless` tab-separated and without a heading; or all of it as JSON."""
    if as_json:
        print_json(list(rows))
    elif headless:
        for row in rows:
            print("\t".join(cell(row[column]) for column in columns))
    else:
        _print_table(rows, columns)


def _print_table(rows: Rows, columns: Sequence[str]) -> None:
    lines = [[column.upper().replace("_", "-") for column in columns]]
    lines += [[_for_people(column, row[column]) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (word.ljust(width) for word, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _for_people(name: str, value: Any) -> str:
    return human_size(value) if name in SIZES and isinstance(value, int) else cell(value)


def print_tree(value: Mapping[str, Any], indent: str = "") -> None:
    """Nested values as `key: value` lines."""
    for line in tree_lines(value, indent):
        print(line)


def tree_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Those lines."""
    width = max((len(key) for key in value), default=0)
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield f"{indent}{key}:"
            yield from tree_lines(item, indent + "  ")
        elif isinstance(item, list) and item and isinstance(item[0], Mapping):
            for number, element in enumerate(item):
                yield f"{indent}{key}.{number}:"
                yield from tree_lines(element, indent + "  ")
        else:
            yield f"{indent}{key + ':':<{width + 1}} {_for_people(key, item)}"


def say(text: str) -> None:
    """Something to know that is no result: on standard error."""
    print(text, file=sys.stderr)


def ask(question: str) -> str:
    """What is typed in answer, without the space around it; nothing at the end of the input."""
    print(question, end="", flush=True)
    try:
        return input().strip()
    except EOFError:
        print()
        return ""
