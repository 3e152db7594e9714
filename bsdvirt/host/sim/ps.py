"""ps(1): the host's processes that matter here, and those of jails."""

from __future__ import annotations

import json

from bsdvirt.host.sim.context import Run

_KEYS = {
    "pid": "pid",
    "ppid": "ppid",
    "jid": "jail-id",
    "args": "arguments",
    "command": "command",
    "user": "user",
}
_HEADS = {
    "pid": "PID",
    "ppid": "PPID",
    "jid": "JID",
    "args": "COMMAND",
    "command": "COMMAND",
    "user": "USER",
}
_LEFT = {"args", "command", "user"}


def ps(run: Run, words: list[str]) -> int:
    """ps(1)."""
    run.reads()
    rest = list(words)
    as_json = rest[:2] == ["--libxo", "json"]
    if as_json:
        rest = rest[2:]
    everywhere = rest[:1] != ["-J"]
    name = ""
    if not everywhere:
        name, rest = rest[1], rest[2:]
    if len(rest) != 2 or rest[0] not in ("-axwwo", "-axo"):
        raise run.unknown()
    columns = rest[1].split(",")
    if not set(columns) <= _KEYS.keys():
        raise run.unknown(f"columns {rest[1]}")
    rows: list[dict[str, str]] = []
    if everywhere:
        rows.append(_row(1, 0, 0, "/sbin/init"))
    else:
        if run.jail(name) is None:
            raise run.unknown("what ps says of an absent jail was never shown")
    if everywhere:
        rows += [
            _row(vmm.pid, 1, 0, f"bhyve: {vmm.name} (bhyve)")
            for vmm in run.state.vmms.values()
            if vmm.pid
        ]
    for jail in run.state.jails.values():
        if everywhere or name in (jail.name, str(jail.jid)):
            rows += [_row(process.pid, 1, jail.jid, process.args) for process in jail.processes]
    rows.sort(key=lambda row: int(row["pid"]))
    if as_json:
        items = ", ".join(
            "{"
            + ",".join(f'"{_KEYS[column]}":{json.dumps(row[column])}' for column in columns)
            + "}"
            for row in rows
        )
        run.print('{"process-information": {"process": [' + items + "]}}")
        return 0
    widths = {
        column: max([len(_HEADS[column]), *(len(row[column]) for row in rows)])
        for column in columns
    }
    for row in [_HEADS, *rows]:
        cells = [
            row[column].ljust(widths[column])
            if column in _LEFT
            else row[column].rjust(widths[column])
            for column in columns
        ]
        run.print(" ".join(cells).rstrip())
    return 0


def _row(pid: int, parent: int, jid: int, args: str) -> dict[str, str]:
    return {
        "pid": str(pid), "ppid": str(parent), "jid": str(jid), "user": "root",
        "args": args, "command": args,
    }  # fmt: skip
