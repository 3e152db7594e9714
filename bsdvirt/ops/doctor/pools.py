"""Findings about pools, and about guests on different pools that claim the same."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.duplicates import duplicates, plan_renumber
from bsdvirt.guest.inventory import Inventory
from bsdvirt.kinds import is_running
from bsdvirt.ops.init import close, still_open
from bsdvirt.plan.step import Plan
from bsdvirt.rows.host import Finding
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session


def findings(found: Inventory) -> Iterator[Finding]:
    """Yield what is wrong with pools, and between them."""
    for pool in found.absent:
        yield Finding(f"pool {pool.name}", f"{pool.why}: its guests are missing", pool.hint)
    for name, one in duplicates(found).items():
        error = one.error()
        mended = "give it another" if one.number is not None else ""
        yield Finding(name, error.message.removeprefix(f"{name} "), error.hint, repair=mended)


def closed(session: Session, found: Inventory) -> Iterator[Finding]:
    """Directories that other users can look into, and should not."""
    for layout in found.layouts:
        for place in still_open(session, layout):
            why = "other users can read it, and run its set-user-ID programs"
            yield Finding(place, why, f"chmod 0700 {place}", repair="close it to others")


def repair(session: Session, errors: list[BsdvirtError]) -> list[str]:
    """Close what is open to others, and give another id to stopped guests that have another's;
    a line for each."""
    return [*_close(session, errors), *_renumber(session, errors)]


def _close(session: Session, errors: list[BsdvirtError]) -> list[str]:
    done: list[str] = []
    for layout in session.inventory().layouts:
        for place in still_open(session, layout):
            plan = Plan("close", layout.dataset, "host", (close(place),), op=session.new_op())
            if attempt(session, plan, errors, journalled=False):
                done.append(f"{place}: closed to others")
    return done


def _renumber(session: Session, errors: list[BsdvirtError]) -> list[str]:
    doubled = [n for n, t in duplicates(session.inventory()).items() if t.number is not None]
    if not doubled:
        return []
    done: list[str] = []
    with hold(session, doubled, "doctor") as held, session.locked("allocation", "", "doctor"):
        found = session.inventory()
        jails = read_jails(session.host)
        names = [n for n in held.names() if n in found.guests]
        idle = [n for n in names if not is_running(found.guests[n], jails, session.host.fs)]
        for plan in plan_renumber(found, idle, session.new_op, os.urandom):
            if attempt(session, plan, errors):
                done.append(f"{plan.subject}: has another id")
    return done


def pools(session: Session, found: Inventory) -> Iterator[Finding]:
    """Yield what is wrong with the zpools that they are on."""
    pools = {pool.name: pool for pool in session.zfs.pools()}
    for name in dict.fromkeys(layout.dataset.split("/")[0] for layout in found.layouts):
        pool = pools.get(name)
        if pool is None:
            yield Finding(name, "the pool is not imported", f"zpool import {name}")
        elif pool.health != "ONLINE":
            yield Finding(name, f"the pool is {pool.health}", f"zpool status {name}")
        elif pool.free * 20 < pool.size:
            yield Finding(name, "the pool is nearly full", f"zpool list {name}", problem=False)
