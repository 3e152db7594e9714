"""pf(4) and forwarding set up, where nobody has set up anything of the kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bsdvirt.host import tools
from bsdvirt.host.packetfilter import ANCHOR, FORWARDING, FirewallFacts, PfFacts
from bsdvirt.host.parse.ifconfig import Interface
from bsdvirt.net.pf import forwarding_advice, setup_advice
from bsdvirt.plan.step import Command, RemoveFile, Step, Undo, WriteFile

PF_CONF = "/etc/pf.conf"
TEXT = f"""\
# Written by bsdvirt, since there was none. It filters nothing: all passes, as without
# pf(4). Add what you like; bsdvirt never writes this file again, and needs just these:
nat-anchor "{ANCHOR}/*"
rdr-anchor "{ANCHOR}/*"
"""
GATEWAY = {4: "gateway_enable", 6: "ipv6_gateway_enable"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What is done so that translation works, what pf(4) is then, and what is left to do
    by hand."""

    steps: tuple[Step, ...]
    facts: PfFacts
    advice: tuple[str, ...] = ()


def setup(
    facts: PfFacts,
    firewall: FirewallFacts,
    interfaces: Iterable[Interface],
    versions: Iterable[int],
) -> Setup:
    """Set up what is not: pf(4) only where there is no file of rules, no rule loaded and
    no other packet filter; else nothing is touched, and the advice says what to add."""
    wanted = sorted(set(versions))
    steps: list[Step] = []
    if not (facts.calls and facts.enabled):
        if reason := _not_ours(firewall):
            return Setup((), facts, (f"{reason}: {setup_advice(facts, wanted)}",))
        steps += _pf_steps(facts, firewall)
        facts = replace(facts, there=True, enabled=True, calls=True)
    advice = []
    for version in wanted:
        if version in facts.forwards:
            continue
        if version == 6 and (heard := _hears_routers(interfaces)):
            advice.append(
                f"IPv6 is not forwarded, and {heard} takes its address and its router from"
                f" router advertisements, which a router ignores: {forwarding_advice([6])}, once"
                f" {heard} has both from rc.conf"
            )
            continue
        steps += _forwarding_steps(version, firewall)
        facts = replace(facts, forwards=facts.forwards | {version})
    return Setup(tuple(steps), facts, tuple(advice))


def _not_ours(firewall: FirewallFacts) -> str:
    """Why pf(4) is somebody else's to set up; empty where it is nobody's."""
    if firewall.others:
        return f"{' and '.join(firewall.others)} is this host's packet filter"
    if firewall.conf or firewall.conf_name != PF_CONF:
        return f"{firewall.conf_name} is yours"
    return "pf(4) has rules of yours" if firewall.rules else ""


def _hears_routers(interfaces: Iterable[Interface]) -> str:
    return next((face.name for face in interfaces if "ACCEPT_RTADV" in face.nd6), "")


def _pf_steps(facts: PfFacts, firewall: FirewallFacts) -> Iterator[Step]:
    yield Step(
        WriteFile(PF_CONF, TEXT),
        f"{PF_CONF}, which only calls bsdvirt's anchors",
        undo=(Undo(RemoveFile(PF_CONF)),),
        durable=True,
    )
    if not facts.there:
        yield Step(Command((tools.KLDLOAD, "-n", "pf")), "pf(4)")
    # There are no rules: those that are loaded, and taken back, are these.
    yield Step(
        Command((tools.PFCTL, "-f", PF_CONF)),
        "its rules",
        undo=(Undo(Command((tools.PFCTL, "-F", "nat"), ok=(0, 1))),),
    )
    if not facts.enabled:
        yield Step(
            Command((tools.PFCTL, "-e")),
            "pf(4) enabled",
            undo=(Undo(Command((tools.PFCTL, "-d"), ok=(0, 1))),),
        )
    yield from _rc_steps("pf_enable", firewall)


def _forwarding_steps(version: int, firewall: FirewallFacts) -> Iterator[Step]:
    name = FORWARDING[version]
    yield Step(
        Command((tools.SYSCTL, f"{name}=1")),
        f"IPv{version} forwarded between the host's interfaces",
        undo=(Undo(Command((tools.SYSCTL, f"{name}=0"))),),
    )
    yield from _rc_steps(GATEWAY[version], firewall)


def _rc_steps(name: str, firewall: FirewallFacts) -> Iterator[Step]:
    before = firewall.settings.get(name, "")
    if before.upper() == "YES":
        return
    # What sysrc(8) tells may be the default, of which there is nothing to remove.
    yield Step(
        Command((tools.SYSRC, f"{name}=YES")),
        f"{name}=YES in rc.conf",
        undo=(Undo(Command((tools.SYSRC, "-x", name), ok=(0, 1))),),
        durable=True,
    )
