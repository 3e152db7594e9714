"""What guests expose: the rules of one guest, and the ports that two of them, or one and the
host, want."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.packetfilter import PfFacts, read_listeners
from bsdvirt.facts.pfctl import Listener
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import PF_DIRECTORY, Layout, bhyve_conf, guest_rules
from bsdvirt.net import pf
from bsdvirt.plan.step import Step
from bsdvirt.spec.expose import LOCALHOST, MOST_FORWARDS, Expose
from bsdvirt.spec.guest import GuestSpec

ANY = "0.0.0.0"  # noqa: S104
GIVEN = "10.0.2.15"
"""The address that bhyve's user networking gives first (slirp-helper.c)."""
CLOSED = "its card is not open, and has no connection on FreeBSD 15.1"
LATER = "from the guest's next reboot or start on"
Taken = Mapping[str, Sequence[Expose]]
"""What each guest exposes."""


def rules_of(guest: Guest, spec: GuestSpec, facts: PfFacts) -> pf.Rules:
    """What the guest's anchor should hold while it runs."""
    exposes = [] if by_bhyve(guest, spec) else spec.expose
    text = pf.guest_text(guest.name, exposes, guest.identity.addresses(), facts)
    return pf.Rules(guest_rules(guest.name), guest.name, text, f"what {guest.name} exposes")


def by_bhyve(guest: Guest, spec: GuestSpec) -> bool:
    """Return whether bhyve itself forwards the guest's ports: it has an interface with user
    networking, and no address on a network of the host."""
    there = any(nic.has_user_networking for nic in spec.nics)
    return there and not guest.identity.addresses()


def by_pf(guest: Guest, spec: GuestSpec) -> bool:
    """Return whether the guest exposes ports by rules of pf(4)."""
    return bool(spec.expose) and not by_bhyve(guest, spec)


def hostfwd(one: Expose, default: str = ANY) -> list[str]:
    """Return the rules of bhyve's `hostfwd` for a port that bhyve forwards. Without an address, the
    guest is the one that DHCP gave. `default` is the host's address where the port names none."""
    return [
        f"{one.protocol}:{one.on or default}:{port}-:{inner}"
        for port, inner in zip(one.ports, one.guest_ports, strict=True)
    ]


def first_card(spec: GuestSpec) -> int:
    """Return the number of the first interface with user networking, which has the ports."""
    return next(n for n, nic in enumerate(spec.nics) if nic.has_user_networking)


def is_closed(spec: GuestSpec) -> bool:
    """Return whether that interface is not open."""
    return not spec.nics[first_card(spec)].is_open


def is_heard(one: Expose, listeners: Iterable[Listener]) -> bool:
    """Return whether a helper of bhyve listens on a port."""
    ports = {heard.port for heard in listeners if heard.of_guest and heard.protocol == one.protocol}
    return ports.issuperset(one.ports)


def refuse_by_hostfwd(name: str, wanted: Iterable[Expose], at: str = "expose") -> None:
    """Raises UsageError for ports that bhyve's user networking cannot forward (slirp-helper.c)."""
    wanted = list(wanted)
    for one in wanted:
        if one.source is not None or (one.on is not None and one.on.version == 6):
            raise UsageError(
                f"{name}: {at}: {one}: user networking forwards IPv4, and from every address",
                "omit the source, and name an IPv4 address of the host; or use a network",
            )
    if sum(len(one.ports) for one in wanted) > MOST_FORWARDS:
        raise UsageError(
            f"{name}: {at}: user networking forwards {MOST_FORWARDS} ports at most",
            "expose fewer, or use a network",
        )


def taken(fs: Fs, found: Inventory, names: Iterable[str]) -> Taken:
    """The ports of the host that guests use; those of a file that cannot be read are none."""
    every: dict[str, Sequence[Expose]] = {}
    for name in names:
        with contextlib.suppress(BsdvirtError):
            home = found.home(name)
            text = guest_text(fs, home, name)
            if "expose" in text or "forward" in text:
                every[name] = load_guest_file(fs, home, name).host_ports
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
                if one.clashes(clash) and not _apart(one, clash):
                    raise ConflictError(
                        f"{name}: {one} clashes with {clash} of {other}", "choose another port"
                    )


def _apart(one: Expose, other: Expose) -> bool:
    """Return whether one is of 127.0.0.1, and the other of the address of the default route. Where
    bhyve forwards both, a start compares their ports."""
    return any(a.on is None and b.on == LOCALHOST for a, b in ((one, other), (other, one)))


def refuse_hosts(host: Host, name: str, wanted: Sequence[Expose], facts: PfFacts | None) -> None:
    """Raises ConflictError where a service of the host's own waits on one of the ports: it
    would hear no more from outside. NotFoundError for an address that the host has not. Without
    facts, bhyve itself listens: on every IPv4 address, unless one is named."""
    if not wanted:
        return
    faces = read_interfaces(host)
    own = {text.split("/")[0]: face.name for face in faces.values() for text in face.addresses}
    outer = {text for text in own if ":" not in text}
    if facts is not None:
        outer = {text.split("/")[0] for i in facts.egress.values() for text in faces[i].addresses}
    for one in wanted:
        if one.on is not None and str(one.on) not in own:
            raise NotFoundError(f"{name}: {one}: this host has no address {one.on}", "ifconfig")
    for listener in read_listeners(host):
        if listener.of_guest:
            continue
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
    facts: PfFacts | None,
    planned: Taken | None = None,
) -> None:
    """Raises ConflictError and NotFoundError where another guest, or the host, has a port that a
    guest is to expose; UsageError for one that cannot be forwarded. Without facts, bhyve itself
    forwards them. `planned` is what those will expose whose change is planned already. The
    allocation lock is held."""
    if facts is None:
        refuse_by_hostfwd(name, spec.expose)
    names = [other for other in found.guests if other != name]
    others = {**taken(host.fs, found, names), **(planned or {})}
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
    running |= {name for name in found.guests if fs.exists(bhyve_conf(name))}
    have = dict(taken(fs, found, running.intersection(found.guests)))
    wrong: dict[str, ConflictError] = {}
    for name, (_, spec) in sorted(parts.items()):
        theirs = {other: ports for other, ports in have.items() if other != name}
        try:
            refuse_taken(name, spec.expose, theirs)
            have[name] = spec.host_ports
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


def live_steps(guest: Guest, spec: GuestSpec, facts: PfFacts | None) -> list[Step]:
    """From what a running guest exposes to what it is to; none where bhyve forwards its ports."""
    return rules_of(guest, spec, facts).steps(facts) if facts is not None else []


def live_notes(spec: GuestSpec, guest: Guest, facts: PfFacts | None) -> tuple[str, ...]:
    """What keeps a running guest from being reached at ports that were changed."""
    if facts is None:
        return (f"bhyve(8) forwards its ports {LATER}",)
    return notes(spec, guest, facts)


def notes(spec: GuestSpec, guest: Guest, facts: PfFacts | None) -> tuple[str, ...]:
    """What keeps it from being reached."""
    if facts is None or not by_pf(guest, spec):
        return ()
    kinds = {6 if ":" in text else 4 for text in guest.identity.addresses()}
    if not kinds:
        return ("it has no address that its ports could lead to",)
    why, advice = pf.why_inactive(facts, kinds)
    if why:
        return (f"its ports are not reached from outside: {why} ({advice})",)
    why, advice = pf.why_blocked(facts)
    return (f"its ports may not be reached: {why} ({advice})",) if why else ()
