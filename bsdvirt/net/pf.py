"""Rules of pf(4) in bsdvirt's anchors: NAT of a network, exposed ports of a guest. Pure.

Only rules below the anchor `bsdvirt` are loaded or flushed: translation, and filter rules that pass
redirected connections. The administrator's rules are never changed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from bsdvirt.facts.packetfilter import ANCHOR, PfFacts
from bsdvirt.host import tools
from bsdvirt.layout import PF_DIRECTORY, guest_rules, network_rules, pf_file
from bsdvirt.plan.step import Command, FileExists, MakeDirectory, RemoveFile, Step, Undo, WriteFile
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.network import Network

FAMILY = {4: "inet", 6: "inet6"}


class Rules(Struct, frozen=True):
    """The rules that an anchor should have."""

    name: str
    subject: str
    text: str
    why: str

    def steps(self, facts: PfFacts) -> list[Step]:
        """Load rules that are not loaded."""
        return list(load_steps(self.name, self.text, facts, self.why))


def network_text(name: str, network: Network, facts: PfFacts) -> str:
    """Return the rules of a network with `nat`; empty if there never was a default route. pf looks
    the interface's address up for each packet, so that a new lease needs no change; `:0` excludes
    aliases, which may belong to a service."""
    ways = _ways(network_rules(name), facts)
    lines = [
        f"nat on {ways[net.version]} {FAMILY[net.version]} from {net} to any"
        f" -> ({ways[net.version]}:0)"
        for net in (network.translated() if network.nat else ())
        if net.version in ways
    ]
    return _file(f"network {name}", lines)


_WAYS = re.compile(r"^(?:nat on|rdr) .*\b(inet6?) .*\((\S+):0\)", re.MULTILINE)


def _ways(rules: str, facts: PfFacts) -> dict[int, str]:
    """Return the interface of the default route, by address family. Without a default route it is
    that of the rules that are loaded: these do no harm, and work again as soon as a lease brings
    the route back."""
    families = {word: version for version, word in FAMILY.items()}
    loaded = _WAYS.findall(facts.files.get(rules, ""))
    return {families[family]: interface for family, interface in loaded} | dict(facts.egress)


def guest_text(
    name: str, exposes: Iterable[Expose], addresses: Iterable[str], facts: PfFacts
) -> str:
    """Return the rules of a guest's exposed ports, for both address families. By default they are
    bound to the address of the default route, never to all addresses. Not on lo0: the host's own
    connections could not be answered. If filtered, redirected connections are tagged, and the
    filter rule passes just these: neither direct connections to the guest's address, nor what a
    later rule of the host blocks."""
    ways = _ways(guest_rules(name), facts)
    inner: dict[int, str] = {}
    for text in addresses:
        address = ipaddress.ip_interface(text).ip
        inner.setdefault(address.version, str(address))
    lines, passed = [], []
    way, tag = ("rdr", f" tag {ANCHOR}") if facts.filtered else ("rdr pass", "")
    for expose in exposes:
        source = expose.source
        for version, target in inner.items():
            if source is not None and source.version != version:
                continue
            outer = _outer(expose, version, ways)
            if not outer:
                continue
            what = f"{FAMILY[version]} proto {expose.protocol} from {source or 'any'}"
            inside = f"{target} port {_ports(expose.guest_ports)}"
            lines.append(
                f"{way} on ! lo0 {what} to {outer} port {_ports(expose.ports)}{tag} -> {inside}"
            )
            if facts.filtered:
                passed.append(f"pass {what} to {inside} tagged {ANCHOR}")
    # Translation comes before filtering in a file of rules.
    return _file(f"guest {name}", [*lines, *passed])


def _outer(expose: Expose, version: int, ways: Mapping[int, str]) -> str:
    """Return the host's address that a port is bound to; empty if it has none of that family."""
    if expose.on is not None:
        return str(expose.on) if expose.on.version == version else ""
    return f"({ways[version]}:0)" if version in ways else ""


def _ports(ports: range) -> str:
    return f"{ports[0]}" if len(ports) == 1 else f"{ports[0]}:{ports[-1]}"


def _file(of: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in (f"# {of}, by bsdvirt", *lines)) if lines else ""


def is_loaded(rules: str, text: str, facts: PfFacts) -> bool:
    """Whether the anchor has these rules, by its file."""
    return (rules in facts.anchors) == bool(text) and facts.files.get(rules, "") == text


def load_steps(rules: str, text: str, facts: PfFacts, why: str) -> Iterator[Step]:
    """Load these rules into the anchor, if it differs and pf(4) is available."""
    if not facts.there or is_loaded(rules, text, facts):
        return
    before = facts.files.get(rules)
    if not text:
        yield from unload_steps(rules, why, before)
        return
    yield Step(
        MakeDirectory(PF_DIRECTORY, 0o700), "rules of pf(4)", unless=FileExists(PF_DIRECTORY)
    )
    yield Step(
        WriteFile(pf_file(rules), text, 0o600),
        f"{why}: its rules",
        undo=_back(rules, before),
    )
    yield Step(Command(load(rules)), why)


