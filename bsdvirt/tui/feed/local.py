"""This machine, or the simulated host."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TypeVar

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.open import open_host
from bsdvirt.ops.show.guests import entries
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query

T = TypeVar("T")


class LocalSource:
    """Reads in this process, through ops/show."""

    name = ""

    def __init__(self, sim: str | None, *, read_only: bool) -> None:
        self._sim = sim
        self._asked = read_only
        self._host = open_host(sim, Interrupt())

    @property
    def host(self) -> Host:
        return self._host

    @property
    def read_only(self) -> str:
        if self._asked:
            return "opened with --read-only"
        if os.geteuid() != self._host.owner_uid:
            return "only root can change this host"
        return ""

    def tick(self) -> Tick:
        at = time.monotonic()
        try:
            guests, found = entries(self._session())
        except Exception as error:
            return Tick(self.name, at, problem=str(as_told(error)))
        return Tick(
            self.name, at, tuple(guests), notes=tuple(str(one.message) for one in found.absent)
        )

    def ask(self, query: Query[T], *words: str) -> T:
        try:
            return query.read(self._session(), *words)
        except BsdvirtError:
            raise
        except Exception as error:
            raise as_told(error) from error

    def _session(self) -> Session:
        return Session(self._host, shows=True)

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        sim = ["--sim", self._sim] if self._sim else []
        # -P: what lies in the current directory is not imported.
        return [sys.executable, "-P", "-m", "bsdvirt", *sim, *words]

    def close(self) -> None:
        return
