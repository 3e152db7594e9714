"""Reads guests and figures in this process, again and again. The thread that reads imports it: it
loads much of bsdvirt, and the first screen does not wait for that."""

from __future__ import annotations

import time

from bsdvirt.errors import as_told
from bsdvirt.host.base import Host
from bsdvirt.layout import HOST_FILE
from bsdvirt.ops.show.guests import listing
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.tui.feed.model import Tick


class Reading:
    """What is kept between the readings of a host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._kept = Kept()
        self._hostfile: tuple[tuple[int, ...], HostFile] | None = None
        """The host file, and which version of it was read."""

    def session(self) -> Session:
        """Return a session that keeps nothing."""
        return Session(self._host, shows=True)

    def tick(self, name: str) -> Tick:
        """Read guests and figures; what fails is the Tick's problem."""
        at = time.monotonic()
        try:
            session = self._kept_session()
            guests, found, jails = listing(session)
        except Exception as error:
            return Tick(name, at, problem=str(as_told(error)))
        notes = [one.message for one in found.absent]
        try:
            sample = read_sample(session, found, self._kept, jails=jails)
        except Exception as error:
            # Guests are shown without what they use.
            notes.append(f"usage: {as_told(error)}")
            sample = None
        return Tick(name, at, tuple(guests), notes=tuple(notes), sample=sample)

    def _kept_session(self) -> Session:
        """Return a session that reads the host file only if it was changed."""
        session = self.session()
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
