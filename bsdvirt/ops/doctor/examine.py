"""Everything that is to be said of this host. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bsdvirt.errors import as_told
from bsdvirt.facts.host import LOOKS
from bsdvirt.facts.sysctl import KERNEL_LOOK
from bsdvirt.ops.doctor import (
    datasets,
    guests,
    history,
    host,
    limits,
    logs,
    networks,
    orphans,
    pf,
    pools,
    rollbacks,
    running,
    snapshots,
)
from bsdvirt.ops.doctor.seen import look
from bsdvirt.ops.show import replicas
from bsdvirt.rows.host import Finding
from bsdvirt.session import recovery
from bsdvirt.session.session import Session


def examine(session: Session) -> list[Finding]:
    """The findings, those of roots and of files that cannot be read first. A check that fails
    is told of, and hides no other."""
    with session.ahead.planning():
        session.ahead.expect(*LOOKS, KERNEL_LOOK)
        return _examine(session)


def _examine(session: Session) -> list[Finding]:
    seen = look(session)
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: pools.findings(seen.found),
        lambda: datasets.findings(session, seen),
        lambda: seen.unread,
        lambda: recovery.findings(session),
        lambda: pools.pools(session, seen.found),
        lambda: pools.closed(session, seen.found),
        lambda: host.findings(session, seen),
        lambda: networks.findings(seen),
        lambda: networks.unconfirmed(session),
        lambda: pf.ports(session, seen),
        lambda: pf.findings(session, seen),
        lambda: guests.findings(session, seen),
        lambda: guests.of_kinds(seen),
        lambda: running.findings(session, seen),
        lambda: limits.findings(session, seen),
        lambda: running.cpu_findings(session, seen),
        lambda: orphans.findings(session, seen),
        lambda: orphans.foreign(seen.found),
        lambda: orphans.strays(seen.found),
        lambda: snapshots.findings(session, seen),
        lambda: rollbacks.findings(session, seen.found),
        lambda: replicas.findings(seen.found),
        lambda: logs.findings(session, seen.found),
        lambda: history.findings(session, seen.found),
    )
    return [finding for check in checks for finding in _made(check)]


def _made(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:
        wrong = as_told(error)
        found.append(
            Finding(
                "doctor",
                f"a check failed: {wrong.message}",
                wrong.hint or "correct that, and run doctor again",
            )
        )
    return found
