"""Directories of logs that belong to no guest."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.logs import move_aside, strays
from bsdvirt.layout import guest_log_directory
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan
from bsdvirt.rows.host import Finding
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session


def findings(session: Session, found: Inventory) -> Iterator[Finding]:
    fs = session.host.fs
    for name, why in strays(fs, found):
        if not is_held(fs, "guest", name):
            yield Finding(
                name, f"{guest_log_directory(name)} {why}", "bsdvirt doctor --repair",
                problem=False, repair="move it aside",
            )  # fmt: skip


def repair(session: Session, found: Inventory, errors: list[BsdvirtError]) -> list[str]:
    """Move them aside; a line for each."""
    fs = session.host.fs
    done = []
    for name, _ in list(strays(fs, found)):
        if is_held(fs, "guest", name) and name not in found.guests:
            continue
        step = move_aside(fs, name)
        plan = Plan("clean", name, "host", finish=(step,), op=session.new_op(), must_journal=False)
        if attempt(session, plan, errors):
            done.append(f"{name}: moved aside {step.why}")
    return done
