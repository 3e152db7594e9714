"""What doctor says of exposed ports and of the packet filter, and what it mends of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.packetfilter import PfFacts, read_at_boot, read_listeners
from bsdvirt.guest import forwards
from bsdvirt.guest.inventory import Inventory
from bsdvirt.layout import PF_DIRECTORY, guest_rules, network_rules
from bsdvirt.net import pf
from bsdvirt.net.files import Networks
from bsdvirt.net.pfsetup import not_at_boot, not_forwarded_at_boot
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.ops.network import networks
from bsdvirt.ops.network import pf as filtering
from bsdvirt.plan.step import Plan, Step
from bsdvirt.rows.host import Finding
from bsdvirt.session.prepared import attempt
from bsdvirt.session.session import Session
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.guest import GuestSpec

Running = Mapping[str, GuestSpec]


def _facts(session: Session, nets: Networks, running: Running) -> PfFacts | None:
    """Read it only where a guest or network needs it, or rules of ours are there."""
    exposes = any(spec.expose for spec in running.values())
    if filtering.needed(nets.values()) or exposes or session.host.fs.listdir(PF_DIRECTORY):
        return filtering.read(session)
    return None


def ports(session: Session, seen: Seen) -> Iterator[Finding]:
    """Ports that two guests expose, of which one cannot start then; and those of running guests
    that bhyve was to forward and does not: its helper ends without a message."""
    having = {name: spec.host_ports for name, spec in sorted(seen.specs.items())}
    checked: dict[str, Sequence[Expose]] = {}
    for name, wanted in having.items():
        if not wanted:
            continue
        try:
            forwards.refuse_taken(name, wanted, checked)
        except ConflictError as error:
            message = error.message.removeprefix(f"{name}: ")
            yield Finding(
                name, f"only one of them can run: {message}",
                f"bsdvirt expose {name} --remove PORT; or destroy or change the other",
                problem=False,
            )  # fmt: skip
        checked[name] = wanted
    direct = {
        name: spec
        for name, spec in seen.running().items()
        if forwards.by_bhyve(seen.found.guests[name], spec) and not seen.busy(name)
    }
    direct = {name: spec for name, spec in direct.items() if forwards.is_closed(spec)}
    if any(spec.expose for spec in direct.values()):
        heard = read_listeners(session.host)
        for name, spec in direct.items():
            for one in spec.expose:
                if not forwards.is_heard(one, heard):
                    yield Finding(
                        name, f"nothing listens on {one}: {forwards.CLOSED}",
                        f"bsdvirt set {name} nics.{forwards.first_card(spec)}.open=yes",
                    )  # fmt: skip


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """What does not work, and what is left of those that are gone. What only guests need is
    a problem only where one needs it."""
    found, nets, running, alive = seen.found, seen.networks, seen.running(), seen.alive
    facts = _facts(session, nets, running)
    if facts is None:
        return
    for name, network in nets.items():
        state, why = filtering.state(network, facts)
        if state == "inactive":
            users = networks.users(found, name)
            message, _, advice = why.partition(" (")
            yield Finding(
                name, f"nat of network {name} is inactive: {message}", advice.removesuffix(")"),
                problem=bool(users),
            )  # fmt: skip
    yield from _until_boot(session, seen, facts)
    for name, spec in running.items():
        yield from _unreached(found, name, spec, facts)
    used = {str(nic.network) for spec in running.values() for nic in spec.nics}
    for rules, _ in _drift(found, nets, running, facts):
        yield Finding(
            rules.subject, f"{rules.why}: its rules in pf(4) are not those it should have",
            "bsdvirt doctor --repair", repair="load them",
            problem=rules.subject in used or rules.subject in running,
        )  # fmt: skip
    for why, _ in filtering.orphans(_known(found, nets, alive), facts):
        message = f"{why} in pf(4) belong to no guest and no network"
        yield Finding("host", message, "bsdvirt doctor --repair", repair="remove them")


def _until_boot(session: Session, seen: Seen, facts: PfFacts) -> Iterator[Finding]:
    """What works now and does not after the next boot."""
    active = {
        n: net for n, net in seen.networks.items() if filtering.state(net, facts)[0] == "active"
    }
    if not active:
        return
    firewall = read_at_boot(session.host)
    families = sorted({version for net in active.values() for version in filtering.versions(net)})
    used = any(networks.users(seen.found, name) for name in active)
    for why, advice in (*not_at_boot(firewall), *not_forwarded_at_boot(firewall, families)):
        yield Finding("host", f"nat works only until the next boot: {why}", advice, problem=used)


def _unreached(found: Inventory, name: str, spec: GuestSpec, facts: PfFacts) -> Iterator[Finding]:
    addresses = found.guests[name].identity.addresses()
    kinds = {6 if ":" in text else 4 for text in addresses}
    if spec.expose and kinds:
        why, advice = pf.why_inactive(facts, kinds)
        if why:
            yield Finding(name, f"the exposed ports of {name} cannot be reached: {why}", advice)
            return
        why, advice = pf.why_blocked(facts)
        if why:
            yield Finding(
                name, f"the exposed ports of {name} may be blocked: {why}", advice, problem=False
            )  # fmt: skip


def _drift(
    found: Inventory, nets: Networks, running: Running, facts: PfFacts
) -> Iterator[tuple[pf.Rules, list[Step]]]:
    parts = {name: (found.guests[name], spec) for name, spec in running.items()}
    return filtering.drift(nets, parts, facts)


def _known(found: Inventory, nets: Networks, alive: Collection[str]) -> set[str]:
    """Return the anchors of guests and networks; those of a guest that does not run are taken away
    with all else that it left. One that is `alive` has its own, even where it is not listed."""
    guests = {guest_rules(name) for name in (*found.guests, *alive)}
    return guests | {network_rules(name) for name in (*nets, *nets.broken)}


def repair(session: Session, seen: Seen, errors: list[BsdvirtError]) -> list[str]:
    """Load what should be loaded, remove what belongs to no guest or network; a line for each."""
    found, nets, running, alive = seen.found, seen.networks, seen.running(), seen.alive
    facts = _facts(session, nets, running)
    if facts is None:
        return []
    steps: list[Step] = []
    done: list[str] = []
    for rules, lacking in _drift(found, nets, running, facts):
        steps += lacking
        done.append(f"{rules.subject}: loaded the rules of pf(4)")
    for why, left in filtering.orphans(_known(found, nets, alive), facts):
        steps += left
        done.append(f"host: took away {why} in pf(4)")
    if steps:
        plan = Plan("nat", "host", "host", tuple(steps), op=session.new_op(), must_journal=False)
        if not attempt(session, plan, errors):
            return []
    return done
