"""One line a guest, in the log of events and in syslog(3)."""

from __future__ import annotations

from bsdvirt.plan import events
from bsdvirt.session.session import Session


def note(
    session: Session, verb: str, name: str, seconds: float, message: str, *, bad: bool = False
) -> None:
    """Log what happened to a guest, and how long it took."""
    if session.preview:
        return
    session.sink(events.Logged("", verb, name, seconds, message))
    session.host.syslog(f"{verb} {name} {seconds:.1f}s {message}", warning=bad)
