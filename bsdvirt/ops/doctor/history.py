"""Files of history that belong to no guest."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.ops.history.store import Store, strays
from bsdvirt.plan.step import Plan, RemoveFile, Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session


def findings(session: Session, found: Inventory) -> Iterator[Finding]:
    for path in _paths(session, found):
        yield Finding(
            "stats", f"{path} belongs to no guest", "bsdvirt doctor --repair",
            problem=False, repair="remove it",
        )  # fmt: skip


def repair(session: Session, found: Inventory, errors: list[BsdvirtError]) -> list[str]:
    """Remove them; a line for each."""
    done = []
    for path in _paths(session, found):
        step = Step(RemoveFile(path), path, durable=True)
        plan = Plan(
            "clean", "stats", "host", finish=(step,), op=session.new_op(), must_journal=False
        )
        if attempt(session, plan, errors):
            done.append(f"stats: removed {path}")
    return done


def _paths(session: Session, found: Inventory) -> list[str]:
    store = Store(session.host.fs, session.layout.histories)
    return [store.path(name) for name in sorted(strays(found, store.names()))]
