"""What guests expose: set, checked against the others and the host, listed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bsdvirt.bhyve.rundir import is_running
from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.facts.host import HostFacts, read_interfaces, read_jails
from bsdvirt.facts.packetfilter import PfFacts, read_listeners
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file
from bsdvirt.layout import PF_DIRECTORY, Layout, guest_rules
from bsdvirt.net import pf
from bsdvirt.ops.network import pf as filtering
from bsdvirt.plan.step import Step
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.load import GuestSpec
from bsdvirt.spec.paths import set_paths

Taken = Mapping[str, Sequence[Expose]]
"""What each guest exposes."""


def parse(words: Iterable[str], on: str | None = None, source: str | None = None) -> list[Expose]:
    """Words of a command line. Raises UsageError."""
    found = []
    for word in words:
        try:
            head, tilde, given = word.partition("~")
            where = f"@{on}" if on and "@" not in head else ""
            only = f"~{given or source}" if tilde or source else ""
            found.append(Expose.parse(f"{head}{where}{only}"))
        except ValueError as error:
            raise UsageError(f"expose: {error}", "such as tcp:8080:80") from None
    return found


def expose(session: Session, name: str, wanted: Sequence[Expose], *, remove: bool) -> Outcome:
    """Expose ports of a guest, at once where it runs; or no more (all, where none is named).

    Raises as app.changes.bring_about does.
    """
    from bsdvirt.ops.change import Wanted, bring_about

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        had = list(filtering.exposed(spec))
        now = (
            _without(name, had, wanted) if remove else [*had, *(w for w in wanted if w not in had)]
        )
        # Looked at as a whole: two that clash are refused.
        new = set_paths(spec, (), {"expose": [str(one) for one in now]}, name)
        after = edit_yaml(text, spec, new) if new != spec else text
        return Wanted(text, after, spec, new, guest.identity.boot)

    (outcome,) = bring_about(session, [name], wish)
    if outcome.error is not None:
        return outcome
    word = "no longer exposes" if remove else "exposes"
    shown = ", ".join(wanted) or "anything"
    return Outcome(name, f"{word} {shown}", notes=outcome.notes)


def _without(name: str, had: Sequence[Expose], gone: Sequence[Expose]) -> list[Expose]:
    """Those that stay. One may be named without the guest's port and the address."""
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


# ---- conflicts ----


def taken(session: Session, found: Inventory, but: str = "") -> Taken:
    """What all guests expose; a file that cannot be read exposes nothing."""
    every: dict[str, Sequence[Expose]] = {}
    for name in found.guests:
        if name != but:
            with contextlib.suppress(BsdvirtError):
                every[name] = _exposed(session, found.home(name), name)
    return every


def _exposed(session: Session, layout: Layout, name: str) -> Sequence[Expose]:
    """What a guest exposes, by its file. Raises as load_guest_file does."""
    if "expose" not in guest_text(session.host.fs, layout, name):
        return ()
    return filtering.exposed(load_guest_file(session.host.fs, layout, name))


def refuse_taken(name: str, wanted: Iterable[Expose], others: Taken) -> None:
    """Raises ConflictError where another guest exposes one of the ports."""
    for one in wanted:
        for other, theirs in others.items():
            for clash in theirs:
                if one.clashes(clash):
                    raise ConflictError(
                        f"{name}: {one} clashes with {clash} of {other}", "choose another port"
                    )


def refuse_hosts(session: Session, name: str, wanted: Sequence[Expose], facts: PfFacts) -> None:
    """Raises ConflictError where a service of the host's own waits on one of the ports: it
    would hear no more from outside. NotFoundError for an address that the host has not."""
    if not wanted:
        return
    faces = read_interfaces(session.host)
    own = {text.split("/")[0]: face.name for face in faces.values() for text in face.addresses}
    outer = {text.split("/")[0] for i in facts.egress.values() for text in faces[i].addresses}
    for one in wanted:
        if one.on is not None and str(one.on) not in own:
            raise NotFoundError(f"{name}: {one}: this host has no address {one.on}", "ifconfig")
    for listener in read_listeners(session.host):
        for one in wanted:
            here = {"*", str(one.on)} if one.on is not None else {"*", *outer}
            if (listener.protocol == one.protocol and listener.port in one.ports
                    and listener.address in here):  # fmt: skip
                raise ConflictError(
                    f"{name}: {one}: the host's own {listener.command} waits on port"
                    f" {listener.port}",
                    "choose another port, or another address with --on",
                )


