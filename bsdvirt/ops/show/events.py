"""The rows of `events`: operations of the past, from the log of them."""

from __future__ import annotations

import contextlib
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.facts.reached import read_rotated
from bsdvirt.host.fs import Fs
from bsdvirt.host.sanitize import shown
from bsdvirt.layout import OPERATION_LOG
from bsdvirt.ops.show.reached import limit_events
from bsdvirt.rows.base import TIME
from bsdvirt.rows.events import Operation
from bsdvirt.session.reading import Reading

MOST_BYTES = 4 << 20
"""What is read of the log, from its end; newsyslog(8) keeps it at 1 MB."""
MOST_LINE = 1 << 18
_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HINT = "such as 2h, 3d or 2026-11-21T10:30"

Test = Callable[[Operation], bool]


def operations(
    session: Reading,
    test: Test = lambda row: True,
    most: int | None = None,
    words: Sequence[str] = (),
) -> list[Operation]:
    """Return the operations that pass the test, and the limits that guests have reached, or the
    last `most` of them, the newest last. `words` are names or patterns that the test is of. Raises
    OSError if the log cannot be read."""
    fs = session.host.fs
    limits = [row for row in limit_events(session.host, words) if test(row)]
    rows = [row for row in parsed(_lines(_current(fs))) if test(row)]
    if most is None or len(rows) < most:
        # A log is empty after its rotation: what was there before is read too.
        older = read_rotated(session.host, OPERATION_LOG, MOST_BYTES)
        rows = [row for row in parsed(_lines(older)) if test(row)] + rows
    if limits:
        rows = sorted([*rows, *limits], key=lambda row: row.time)
    return rows if most is None else rows[len(rows) - min(most, len(rows)) :]


def parsed(lines: Iterable[bytes]) -> Iterator[Operation]:
    """Yield the operations in lines of the log. A line that is none is skipped."""
    decoder = msgspec.json.Decoder(Operation)
    for line in lines:
        if line.strip() and len(line) <= MOST_LINE:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                yield _harmless(decoder.decode(line))


def _harmless(row: Operation) -> Operation:
    """Return a row whose texts are harmless whoever has written the line."""
    plain = msgspec.to_builtins(row)
    return msgspec.convert(_shown(plain), Operation)


def _shown(value: object) -> object:
    match value:
        case str():
            return shown(value)
        case list():
            return [_shown(item) for item in value]
        case dict():
            return {key: _shown(item) for key, item in value.items()}
    return value


def chosen(words: Sequence[str], since: str = "", *, failed: bool = False) -> Test:
    """Return the test for objects by name or pattern, a time, and failures. Raises UsageError."""
    after = moment(since) if since else ""

    def test(row: Operation) -> bool:
        named = not words or any(fnmatch.fnmatchcase(row.subject, word) for word in words)
        return named and row.time >= after and not (failed and row.ok)

    return test


def moment(text: str) -> str:
    """Return the time that `2h` (ago) or a date and time in UTC means, as the log has it. Raises
    UsageError."""
    return instant(text).strftime(TIME)


def instant(text: str) -> datetime:
    """Return the same as a time in UTC. Raises UsageError."""
    if (ago := _AGO.fullmatch(text)) is not None:
        try:
            then = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            then = datetime.min.replace(tzinfo=UTC)
    else:
        try:
            then = datetime.fromisoformat(text)
            then = then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
        except (ValueError, OverflowError):
            raise UsageError(f"{shown(text)}: not a time", _HINT) from None
    return then


def _lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def _current(fs: Fs) -> bytes:
    size = fs.size(OPERATION_LOG)
    if not size:
        return b""
    start = max(0, size - MOST_BYTES)
    data = fs.read_from(OPERATION_LOG, start, MOST_BYTES)
    # The first line may be cut.
    return data.partition(b"\n")[2] if start else data
