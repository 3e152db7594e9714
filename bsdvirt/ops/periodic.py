"""What is done from time to time, by cron(8): see `bsdvirt snapshot periodic`."""

from __future__ import annotations

from collections.abc import Callable

from bsdvirt.errors import ConflictError, as_told
from bsdvirt.ops.send.due import send_due
from bsdvirt.ops.snapshots.due import prune_kept, take_due
from bsdvirt.plan.locks import Lock
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session

Job = Callable[[Session], list[Outcome]]
"""Does what is due of its kind now, for all guests, and returns the outcomes: none if nothing is
due. What is wrong with one guest is its outcome, and stops no other."""

JOBS: tuple[Job, ...] = (take_due, prune_kept)
"""In the order in which they are done."""


def run_periodic(session: Session) -> list[Outcome]:
    """Do what is due. Nothing where another process is at it."""
    try:
        lock = Lock(session.host.fs, "periodic").acquire("snapshot periodic")
    except ConflictError:
        return []
    with lock:
        outcomes = [outcome for job in JOBS for outcome in _done(session, job)]
    # It may take hours, and keeps no snapshot from being taken meanwhile.
    return outcomes + _done(session, send_due)


def _done(session: Session, job: Job) -> list[Outcome]:
    try:
        return job(session)
    except Exception as error:
        return [Outcome("periodic", error=as_told(error))]
