"""The packet filter for networks and guests: read, set up, loaded, told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from bsdvirt.errors import BsdvirtError, StepError
from bsdvirt.facts.host import read_interfaces
from bsdvirt.facts.packetfilter import PfFacts, read_firewall, read_loaded
from bsdvirt.guest.forwards import rules_of
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import PF_DIRECTORY, network_rules, pf_file
from bsdvirt.net import pf
from bsdvirt.net.pfsetup import Setup, setup
from bsdvirt.plan import events
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.network import Network


def read(session: Session) -> PfFacts:
    """What the packet filter is, and the files of what we loaded into it."""
    return read_loaded(session.host, filtered=session.hostfile.expose.filtered)


def of_network(name: str, network: Network, facts: PfFacts) -> pf.Rules:
    text = pf.network_text(name, network, facts)
    return pf.Rules(network_rules(name), name, text, f"network {name} translated")


def network_steps(name: str, network: Network, facts: PfFacts | None) -> list[Step]:
    """What the network's anchor lacks; without facts (nobody needed them), nothing."""
    return [] if facts is None else of_network(name, network, facts).steps(facts)


def needed(networks: Iterable[Network]) -> bool:
    return any(network.nat for network in networks)


def versions(network: Network) -> list[int]:
    return sorted({net.version for net in network.translated()})


def state(network: Network, facts: PfFacts | None) -> tuple[str, str]:
    """`off`, `active` or `inactive`; with why, and what to do."""
    if not network.nat or facts is None:
        return "off", ""
    why, advice = pf.why_inactive(facts, versions(network))
    return ("inactive", f"{why} ({advice})") if why else ("active", "")


def set_up(session: Session, network: Network, facts: PfFacts) -> Setup:
    """What makes a network's translation work, and last, where that is ours to do."""
    interfaces = read_interfaces(session.host).values()
    return setup(facts, read_firewall(session.host), interfaces, versions(network))


def load(session: Session, networks: Mapping[str, Network]) -> None:
    """Load what networks lack of their translation; what fails is told, and keeps nothing
    else from being done."""
    if not needed(networks.values()):
        return
    facts = read(session)
    for name in [n for n, network in networks.items() if network_steps(n, network, facts)]:

        def again(name: str = name) -> list[Step]:
            # It may have been changed or destroyed before we had its lock.
            network = session.networks().get(name)
            return [] if network is None else network_steps(name, network, read(session))

        _locked(session, "network", name, again)


def reload(session: Session, networks: Mapping[str, Network]) -> None:
    """Load what is ours and not loaded: after a boot, once pf(4) is there, and after
    whatever somebody did to it. What a running guest exposes comes from its file."""
    load(session, networks)
    if not session.host.fs.listdir(PF_DIRECTORY):
        return
    facts = read(session)
    for rules in sorted(facts.files):
        if facts.there and rules.startswith("guest-") and rules not in facts.anchors:
            subject = rules.removeprefix("guest-")
            step = Step(Command(pf.load(rules)), f"what {subject} exposes")

            def again(rules: str = rules, step: Step = step) -> list[Step]:
                # Its stop, which had the lock, takes the file away.
                return [step] if session.host.fs.exists(pf_file(rules)) else []

            _locked(session, "guest", subject, again)


def _locked(
    session: Session, kind: Literal["guest", "network"], name: str, steps: Callable[[], list[Step]]
) -> None:
    """Do what is still to be done once nobody else works on it; who does sees to it."""
    try:
        with session.locked(kind, name, "nat"):
            _run(session, name, steps())
    except BsdvirtError as error:
        session.sink(events.Warned("", "nat", name, error.message))


def _run(session: Session, subject: str, steps: Sequence[Step]) -> None:
    if steps:
        plan = Plan("nat", subject, "host", tuple(steps), op=session.new_op())
        try:
            session.run(plan, journalled=False)
        except StepError as error:
            session.sink(events.Warned(plan.op, plan.verb, subject, error.message))


def drift(
    networks: Mapping[str, Network], running: Mapping[str, tuple[Guest, GuestSpec]], facts: PfFacts
) -> Iterator[tuple[pf.Rules, list[Step]]]:
    """Anchors that do not hold what they should, of networks and running guests; each with
    what mends it."""
    if not facts.there:
        return
    every = [of_network(name, network, facts) for name, network in networks.items()]
    every += [rules_of(guest, spec, facts) for guest, spec in running.values()]
    for rules in every:
        if steps := rules.steps(facts):
            yield rules, steps


def renew(
    session: Session,
    networks: Mapping[str, Network],
    running: Mapping[str, tuple[Guest, GuestSpec]],
) -> None:
    """Load what is not as it should be, of networks and running guests: the host gets out by
    another interface than before. What fails is told. No lock is held."""
    load(session, networks)
    if not any(spec.expose for _, spec in running.values()):
        return
    for rules, steps in drift({}, running, read(session)):

        def again(rules: pf.Rules = rules, steps: list[Step] = steps) -> list[Step]:
            # Its stop, which had the lock, takes the file away.
            return steps if session.host.fs.exists(pf_file(rules.name)) else []

        _locked(session, "guest", rules.subject, again)


def orphans(known: Iterable[str], facts: PfFacts) -> Iterator[tuple[str, list[Step]]]:
    """Anchors and files of ours that are no network's and no guest's."""
    for rules in sorted({*facts.anchors, *facts.files} - set(known)):
        if rules.startswith(("net-", "guest-")):
            why = f"rules {rules}"
            yield why, [s for s in pf.unload_steps(rules, why) if facts.there or not _flushes(s)]


def _flushes(step: Step) -> bool:
    return isinstance(step.do, Command)
