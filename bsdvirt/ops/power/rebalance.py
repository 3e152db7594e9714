"""Move guests to CPUs where they share less with others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bsdvirt import record
from bsdvirt.cpu.rebalance import Claim, Move, rebalance
from bsdvirt.errors import ConflictError
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.guest.change import plan_change
from bsdvirt.guest.inventory import Guest, Inventory, guest_text
from bsdvirt.kinds import is_running, kind_of, read_spec
from bsdvirt.ops.power.cpus import holders, make_room
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.cpus import host_cpus
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import CpuClaim
from bsdvirt.spec.types import CpuList


class Rebalance(Struct, frozen=True):
    """Move the guests whose CPUs were chosen by placement, running or not, as far as that lessens
    the sharing. One that is busy stays where it is."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        claiming = [n for n, g in session.inventory(shallow=True).guests.items() if g.identity.cpus]
        with (
            hold(session, claiming, "rebalance") as held,
            session.locked("allocation", "", "rebalance"),
        ):
            found = session.inventory()
            movable = _movable(session, found, set(held.names()))
            moves = _moves(session, found, movable)
            yield Prepared(session, _tasks(session, found, movable, moves), parallel=False)


Movable = dict[str, tuple[Guest, GuestSpec, CpuClaim]]


def _movable(session: Session, found: Inventory, held: set[str]) -> Movable:
    """Return the guests that may be moved. One that is not held now got its claim meanwhile."""
    movable: Movable = {}
    for name, guest in found.guests.items():
        claim, spec = guest.identity.cpus, read_spec(session.host.fs, guest)
        if name in held and claim is not None and spec is not None and spec.placement != "none":
            movable[name] = (guest, spec, claim)
    return movable


def _moves(session: Session, found: Inventory, movable: Movable) -> list[Move]:
    cpus = host_cpus(session, found.guests.values())
    if not movable:
        return []
    jails = read_jails(session.host)
    claims = [
        Claim(
            name, claim.cpus.cpus, claim.exclusive, len(claim.cpus.cpus), spec.core_threads,
            is_running(guest, jails, session.host.fs),
        )
        for name, (guest, spec, claim) in movable.items()
        if not cpus.wrong(name, claim)
    ]  # fmt: skip
    known = {claim.name for claim in claims}
    fixed = holders(session, [g for n, g in found.guests.items() if n not in known])
    return rebalance(cpus.topology, claims, fixed, cpus.policy)


class _Done(Struct):
    """The moves so far. One that fails stops those after it: they may count on its CPUs."""

    under_way: str = ""

    def begin(self, name: str) -> None:
        if self.under_way:
            raise ConflictError(
                f"{self.under_way} could not be moved: {name} stays where it is",
                "bsdvirt cpu rebalance, once that is corrected",
            )
        self.under_way = name

    def end(self) -> None:
        self.under_way = ""


def _tasks(session: Session, found: Inventory, movable: Movable, moves: list[Move]) -> list[Task]:
    done, tasks, jails = _Done(), [], read_jails(session.host)
    now = found
    for move in moves:
        task, now = _task(session, now, movable[move.name], move, jails)
        tasks.append(replace(task, before=partial(done.begin, move.name), after=done.end))
    return tasks


def _task(
    session: Session,
    found: Inventory,
    what: tuple[Guest, GuestSpec, CpuClaim],
    move: Move,
    jails: dict[str, JailFact],
) -> tuple[Task, Inventory]:
    """Plan one move; return the guests as they are after it, too."""
    guest, spec, claim = what
    name, kind, host = guest.name, kind_of(guest), session.host
    new = CpuClaim(cpus=CpuList.of(move.after), exclusive=claim.exclusive)
    identity = msgspec.structs.replace(guest.identity, cpus=new)
    moved = record.replace(guest, identity=identity)
    before = host_cpus(session, found.guests.values())
    after = host_cpus(session, found.guests.values(), {name: new})
    live = []
    if is_running(guest, jails, host.fs):
        was, then = before.given(name, spec), after.given(name, spec)
        live += kind.live_steps(host, guest, was, then)
        live += kind.reread_steps(host, moved, was, then)
        live += kind.watcher_steps(host, guest, after.open)
    live += make_room(session, name, found.guests.values(), {name: new})
    text = guest_text(host.fs, guest.layout, name)
    plan: Plan = plan_change(
        guest, session.new_op(), before=text, after=text, identity=identity, live=live
    )
    plan = msgspec.structs.replace(plan, verb="rebalance")
    message = f"CPUs {claim.cpus} -> {new.cpus}: {move.why}"
    later = record.replace(found, guests={**found.guests, name: moved})
    return Task(name, (Part(plan),), message), later
