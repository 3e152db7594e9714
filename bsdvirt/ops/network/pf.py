"""The packet filter for networks and guests: its facts, its setup, the loading of rules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from msgspec import Struct

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.packetfilter import LOOKS, PfFacts, read_firewall, read_loaded
from bsdvirt.guest.forwards import rules_of
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import PF_DIRECTORY, network_rules, pf_file
from bsdvirt.net import pf
from bsdvirt.net.pfsetup import Setup, setup
from bsdvirt.plan import events
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.network import Network

Subject = Literal["guest", "network"]
Lacking = tuple[Subject, str, Callable[[], list[Step]]]
"""Whose rules are not loaded, and a function that returns the steps to load them, called under the
lock."""


def read(session: Session) -> PfFacts:
    """Read the state of the packet filter, and the files of the rules loaded into it."""
    session.ahead.expect(*LOOKS)
    return read_loaded(session.host, filtered=session.hostfile.expose.filtered)


def of_network(name: str, network: Network, facts: PfFacts) -> pf.Rules:
    text = pf.network_text(name, network, facts)
    return pf.Rules(network_rules(name), name, text, f"network {name} translated")


def network_steps(name: str, network: Network, facts: PfFacts | None) -> list[Step]:
    """Return the steps that load what the network's anchor lacks; none without facts."""
    return [] if facts is None else of_network(name, network, facts).steps(facts)


def needed(networks: Iterable[Network]) -> bool:
    return any(network.nat for network in networks)


def versions(network: Network) -> list[int]:
    return sorted({net.version for net in network.translated()})


def state(network: Network, facts: PfFacts | None) -> tuple[str, str]:
    """Return `off`, `active` or `inactive`, with the reason and the remedy."""
    if not network.nat or facts is None:
        return "off", ""
    why, advice = pf.why_inactive(facts, versions(network))
    return ("inactive", f"{why} ({advice})") if why else ("active", "")


def set_up(session: Session, network: Network, facts: PfFacts) -> Setup:
    """Plan what makes a network's translation work and survive a reboot, as far as bsdvirt may."""
    interfaces = read_interfaces(session.host).values()
    return setup(facts, read_firewall(session.host), interfaces, versions(network))


def parts(session: Session, subject: str, steps: Sequence[Step]) -> list[Part]:
    """Plan to load rules; a failure stops nothing else."""
    if not steps:
        return []
    plan = Plan("nat", subject, "host", tuple(steps), op=session.new_op())
    return [Part(plan, journalled=False, optional=True)]


class LoadRules(Struct, frozen=True):
    """Load the rules of networks and running guests that are not loaded."""

    running: Mapping[str, tuple[Guest, GuestSpec]] | None = None
    """The running guests, to make their rules again from the ports they expose. None loads the
    files of rules as they are: after a boot, once pf(4) is there, or after another command has
    flushed them."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with contextlib.ExitStack() as stack:
            tasks: list[Task] = []
            for kind, name, steps in self._lacking(session):
                tasks += _task(session, stack, kind, name, steps)
            yield Prepared(session, tasks, parallel=False)

    def _lacking(self, session: Session) -> Iterator[Lacking]:
        networks = session.networks()
        if needed(networks.values()):
            yield from _of_networks(session, networks)
        if self.running is None and session.host.fs.listdir(PF_DIRECTORY):
            yield from _of_files(session)
        elif self.running and any(spec.expose for _, spec in self.running.values()):
            yield from _of_guests(session, self.running)


def _of_networks(session: Session, networks: Mapping[str, Network]) -> Iterator[Lacking]:
    facts = read(session)

    def again(name: str) -> list[Step]:
        # It may have been changed or destroyed before we had its lock.
        network = session.networks().get(name)
        return [] if network is None else network_steps(name, network, read(session))

    for name, network in networks.items():
        if network_steps(name, network, facts):
            yield "network", name, partial(again, name)


def _of_files(session: Session) -> Iterator[Lacking]:
    facts = read(session)
    for rules in sorted(facts.files):
        if facts.there and rules.startswith("guest-") and rules not in facts.anchors:
            subject = rules.removeprefix("guest-")
            step = Step(Command(pf.load(rules)), f"the exposed ports of {subject}")
            yield "guest", subject, partial(_still, session, rules, [step])


def _of_guests(
    session: Session, running: Mapping[str, tuple[Guest, GuestSpec]]
) -> Iterator[Lacking]:
    for rules, steps in drift({}, running, read(session)):
        yield "guest", rules.subject, partial(_still, session, rules.name, steps)


def _still(session: Session, rules: str, steps: list[Step]) -> list[Step]:
    """Return the steps if the file still exists: the stop of a guest removes it under the guest's
    lock."""
    return steps if session.host.fs.exists(pf_file(rules)) else []


def _task(
    session: Session,
    stack: contextlib.ExitStack,
    kind: Subject,
    name: str,
    steps: Callable[[], list[Step]],
) -> Iterator[Task]:
    """Plan what is still to be done once the lock is held. A busy one is left to the command that
    has it."""
    try:
        release = session.lock_on(stack, kind, name, "nat")
        yield Task(name, tuple(parts(session, name, steps())), release=release)
    except BsdvirtError as error:
        session.sink(events.Warned("", "nat", name, error.message))


def drift(
    networks: Mapping[str, Network], running: Mapping[str, tuple[Guest, GuestSpec]], facts: PfFacts
) -> Iterator[tuple[pf.Rules, list[Step]]]:
    """Yield the anchors of networks and running guests whose rules are not the expected ones, with
    the steps that load them."""
    if not facts.there:
        return
    every = [of_network(name, network, facts) for name, network in networks.items()]
    every += [rules_of(guest, spec, facts) for guest, spec in running.values()]
    for rules in every:
        if steps := rules.steps(facts):
            yield rules, steps


def orphans(known: Iterable[str], facts: PfFacts) -> Iterator[tuple[str, list[Step]]]:
    """Yield anchors and files of rules that belong to no network and no guest, with the steps that
    remove them."""
    for rules in sorted({*facts.anchors, *facts.files} - set(known)):
        if rules.startswith(("net-", "guest-")):
            why = f"rules {rules}"
            yield why, [s for s in pf.unload_steps(rules, why) if facts.there or not _flushes(s)]


def _flushes(step: Step) -> bool:
    return isinstance(step.do, Command)
