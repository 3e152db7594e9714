"""What guests expose: the rules of one guest, and the ports that two of them, or one and the
host, want."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.packetfilter import PfFacts, read_listeners
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import PF_DIRECTORY, Layout, guest_rules
from bsdvirt.net import pf
from bsdvirt.plan.step import Step
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.guest import GuestSpec

Taken = Mapping[str, Sequence[Expose]]
"""What each guest exposes."""


def rules_of(guest: Guest, spec: GuestSpec, facts: PfFacts) -> pf.Rules:
    """What the guest's anchor should hold while it runs."""
    text = pf.guest_text(guest.name, spec.expose, guest.identity.addresses(), facts)
    return pf.Rules(guest_rules(guest.name), guest.name, text, f"what {guest.name} exposes")


def taken(fs: Fs, found: Inventory, but: str = "") -> Taken:
    """What all guests expose; a file that cannot be read exposes nothing."""
    every: dict[str, Sequence[Expose]] = {}
    for name in found.guests:
        if name != but:
            with contextlib.suppress(BsdvirtError):
                every[name] = exposed_by(fs, found.home(name), name)
    return every


def exposed_by(fs: Fs, layout: Layout, name: str) -> Sequence[Expose]:
    """What a guest exposes, by its file. Raises as load_guest_file does."""
    if "expose" not in guest_text(fs, layout, name):
        return ()
    return load_guest_file(fs, layout, name).expose


def refuse_taken(name: str, wanted: Iterable[Expose], others: Taken) -> None:
    """Raises ConflictError where another guest exposes one of the ports."""
    for one in wanted:
        for other, theirs in others.items():
            for clash in theirs:
                if one.clashes(clash):
                    raise ConflictError(
                        f"{name}: {one} clashes with {clash} of {other}", "choose another port"
                    )


def refuse_hosts(host: Host, name: str, wanted: Sequence[Expose], facts: PfFacts) -> None:
    """Raises ConflictError where a service of the host's own waits on one of the ports: it
    would hear no more from outside. NotFoundError for an address that the host has not."""
    if not wanted:
        return
    faces = read_interfaces(host)
    own = {text.split("/")[0]: face.name for face in faces.values() for text in face.addresses}
    outer = {text.split("/")[0] for i in facts.egress.values() for text in faces[i].addresses}
    for one in wanted:
        if one.on is not None and str(one.on) not in own:
            raise NotFoundError(f"{name}: {one}: this host has no address {one.on}", "ifconfig")
    for listener in read_listeners(host):
        for one in wanted:
            here = {"*", str(one.on)} if one.on is not None else {"*", *outer}
            if (listener.protocol == one.protocol and listener.port in one.ports
                    and listener.address in here):  # fmt: skip
                raise ConflictError(
                    f"{name}: {one}: the host's own {listener.command} listens on port"
                    f" {listener.port}",
                    "choose another port, or another address with --on",
                )


def check(
    host: Host,
    found: Inventory,
    name: str,
    spec: GuestSpec,
    facts: PfFacts,
    planned: Taken | None = None,
) -> None:
    """Raises ConflictError and NotFoundError where another guest, or the host, has a port that a
    guest is to expose. `planned` is what those will expose whose change is planned already. The
    allocation lock is held."""
    others = {**taken(host.fs, found, name), **(planned or {})}
    refuse_taken(name, spec.expose, {o: ports for o, ports in others.items() if o != name})
    refuse_hosts(host, name, spec.expose, facts)


def clashes(
    fs: Fs, found: Inventory, parts: Mapping[str, tuple[Guest, GuestSpec]], host: HostFacts
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
        have = {n: e for n, e in taken(fs, found).items() if n in running}
    wrong: dict[str, ConflictError] = {}
    for name, (_, spec) in sorted(parts.items()):
        theirs = {other: ports for other, ports in have.items() if other != name}
        try:
            refuse_taken(name, spec.expose, theirs)
            have[name] = spec.expose
        except ConflictError as error:
            wrong[name] = error
    return wrong


def start_steps(guest: Guest, spec: GuestSpec, facts: PfFacts | None) -> list[Step]:
    """What a start loads; the anchor of an earlier one was flushed before."""
    if facts is None:
        return []
    rules = rules_of(guest, spec, facts)
    if not rules.text:
        return []
    left = {name: text for name, text in facts.files.items() if name != rules.name}
    return rules.steps(replace(facts, files=left))


def live_steps(guest: Guest, spec: GuestSpec, facts: PfFacts) -> list[Step]:
    """From what a running guest exposes to what it is to."""
    return rules_of(guest, spec, facts).steps(facts)


def notes(spec: GuestSpec, guest: Guest, facts: PfFacts | None) -> tuple[str, ...]:
    """What keeps it from being reached."""
    if facts is None or not spec.expose:
        return ()
    kinds = {6 if ":" in text else 4 for text in guest.identity.addresses()}
    if not kinds:
        return ("it has no address that its ports could lead to",)
    why, advice = pf.why_inactive(facts, kinds)
    if why:
        return (f"its ports are not reached from outside: {why} ({advice})",)
    why, advice = pf.why_blocked(facts)
    return (f"its ports may not be reached: {why} ({advice})",) if why else ()
