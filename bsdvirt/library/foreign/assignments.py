"""Files of assignments for sh(1), such as vm-bhyve's, CBSD's and rc.conf(5): read line by line,
never run. Pure."""

from __future__ import annotations

import re

from bsdvirt.errors import UsageError

MOST_TEXT = 256 << 10
MOST_LINES = 4096
_LINE = re.compile(
    r"""([A-Za-z_][A-Za-z0-9_]*)=(?:"([^"]*)"|'([^']*)'|([^\s"';]*))\s*;?\s*(?:#.*)?"""
)


def read(text: str, source: str) -> dict[str, str]:
    """Return the variables that are set, the last value of each; other lines are skipped, and
    nothing is expanded. Raise UsageError for a file that is too long."""
    lines = lines_of(text, source)
    found = (_LINE.fullmatch(line.strip()) for line in lines)
    return {m[1]: next((g for g in m.groups()[1:] if g is not None), "") for m in found if m}


def lines_of(text: str, source: str) -> list[str]:
    """Return the lines of a foreign file. Raise UsageError for one that is too long."""
    lines = text.splitlines()
    if len(text) > MOST_TEXT or len(lines) > MOST_LINES:
        raise UsageError(f"{source} is too long for a configuration", "look at the file")
    return lines
