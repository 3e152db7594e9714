"""One line a guest, in the log of events and in syslog(3)."""

from __future__ import annotations

from bsdvirt.app.session import Session
from bsdvirt.plan import events


def note(
    session: Session, verb: str, name: str, seconds: float, message: str, *, bad: bool = False
) -> None:
    """Write down what came of a guest, and how long that took."""
    if session.dry_run:
        return
    session.sink(events.Logged("", verb, name, seconds, message))
    if session.host.simulated:
        return
    import syslog

    syslog.openlog("bsdvirt", syslog.LOG_PID, syslog.LOG_DAEMON)
    level = syslog.LOG_WARNING if bad else syslog.LOG_NOTICE
    syslog.syslog(level, f"{verb} {name} {seconds:.1f}s {message}")
