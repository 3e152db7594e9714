"""A host that does nothing but remember what it was asked, and fail where it is told."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from bsdvirt.host.base import DEFAULT_TIMEOUT, LineSink, Result
from bsdvirt.host.fs import Fs
from bsdvirt.host.interrupt import Interrupt

MOUNTS = "/sbin/mount --libxo json"
NOTHING_MOUNTED = '{"mount": {"mounted": []}}'


def mounted(*rows: tuple[str, str, str]) -> str:
    """What mount(8) shows of these sources, paths and kinds."""
    listed = [{"special": s, "node": n, "fstype": k, "opts": ["local"]} for s, n, k in rows]
    return json.dumps({"mount": {"mounted": listed}})


class FakeHost:
    """`ran` holds the commands that change something. `fails` holds, by command, what
    its next runs end with: a status and standard error each. `shown` holds what readers
    print; one that does not exist fails. `missing` are tools that are not installed."""

    def __init__(self, root: Path, interrupt: Interrupt | None = None) -> None:
        self.fs = Fs(root)
        self.owner_uid = os.geteuid()
        self.offline = ""
        self.begins = False
        self.boot = "boot one"
        self.uuid = "5b6df377-1597-44d5-8742-c26e52c7da81"
        self.interrupt = interrupt or Interrupt()
        self.ran: list[str] = []
        self.fails: dict[str, list[tuple[int, str]]] = {}
        self.shown: dict[str, str] = {MOUNTS: NOTHING_MOUNTED}
        self.missing: set[str] = set()
        self.before: Callable[[str], None] = lambda words: None

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        words = shlex.join(argv)
        if argv[0] in self.missing:
            return Result(tuple(argv), 127, "", f"{argv[0]}: No such file or directory\n")
        if not changes:
            status = 0 if words in self.shown else 1
            return Result(tuple(argv), status, self.shown.get(words, ""))
        self.interrupt.check()
        self.before(words)
        self.ran.append(words)
        planned = self.fails.get(words)
        status, stderr = planned.pop(0) if planned else (0, "")
        for line in stderr.splitlines() if on_line else ():
            on_line(line)  # type: ignore[misc]
        return Result(tuple(argv), status, "", stderr)

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        limit: int = 0,
    ) -> Result:
        return self.run((*left, "|", *right), changes=True, timeout=timeout, on_line=on_line)

    def syslog(self, line: str, *, warning: bool) -> None:
        raise NotImplementedError

    def attach(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        last: bool = False,
    ) -> int:
        raise NotImplementedError

    def replace(self, argv: Sequence[str]) -> NoReturn:
        raise NotImplementedError

    def boot_id(self) -> str:
        return self.boot

    def host_id(self) -> str:
        return self.uuid

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        return None

    def process_cpus(self, pid: int) -> tuple[int, ...] | None:
        return None

    def own_cpus(self) -> tuple[int, ...] | None:
        return None
