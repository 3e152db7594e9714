"""Properties of datasets with where they come from, by one zfs(8) for all (captures/03).

zfs(8) prints a value as it is, and a user property or a mountpoint may hold line feeds and
tabs: written in a jail, one value could pass for the rows of others. So before and after
each property a user property is asked for whose name was made up for this call: no dataset
has it, nobody could know it, and what stands between two of its rows is one property's.
"""

from __future__ import annotations

import os

from bsdvirt.errors import CommandError
from bsdvirt.host import begun, tools
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bsdvirt.host.base import Host, Result

    Values = Mapping[str, Mapping[str, "Value"]]
    """Values by dataset and property; without datasets that do not exist."""
else:
    Values = dict


class Value(Record):
    """The value of a property, as -p prints it, and its source, such as `local`."""

    value: str
    source: str = "default"

    @property
    def local(self) -> bool:
        return self.source == "local"


def read_values(host: Host, datasets: Iterable[str], properties: Iterable[str]) -> Values:
    """Return the values of existing datasets; zfs(8) continues after a missing one. Raises
    CommandError if it did not answer for all of these: what it omits would look destroyed."""
    names = sorted(set(datasets))
    if not names:
        return {}
    found, asked = ask(host, names, tuple(properties))
    told = [line for line in asked.stderr.split("\n") if line]
    gone = bool(told) and all("does not exist" in line for line in told)
    if asked.timed_out or (asked.status != 0 and not gone):
        raise CommandError(asked.argv, asked.status, asked.stderr, timed_out=asked.timed_out)
    return found


_begun: dict[object, tuple[str, tuple[str, ...]]] = {}
"""The mark and the words of questions that were begun."""


def begin(
    datasets: Sequence[str],
    properties: Sequence[str],
    *options: str,
    typed: Sequence[str] = (),
) -> None:
    """Begin on this machine what `ask` is going to ask with the same arguments: see
    host/begun.py."""
    key = (*datasets, *properties, *options, *typed)
    _begun[key] = mark, argv = _question(datasets, properties, options, typed)
    begun.begin(*argv)


def ask(
    host: Host,
    datasets: Sequence[str],
    properties: Sequence[str],
    *options: str,
    typed: Sequence[str] = (),
) -> tuple[dict[str, dict[str, Value]], Result]:
    """Return the values of these datasets, or, by `options`, of those below too, and the result of
    zfs(8). `typed` are properties that only the kernel sets, one line each."""
    known = _begun.pop((*datasets, *properties, *options, *typed), None)
    mark, argv = known or _question(datasets, properties, options, typed)
    result = host.run(argv, changes=False)
    found: dict[str, dict[str, Value]] = {}
    for name, number, text in _between(result.stdout, mark):
        values = found.setdefault(name, {})
        if number == 0:
            rows = text.split("\n", len(typed))
            for prop, row in zip(typed, rows, strict=False):
                _take(values, name, prop, row)
            text = rows[-1] if len(rows) > len(typed) else ""
        if number < len(properties):
            _take(values, name, properties[number], text)
    return found, result


def _question(
    datasets: Sequence[str],
    properties: Sequence[str],
    options: Sequence[str],
    typed: Sequence[str],
) -> tuple[str, tuple[str, ...]]:
    """Return a mark that nobody knows, and the command with it between the properties."""
    mark = f"bsdvirt:{os.urandom(8).hex()}"
    asked = [f"{mark}-0", *typed]
    for number, prop in enumerate(properties, 1):
        asked += [prop, f"{mark}-{number}"]
    return mark, (
        tools.ZFS, "get", "-Hp", *options, "-o", "name,property,value,source", ",".join(asked),
        *datasets,
    )  # fmt: skip


def _take(values: dict[str, Value], name: str, prop: str, row: str) -> None:
    """Parse the row of one property; others are skipped."""
    begin = f"{name}\t{prop}\t"
    if row.startswith(begin):
        value, tab, source = row[len(begin) :].rpartition("\t")
        if tab:
            values[prop] = Value(value, source)


def _between(text: str, mark: str) -> Iterator[tuple[str, int, str]]:
    """Split at the rows of the mark: its dataset, its number, and the text up to the next one."""
    first, *parts = text.split(f"\t{mark}-")
    name = first.rpartition("\n")[2]
    for place, part in enumerate(parts, 1):
        number, _, rest = part.partition("\t-\t-")
        rest = rest.removeprefix("\n")
        if place == len(parts):
            yield name, int(number), rest.removesuffix("\n")
        else:
            # The last line begins the next row of the mark.
            between, _, following = rest.rpartition("\n")
            yield name, int(number), between
            name = following
