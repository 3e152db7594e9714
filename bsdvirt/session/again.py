"""A host that is read again and again: its host file is read only when it was changed."""

from __future__ import annotations

from bsdvirt.host.base import Host
from bsdvirt.layout import HOST_FILE
from bsdvirt.plan import events
from bsdvirt.plan.events import Sink
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import HostFile


class Again:
    """Makes a session for each reading, which keeps nothing of the last but the host file."""

    def __init__(self, host: Host, *, shows: bool = True, sink: Sink = events.ignore) -> None:
        self.host = host
        self._shows = shows
        self._sink = sink
        self._hostfile: tuple[tuple[int, ...], HostFile] | None = None
        """The host file, and which version of it was read."""

    def fresh(self) -> Session:
        """Return a session that keeps nothing at all."""
        return Session(self.host, shows=self._shows, sink=self._sink)

    def session(self) -> Session:
        """Return a session. A host file that cannot be read is its own error, when it is used."""
        session = self.fresh()
        try:
            version = self.host.fs.version(HOST_FILE)
        except OSError:
            return session
        if self._hostfile is not None and self._hostfile[0] == version:
            session.use(self._hostfile[1])
        else:
            self._hostfile = version, session.hostfile
        return session