def unload_steps(rules: str, why: str, before: str | None = None) -> Iterator[Step]:
    """Flush the anchor. `before` are its rules, for the undo."""
    undo = _back(rules, before) if before is not None else ()
    # What it was loaded with is not known here where it is to be cleaned up.
    for kind in ("rules", "nat") if before is None or _filters(before) else ("nat",):
        yield Step(Command(flush(rules, kind), ok=(0, 1)), f"{why}: unloaded", undo=undo)
        undo = ()
    yield Step(RemoveFile(pf_file(rules)), "its rules")


def _back(rules: str, before: str | None) -> tuple[Undo, ...]:
    if before is None:
        flushed = (Undo(Command(flush(rules, kind), ok=(0, 1))) for kind in ("rules", "nat"))
        return (*flushed, Undo(RemoveFile(pf_file(rules))))
    return (Undo(WriteFile(pf_file(rules), before, 0o600)), Undo(Command(load(rules), ok=(0, 1))))


def load(rules: str) -> tuple[str, ...]:
    return (tools.PFCTL, "-a", f"{ANCHOR}/{rules}", "-f", pf_file(rules))


def flush(rules: str, kind: str) -> tuple[str, ...]:
    """Flush the rules of an anchor: its filter `rules`, or `nat`, all translation rules."""
    return (tools.PFCTL, "-a", f"{ANCHOR}/{rules}", "-F", kind)


def _filters(text: str) -> bool:
    return any(line.startswith("pass ") for line in text.splitlines())


def why_blocked(facts: PfFacts) -> tuple[str, str]:
    """Return why the host's filter rules may block exposed ports, and what to do; empty if they do
    not."""
    if not (facts.filtered and facts.blocked):
        return "", ""
    return (
        f"the filter rules of {facts.conf} block, and do not call bsdvirt's anchors",
        f'add to {facts.conf}, where filter rules go: anchor "{ANCHOR}/*"; then service pf'
        " reload; or pass them by a rule of your own",
    )


def why_inactive(facts: PfFacts, versions: Iterable[int]) -> tuple[str, str]:
    """Return why bsdvirt's rules have no effect for these address families, and what to do; empty
    if they have."""
    wanted = sorted(set(versions))
    if not (facts.there and facts.calls and facts.enabled):
        return _why_off(facts, wanted)
    usable = [version for version in wanted if version in facts.egress]
    if not usable:
        return "there is no default route", "route -n get default"
    still = [version for version in usable if version not in facts.forwards]
    if still:
        families = " and ".join(f"IPv{version}" for version in still)
        return f"{families} is not forwarded", forwarding_advice(still)
    return "", ""


def _why_off(facts: PfFacts, versions: Iterable[int]) -> tuple[str, str]:
    """Return what is missing for pf(4) itself, if most of it is set up."""
    start = "service pf start" if facts.at_boot else "sysrc pf_enable=YES, and service pf start"
    if facts.conf_calls or facts.calls:
        if not facts.there:
            return "pf(4) is not loaded", start
        if not facts.enabled:
            return "pf(4) is disabled", start
        return f"pf(4) has not the rules of {facts.conf}", "service pf reload"
    if not facts.there:
        return "pf(4) is not loaded", setup_advice(facts, versions)
    if facts.at_boot and facts.enabled:
        lines = "; ".join(anchor_lines())
        return (
            f"{facts.conf} does not call bsdvirt's anchors",
            f"add to {facts.conf}, where translation rules go: {lines}; then service pf reload",
        )
    return "the rules of pf(4) do not call bsdvirt's anchors", setup_advice(facts, versions)


def anchor_lines() -> list[str]:
    return [f'{kind} "{ANCHOR}/*"' for kind in ("nat-anchor", "rdr-anchor")]


def setup_advice(facts: PfFacts, versions: Iterable[int]) -> str:
    """Return the advice for a host with its own rules or packet filter."""
    lines = "; ".join(anchor_lines())
    words = [
        f"add to {facts.conf}, where translation rules go: {lines}",
        "then sysrc pf_enable=YES and service pf start (or reload)",
    ]
    still = [version for version in versions if version not in facts.forwards]
    return "; ".join([*words, forwarding_advice(still)] if still else words)


def forwarding_advice(versions: Iterable[int]) -> str:
    words = {
        4: "sysrc gateway_enable=YES and sysctl net.inet.ip.forwarding=1",
        6: "sysrc ipv6_gateway_enable=YES and sysctl net.inet6.ip6.forwarding=1",
    }
    return ", ".join(words[version] for version in versions)
