"""This machine, or the simulated host."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TypeVar

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.open import open_host
from bsdvirt.layout import HOST_FILE
from bsdvirt.ops.show.guests import entries
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.rows.usage import Sample
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query

T = TypeVar("T")


class LocalSource:
    """Reads in this process, through ops/show."""

    name = ""
    several = True

    def __init__(self, sim: str | None, *, read_only: bool) -> None:
        self._sim = sim
        self._asked = read_only
        self._host = open_host(sim, Interrupt())
        self._kept = Kept()
        self._hostfile: tuple[tuple[int, ...], HostFile] | None = None
        """The host file, and which version of it was read."""

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
            session = self._kept_session()
            guests, found = entries(session)
        except Exception as error:
            return Tick(self.name, at, problem=str(as_told(error)))
        notes = [one.message for one in found.absent]
        sample = self._sample(session, found, notes)
        return Tick(self.name, at, tuple(guests), notes=tuple(notes), sample=sample)

    def _sample(self, session: Session, found: Inventory, notes: list[str]) -> Sample | None:
        """Return what is used. A failure is noted: guests are shown without it."""
        try:
            return read_sample(session, found, self._kept)
        except Exception as error:
            notes.append(f"usage: {as_told(error)}")
            return None

    def ask(self, query: Query[T], *words: str) -> T:
        try:
            return query.read(self._session(), *words)
        except BsdvirtError:
            raise
        except Exception as error:
            raise as_told(error) from error

    def _session(self) -> Session:
        return Session(self._host, shows=True)

    def _kept_session(self) -> Session:
        """Return a session that reads the host file only if it was changed."""
        session = self._session()
        try:
            stat = self._host.fs.path(HOST_FILE).stat()
        except OSError:
            return session
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if self._hostfile is not None and self._hostfile[0] == version:
            session.use(self._hostfile[1])
        else:
            self._hostfile = version, session.hostfile
        return session

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        sim = ["--sim", self._sim] if self._sim else []
        # -P: what lies in the current directory is not imported.
        return [sys.executable, "-P", "-m", "bsdvirt", *sim, *words]

    def close(self) -> None:
        return