def check(session: Session, found: Inventory, name: str, spec: GuestSpec) -> None:
    """What a guest is to expose, against the others and the host. The allocation lock is
    held. Raises ConflictError and NotFoundError."""
    wanted = filtering.exposed(spec)
    if wanted:
        refuse_taken(name, wanted, taken(session, found, name))
        refuse_hosts(session, name, wanted, filtering.read(session))


def clashes(
    session: Session, parts: Mapping[str, tuple[Guest, GuestSpec]], host: HostFacts
) -> dict[str, ConflictError]:
    """Of guests about to start, those whose ports a guest that runs, or one before it in
    the order of names, has: a file may have been edited by hand."""
    running = {
        file.removeprefix(f"{PF_DIRECTORY}/guest-").removesuffix(".conf")
        for file in host.files
        if file.startswith(f"{PF_DIRECTORY}/guest-")
    }
    have: dict[str, Sequence[Expose]] = {}
    if running:
        have = {n: e for n, e in taken(session, session.inventory()).items() if n in running}
    wrong: dict[str, ConflictError] = {}
    for name, (_, spec) in sorted(parts.items()):
        theirs = {other: ports for other, ports in have.items() if other != name}
        try:
            refuse_taken(name, filtering.exposed(spec), theirs)
            have[name] = filtering.exposed(spec)
        except ConflictError as error:
            wrong[name] = error
    return wrong


# ---- starting, and while it runs ----


def start_steps(guest: Guest, spec: GuestSpec, facts: PfFacts | None) -> list[Step]:
    """What a start loads; the anchor of an earlier one was flushed before."""
    if facts is None:
        return []
    rules = filtering.of_guest(guest, spec, facts)
    if not rules.text:
        return []
    left = {name: text for name, text in facts.files.items() if name != rules.name}
    return filtering.steps_of(rules, replace(facts, files=left))


def live_steps(guest: Guest, spec: GuestSpec, facts: PfFacts) -> list[Step]:
    """From what a running guest exposes to what it is to."""
    return filtering.steps_of(filtering.of_guest(guest, spec, facts), facts)


def notes(spec: GuestSpec, guest: Guest, facts: PfFacts | None) -> tuple[str, ...]:
    """What keeps it from being reached."""
    if facts is None or not filtering.exposed(spec):
        return ()
    kinds = {6 if ":" in text else 4 for text in guest.identity.addresses()}
    if not kinds:
        return ("it has no address that its ports could lead to",)
    why, advice = pf.why_inactive(facts, kinds)
    if why:
        return (f"its ports are not reached from outside: {why} ({advice})",)
    why, advice = pf.why_blocked(facts)
    return (f"its ports may not be reached: {why} ({advice})",) if why else ()


# ---- shown ----


def rows(session: Session, name: str | None = None) -> list[dict[str, Any]]:
    """What one guest, or every guest, exposes."""
    found = session.inventory()
    chosen = [found.guest(name)] if name else list(found.guests.values())
    every: list[tuple[Guest, Expose]] = []
    for guest in chosen:
        try:
            every += [(guest, one) for one in _exposed(session, guest.layout, guest.name)]
        except BsdvirtError:
            if name:
                raise
    if not every:
        return []
    facts = filtering.read(session)
    jails = read_jails(session.host)
    return [
        _row(guest, one, facts, is_running(guest, jails, session.host.fs)) for guest, one in every
    ]


def _row(guest: Guest, one: Expose, facts: PfFacts, running: bool) -> dict[str, Any]:
    kinds = {6 if ":" in text else 4 for text in guest.identity.addresses()}
    if one.on is not None:
        kinds &= {one.on.version}
    if one.source is not None:
        kinds &= {one.source.version}
    why, _ = pf.why_inactive(facts, kinds) if kinds else ("it has no such address", "")
    if not running:
        why = "it does not run"
    elif not why and guest_rules(guest.name) not in facts.anchors:
        why = "its rules are not loaded (bsdvirt doctor --repair)"
    return {
        "guest": guest.name,
        "expose": str(one),
        "protocol": one.protocol,
        "ports": [one.ports[0], one.ports[-1]],
        "guest_ports": [one.guest_ports[0], one.guest_ports[-1]],
        "on": str(one.on) if one.on else None,
        "from": str(one.source) if one.source else None,
        "interfaces": sorted(set(facts.egress.values())) if one.on is None else [],
        "to": guest.identity.addresses(),
        "state": "inactive" if why else "active",
        "why": why,
    }
