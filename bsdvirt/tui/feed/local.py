"""This machine, or the simulated host."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.open import open_host
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.tui.feed.reading import Reading

T = TypeVar("T")


class LocalSource:
    """Reads in this process, through ops/show."""

    name = ""
    several = True

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

    @cached_property
    def _reading(self) -> Reading:
        from bsdvirt.tui.feed.reading import Reading

        return Reading(self._host)

    def tick(self) -> Tick:
        return self._reading.tick(self.name)

    def ask(self, query: Query[T], *words: str) -> T:
        try:
            return query.read(self._reading.session(), *words)
        except BsdvirtError:
            raise
        except Exception as error:
            raise as_told(error) from error

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        sim = ["--sim", self._sim] if self._sim else []
        # -P: what lies in the current directory is not imported.
        return [sys.executable, "-P", "-m", "bsdvirt", *sim, *words]

    def close(self) -> None:
        return
