"""Bring networks up: their bridges, and the rules that translate their addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.net.bridge import plan_up, up_steps
from bsdvirt.ops.network import pf
from bsdvirt.plan import events
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out, plan_each
from bsdvirt.session.session import Session
from bsdvirt.spec.network import Network


class BringUp(Struct, frozen=True):
    """Bring up the networks that are down."""

    names: tuple[str, ...]

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with contextlib.ExitStack() as stack:
            tasks = plan_networks_up(session, stack, self.names, session.networks())
            yield Prepared(session, tasks, parallel=False)


def plan_networks_up(
    session: Session,
    stack: contextlib.ExitStack,
    names: Iterable[str],
    networks: Mapping[str, Network],
) -> list[Task]:
    """Plan a task for each network that is down, or whose rules are not loaded. Its lock is held
    until the task has ended, at most until `stack` is closed. If all are up, the interfaces are
    read once and nothing is locked.

    A network that cannot be brought up has a task with the error.
    """
    used = set(names)
    wanted = sorted(name for name in networks if name in used)
    if not wanted:
        return []
    unsettled: dict[str, BsdvirtError] = {}
    for name in wanted:
        try:
            session.settle("network", name, f"network up {name}")
        except BsdvirtError as error:
            unsettled[name] = error
    interfaces = read_interfaces(session.host)
    facts = pf.read(session) if pf.needed(networks[name] for name in wanted) else None

    def lacks(name: str) -> Task:
        if name in unsettled:
            raise unsettled[name]
        network = networks[name]
        down = up_steps(name, network, interfaces)
        if not (down or pf.network_steps(name, network, facts)):
            return Task(name)
        return _task(session, stack, name, need_up=bool(down))

    return [task for task in plan_each(wanted, lacks) if task.parts or task.error]


def _task(session: Session, stack: contextlib.ExitStack, name: str, *, need_up: bool) -> Task:
    """Lock a network, read it again, as it may have been changed or destroyed meanwhile, and
    plan."""
    try:
        release = session.lock_on(stack, "network", name, f"network up {name}")
    except BsdvirtError as error:
        if need_up:
            raise
        session.sink(events.Warned("", "nat", name, error.message))
        return Task(name)
    network = session.networks().get(name)
    if network is None:
        release()
        return Task(name)
    parts: list[Part] = []
    plan = plan_up(name, network, read_interfaces(session.host), session.new_op())
    if not plan.empty:
        parts.append(Part(plan))
    if network.nat:
        parts += pf.parts(session, name, pf.network_steps(name, network, pf.read(session)))
    return Task(name, tuple(parts), "up" if parts else "", release=release)


def bring_up(session: Session, names: Iterable[str]) -> list[str]:
    """Bring up the networks that are down; return their names. Raises the first error."""
    outcomes = carry_out(session, BringUp(tuple(names)))
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return [outcome.name for outcome in outcomes if outcome.message]
