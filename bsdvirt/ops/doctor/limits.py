"""Limits of rctl(8) that guests have reached, and whether that is recorded."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.facts.reached import read_killed
from bsdvirt.host.fs import Fs
from bsdvirt.host.sanitize import shown_line
from bsdvirt.layout import DEVD_RULES
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.show.reached import in_words, reached
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.limits import DEVCTL

DEVD_PID = "/var/run/devd.pid"


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Report what guests have reached within the last day."""
    for name in seen.found.guests:
        if rows := reached(session.host, name):
            yield Finding(
                name, f"has reached its limit of {'; of '.join(map(in_words, rows))}",
                f"bsdvirt events {name}; raise the limit if that is too little", problem=False,
            )  # fmt: skip
    for name, killed in _killed(session, seen).items():
        yield Finding(
            name, f"the kernel has killed {len(killed)} of its processes: {killed[-1]}",
            "give the host more memory or swap space, or the guests lower limits", problem=False,
        )  # fmt: skip
    if any(rule.action == DEVCTL for rule in seen.facts.rules) and (
        why := _unrecorded(session.host.fs)
    ):
        yield Finding(
            "devd", f"{why}: limits that guests reach are not recorded",
            "sysrc devd_enable=YES and service devd restart", problem=False,
        )  # fmt: skip


def _killed(session: Session, seen: Seen) -> dict[str, list[str]]:
    """Return why the kernel has killed processes of running jails."""
    names = {jail.jid: name for name, jail in seen.facts.jails.items() if name in seen.found.guests}
    if not names:
        return {}
    found: dict[str, list[str]] = {}
    for jid, why in read_killed(session.host):
        if jid in names:
            found.setdefault(names[jid], []).append(shown_line(why))
    return found


def _unrecorded(fs: Fs) -> str:
    """Return why devd(8) does not record what the kernel reports; empty if it does."""
    if not fs.exists(DEVD_PID):
        return "devd(8) does not run"
    if not fs.exists(DEVD_RULES):
        return f"there is no {DEVD_RULES}"
    if fs.version(DEVD_RULES)[0] > fs.version(DEVD_PID)[0]:
        return f"devd(8) was started before {DEVD_RULES} was installed"
    return ""
