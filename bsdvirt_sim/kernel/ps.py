"""ps(1): some processes of the host, and those of jails."""

from __future__ import annotations

import json

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.kernel import accounting
from bsdvirt_sim.state import Jail, Vmm

_KEYS = {
    "pid": "pid",
    "ppid": "ppid",
    "jid": "jail-id",
    "args": "arguments",
    "command": "command",
    "user": "user",
    "sid": "sid",
    "uid": "uid",
    "etimes": "elapsed-times",
    "nlwp": "threads",
    "rss": "rss",
    "vsz": "virtual-size",
    "time": "cpu-time",
}
_HEADS = {
    "pid": "PID",
    "ppid": "PPID",
    "jid": "JID",
    "args": "COMMAND",
    "command": "COMMAND",
    "user": "USER",
    "sid": "SID",
    "uid": "UID",
    "etimes": "ELAPSED",
    "nlwp": "NLWP",
    "rss": "RSS",
    "vsz": "VSZ",
    "time": "TIME",
}
_LEFT = {"args", "command", "user"}


def ps(run: Run, words: list[str]) -> int:
    """Run ps(1)."""
    run.reads()
    rest = list(words)
    as_json = rest[:2] == ["--libxo", "json"]
    if as_json:
        rest = rest[2:]
    flags, more = options(run, rest, "axwS", "Jo")
    if more or "o" not in flags:
        raise run.unknown()
    columns, heads = _columns(run, flags["o"])
    rows = _selected(run, "a" in flags and "x" in flags, flags.get("J", []))
    if as_json:
        items = ", ".join(
            "{"
            + ",".join(f'"{_KEYS[column]}":{json.dumps(row[column])}' for column in columns)
            + "}"
            for row in rows
        )
        run.print('{"process-information": {"process": [' + items + "]}}")
        return 0 if rows else 1
    widths = {
        column: max([len(heads[column]), *(len(row[column]) for row in rows)]) for column in columns
    }
    for row in [heads, *rows] if any(heads.values()) else rows:
        cells = [
            row[column].ljust(widths[column])
            if column in _LEFT
            else row[column].rjust(widths[column])
            for column in columns
        ]
        run.print(" ".join(cells).rstrip())
    return 0 if rows else 1


def _columns(run: Run, options: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the columns of `-o a,b` or `-o a= -o b=`, and their headings."""
    if len(options) > 1 and all(option.endswith("=") for option in options):
        columns = [option[:-1] for option in options]
        heads = dict.fromkeys(columns, "")
    elif len(options) == 1:
        columns = options[0].split(",")
        heads = _HEADS
    else:
        raise run.unknown("several -o with headings")
    if not set(columns) <= _KEYS.keys():
        raise run.unknown(f"columns {options}")
    return columns, heads


def _selected(run: Run, every: bool, names: list[str]) -> list[dict[str, str]]:
    """Return the processes of the named jails, or of all with -a and -x."""
    wanted: set[int] = set()
    for name in names:
        jail = run.jail(name, dying=True)
        if jail is None:
            raise run.fail(f"ps: Invalid jail id: {name}")
        wanted.add(jail.jid)
    if names:
        # -J implies -x. Before ps_widens, -a had no effect beside other selections.
        every = every and run.release.ps_widens
    elif not every:
        raise run.unknown("the caller's own processes are not simulated")
    rows: list[dict[str, str]] = []
    if every:
        rows.append(_row(1, 0, 0, "/sbin/init"))
        rows += [_of_vm(run, vmm) for vmm in run.state.vmms.values() if vmm.pid]
    for jail in run.state.jails.values():
        if every or jail.jid in wanted:
            rows += _of_jail(run, jail)
    return sorted(rows, key=lambda row: int(row["pid"]))


def _of_vm(run: Run, vmm: Vmm) -> dict[str, str]:
    """Return bhyve's process: as the captured one, without the memory of its guest."""
    row = _row(vmm.pid, 1, 0, f"bhyve: {vmm.name} (bhyve)")
    age = accounting.age(run.state, vmm.started)
    seconds = accounting.of_vm(run, vmm).cpu
    return row | {
        "nlwp": "11", "rss": "19532", "vsz": "304128", "etimes": str(age), "time": _time(seconds),
    }  # fmt: skip


def _of_jail(run: Run, jail: Jail) -> list[dict[str, str]]:
    """Return the processes of a jail: the first has used the CPU time of all."""
    count = len(jail.processes)
    usage = {
        "rss": str(accounting.memory(run, jail) // max(1, count) // 1024),
        "vsz": str(accounting.PROCESS_VIRTUAL // 1024),
        "etimes": str(accounting.age(run.state, jail.started)),
    }
    rows = [_row(one.pid, 1, jail.jid, one.args) | usage for one in jail.processes]
    if rows:
        rows[0]["time"] = _time(accounting.of_jail(run, jail).cpu)
    return rows


def _time(seconds: float) -> str:
    """Return CPU time as ps(1) prints it (printtime in print.c)."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def _row(pid: int, parent: int, jid: int, args: str) -> dict[str, str]:
    return {
        "pid": str(pid), "ppid": str(parent), "jid": str(jid), "user": "root",
        "args": args, "command": args, "sid": str(pid), "uid": "0", "etimes": "0",
        "nlwp": "1", "rss": "972", "vsz": "11700", "time": "0:00.26",
    }  # fmt: skip
