"""Set up pf(4) and forwarding on a host without a packet filter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.packetfilter import ANCHOR, GATEWAY, FirewallFacts, PfFacts
from bsdvirt.facts.sysctl import FORWARDING
from bsdvirt.host import tools
from bsdvirt.net.pf import anchor_lines, forwarding_advice, setup_advice
from bsdvirt.plan.step import Command, RemoveFile, Step, Undo, WriteFile

PF_CONF = "/etc/pf.conf"
TEXT = f"""\
# Written by bsdvirt, since there was none. It filters nothing: all passes, as without
# pf(4). Add what you like; bsdvirt never writes this file again, and needs just these:
nat-anchor "{ANCHOR}/*"
rdr-anchor "{ANCHOR}/*"
"""


class Setup(Struct, frozen=True):
    """Steps that set up NAT, the state of pf(4) after them, and what is left to do manually."""

    steps: tuple[Step, ...]
    facts: PfFacts
    advice: tuple[str, ...] = ()
    until_boot: tuple[str, ...] = ()
    """Return why the setup does not survive the next boot, and what to do."""


def setup(
    facts: PfFacts,
    firewall: FirewallFacts,
    interfaces: Iterable[Interface],
    versions: Iterable[int],
) -> Setup:
    """Return the setup: pf(4) only if there is no file of rules, no loaded rule and no other
    packet filter; otherwise nothing is changed, and the advice says what to add. Files and
    rc.conf(5) decide, not the running state, which may be left of an unfinished setup and undone
    after a boot."""
    wanted = sorted(set(versions))
    steps: list[Step] = []
    later: list[tuple[str, str]] = []
    runs = facts.calls and facts.enabled
    if not (runs and firewall.calls and firewall.at_boot):
        reason = _not_ours(firewall)
        if reason and not runs:
            return Setup((), facts, (f"{reason}: {setup_advice(facts, wanted)}",))
        if reason:
            later += not_at_boot(firewall)
        else:
            steps += _pf_steps(facts, firewall)
            facts = replace(facts, there=True, enabled=True, calls=True)
    advice = []
    for version in wanted:
        if version in facts.forwards & firewall.forwards:
            continue
        if version == 6 and (heard := _hears_routers(interfaces)):
            if version in facts.forwards:
                later += not_forwarded_at_boot(firewall, [version])
                continue
            advice.append(
                f"IPv6 is not forwarded, and {heard} takes its address and its router from"
                f" router advertisements, which a router ignores: {forwarding_advice([6])}, once"
                f" {heard} has both from rc.conf"
            )
            continue
        steps += _forwarding_steps(version, facts, firewall)
        facts = replace(facts, forwards=facts.forwards | {version})
    told = tuple(f"{why}: {remedy}" for why, remedy in later)
    return Setup(tuple(steps), facts, tuple(advice), told)


def not_at_boot(firewall: FirewallFacts) -> Iterator[tuple[str, str]]:
    """Return why pf(4) will not call bsdvirt's anchors after the next boot, and what to do."""
    if not firewall.calls:
        lines = "; ".join(anchor_lines())
        yield (
            f"{firewall.conf_name} does not call bsdvirt's anchors",
            f"add to {firewall.conf_name}, where translation rules go: {lines}",
        )
    if not firewall.at_boot:
        yield "rc.conf(5) does not start pf(4)", "sysrc pf_enable=YES"


def not_forwarded_at_boot(
    firewall: FirewallFacts, versions: Iterable[int]
) -> Iterator[tuple[str, str]]:
    """Return why the host will not forward after the next boot, and what to do."""
    for version in versions:
        if version not in firewall.forwards:
            yield (
                f"rc.conf(5) does not let the host forward IPv{version}",
                f"sysrc {GATEWAY[version]}=YES",
            )


def _not_ours(firewall: FirewallFacts) -> str:
    """Return why bsdvirt must not set up pf(4); empty if it may."""
    if firewall.others:
        return f"{' and '.join(firewall.others)} is this host's packet filter"
    if firewall.conf_name != PF_CONF or (firewall.conf and firewall.conf_text != TEXT):
        return f"{firewall.conf_name} is yours"
    return "pf(4) has rules of yours" if firewall.rules else ""


def _hears_routers(interfaces: Iterable[Interface]) -> str:
    return next((face.name for face in interfaces if "ACCEPT_RTADV" in face.nd6), "")


def _pf_steps(facts: PfFacts, firewall: FirewallFacts) -> Iterator[Step]:
    if firewall.conf_text != TEXT:
        yield Step(
            WriteFile(PF_CONF, TEXT),
            f"{PF_CONF}, which only calls bsdvirt's anchors",
            undo=(Undo(RemoveFile(PF_CONF)),),
            durable=True,
        )
    if not facts.there:
        yield Step(Command((tools.KLDLOAD, "-n", "pf")), "pf(4)")
    if not facts.calls:
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


def _forwarding_steps(version: int, facts: PfFacts, firewall: FirewallFacts) -> Iterator[Step]:
    name = FORWARDING[version]
    if version not in facts.forwards:
        yield Step(
            Command((tools.SYSCTL, f"{name}=1")),
            f"IPv{version} forwarded between the host's interfaces",
            undo=(Undo(Command((tools.SYSCTL, f"{name}=0"))),),
        )
    if version not in firewall.forwards:
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
