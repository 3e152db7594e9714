"""Expose ports of guests on the host's addresses, and list them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bsdvirt.errors import BsdvirtError, NotFoundError, UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.packetfilter import PfFacts, read_listeners
from bsdvirt.guest import forwards
from bsdvirt.guest.forwards import by_bhyve, exposed_by
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import is_running, load_spec
from bsdvirt.layout import guest_rules
from bsdvirt.net import pf
from bsdvirt.ops.change import Change, Wanted
from bsdvirt.ops.network import pf as filtering
from bsdvirt.rows.host import ExposeRow
from bsdvirt.session.session import Session
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.paths import set_paths

NOT_RUNNING = "it does not run"


def parse(words: Iterable[str], on: str | None = None, source: str | None = None) -> list[Expose]:
    """Parse the words of a command line. Raises UsageError."""
    found = []
    for word in words:
        try:
            head, tilde, given = word.partition("~")
            head = _with_protocol(head)
            where = f"@{on}" if on and "@" not in head else ""
            only = f"~{given or source}" if tilde or source else ""
            found.append(Expose.parse(f"{head}{where}{only}"))
        except ValueError as error:
            raise UsageError(f"expose: {error}", "such as tcp:8080:80") from None
    return found


def _with_protocol(text: str) -> str:
    """Return a port with its protocol in front: 8080:80 is of TCP, and 53/udp of UDP."""
    ports, at, address = text.partition("@")
    if not ports[:1].isdigit():
        return text
    ports, _, protocol = ports.partition("/")
    return f"{protocol or 'tcp'}:{ports}{at}{address}"


def expose(name: str, wanted: Sequence[Expose]) -> Change:
    """Expose ports of a guest, at once where it runs."""

    def now(had: Sequence[Expose]) -> list[Expose]:
        return [*had, *(one for one in wanted if one not in had)]

    return _change(name, now, f"exposes {', '.join(wanted) or 'anything'}")


def hide(name: str, ports: Sequence[Expose]) -> Change:
    """Stop exposing ports of a guest; all of them, where none is named."""

    def now(had: Sequence[Expose]) -> list[Expose]:
        return _without(name, had, ports)

    return _change(name, now, f"no longer exposes {', '.join(ports) or 'anything'}")


def _change(name: str, now: Callable[[Sequence[Expose]], list[Expose]], message: str) -> Change:
    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        # Checked as a whole: two that clash are refused.
        ports = [str(one) for one in now(spec.expose)]
        new = set_paths(spec, (), {"expose": ports}, name)
        after = edit_yaml(text, spec, new) if new != spec else text
        return Wanted(text, after, spec, new, guest.identity.boot)

    return Change((name,), wish, message)


def _without(name: str, had: Sequence[Expose], gone: Sequence[Expose]) -> list[Expose]:
    """Return those that stay. `gone` may leave out the guest's port and the address."""
    if not gone:
        return []
    for one in gone:
        if not any(_is(one, other) for other in had):
            raise NotFoundError(
                f"{name} does not expose {one}", f"it exposes {', '.join(had) or 'nothing'}"
            )
    return [other for other in had if not any(_is(one, other) for one in gone)]


def _is(named: Expose, other: Expose) -> bool:
    same = (named.protocol, named.ports) == (other.protocol, other.ports)
    return same and named.on in (None, other.on) and named.source in (None, other.source)


def rows(session: Session, name: str | None = None) -> list[ExposeRow]:
    """Return the port forwards of one guest, or of all."""
    found = session.inventory()
    chosen = [found.guest(name)] if name else list(found.guests.values())
    every: list[tuple[Guest, Expose]] = []
    closed: dict[str, bool] = {}
    for guest in chosen:
        try:
            ports = exposed_by(session.host.fs, guest.layout, guest.name)
            if ports and by_bhyve(guest, spec := load_spec(session.host.fs, guest)):
                closed[guest.name] = forwards.is_closed(spec)
            every += [(guest, one) for one in ports]
        except BsdvirtError:
            if name:
                raise
    if not every:
        return []
    by_pf = any(guest.name not in closed for guest, _ in every)
    facts = filtering.read(session) if by_pf else PfFacts()
    jails = read_jails(session.host)
    heard = read_listeners(session.host) if closed else []

    def row(guest: Guest, one: Expose) -> ExposeRow:
        running = is_running(guest, jails, session.host.fs)
        if guest.name in closed:
            why = "" if running else NOT_RUNNING
            if running and not forwards.is_heard(one, heard):
                why = forwards.CLOSED if closed[guest.name] else forwards.LATER
            return _row_of(guest, one, "bhyve", [forwards.GIVEN], [], why)
        return _row(guest, one, facts, running)

    return [row(guest, one) for guest, one in every]


def _row(guest: Guest, one: Expose, facts: PfFacts, running: bool) -> ExposeRow:
    """Return the row of a port that pf(4) forwards."""
    kinds = {6 if ":" in text else 4 for text in guest.identity.addresses()}
    if one.on is not None:
        kinds &= {one.on.version}
    if one.source is not None:
        kinds &= {one.source.version}
    why, _ = pf.why_inactive(facts, kinds) if kinds else ("it has no such address", "")
    if not running:
        why = NOT_RUNNING
    elif not why and guest_rules(guest.name) not in facts.anchors:
        why = "its rules are not loaded (bsdvirt doctor --repair)"
    interfaces = sorted(set(facts.egress.values())) if one.on is None else []
    return _row_of(guest, one, "pf", guest.identity.addresses(), interfaces, why)


def _row_of(
    guest: Guest, one: Expose, by: str, to: list[str], interfaces: list[str], why: str
) -> ExposeRow:
    return ExposeRow(
        guest=guest.name,
        expose=str(one),
        protocol=one.protocol,
        ports=[one.ports[0], one.ports[-1]],
        guest_ports=[one.guest_ports[0], one.guest_ports[-1]],
        on=str(one.on) if one.on else None,
        source=str(one.source) if one.source else None,
        interfaces=interfaces,
        to=to,
        by=by,
        state="inactive" if why else "active",
        why=why,
    )
