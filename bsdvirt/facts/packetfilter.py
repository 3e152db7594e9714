"""The state of the host's packet filter and of its default routes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from bsdvirt.errors import HostError
from bsdvirt.facts import pfctl
from bsdvirt.facts.sysctl import FORWARDING, KERNEL, KERNEL_LOOK, read_sysctl, read_sysrc
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.layout import PF_DIRECTORY

ANCHOR = "bsdvirt"
"""The anchor above all rules of bsdvirt."""
GATEWAY = {4: "gateway_enable", 6: "ipv6_gateway_enable"}
CALLS = ("nat-anchor", "rdr-anchor")
"""The rules by which the main ruleset calls bsdvirt's anchors."""
ROUTES = {
    4: (tools.ROUTE, "-n", "get", "default"),
    6: (tools.ROUTE, "-n", "get", "-inet6", "default"),
}
INFO = (tools.PFCTL, "-s", "info")
TRANSLATION = (tools.PFCTL, "-s", "nat")
ANCHORS = (tools.PFCTL, "-a", ANCHOR, "-s", "Anchors")
LOOKS = (*ROUTES.values(), KERNEL_LOOK, INFO, TRANSLATION, ANCHORS)
"""The commands of read_pf(), where there is a packet filter."""


class PfFacts(Struct, frozen=True):
    """The packet filter, as networks and guests need it."""

    there: bool = False
    """pf(4) is loaded."""
    enabled: bool = False
    calls: bool = False
    """The main rules call bsdvirt's anchors for translation."""
    anchors: frozenset[str] = frozenset()
    """Anchors of bsdvirt with rules, such as net-private."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Rules that each was loaded with, by name."""
    egress: Mapping[int, str] = field(default_factory=dict)
    """Interface of the default route, by address family."""
    forwards: frozenset[int] = frozenset()
    """Address families that the host forwards."""
    filtered: bool = False
    """The host's own filter rules decide about exposed ports."""
    blocked: bool = False
    """The main filter rules block, and do not call bsdvirt's anchors; read only if exposed ports
    are filtered."""
    conf: str = "/etc/pf.conf"
    """File of the main rules. This and the next two are read only if something above is missing."""
    conf_calls: bool = False
    """The file calls bsdvirt's anchors."""
    at_boot: bool = False
    """rc.conf(5) starts pf(4) at boot."""


def read_loaded(host: Host, *, filtered: bool = False) -> PfFacts:
    """Return the state of the packet filter, and the rules that bsdvirt loaded into it."""
    names = [file for file in host.fs.listdir(PF_DIRECTORY) if file.endswith(".conf")]
    files = {
        name.removesuffix(".conf"): host.fs.read_or(f"{PF_DIRECTORY}/{name}") for name in names
    }
    return read_pf(host, files, filtered=filtered)


def read_pf(host: Host, files: Mapping[str, str], *, filtered: bool = False) -> PfFacts:
    """At most seven commands; the caller has read the files of rules."""
    egress = {}
    for version, argv in ROUTES.items():
        shown = host.run(argv, changes=False)
        if shown.status == 0 and (interface := pfctl.route_interface(shown.stdout)):
            egress[version] = interface
    known = read_sysctl(host, *KERNEL)
    forwards = frozenset(v for v, name in FORWARDING.items() if known.get(name) == "1")
    info = host.run(INFO, changes=False)
    if info.status != 0:
        return _with_conf(
            host, PfFacts(files=files, egress=egress, forwards=forwards, filtered=filtered)
        )
    main = host.run(TRANSLATION, changes=False).stdout
    # It fails where there is no such anchor.
    beneath = host.run(ANCHORS, changes=False).stdout
    blocked = False
    if filtered:
        rules = host.run((tools.PFCTL, "-s", "rules"), changes=False).stdout
        blocked = pfctl.blocks(rules) and not pfctl.calls(rules, "anchor", ANCHOR)
    facts = PfFacts(
        there=True,
        enabled=pfctl.enabled(info.stdout),
        calls=all(pfctl.calls(main, kind, ANCHOR) for kind in CALLS),
        anchors=pfctl.anchors(beneath, ANCHOR),
        files=files,
        egress=egress,
        forwards=forwards,
        filtered=filtered,
        blocked=blocked,
    )
    return facts if facts.enabled and facts.calls else _with_conf(host, facts)


def _with_conf(host: Host, facts: PfFacts) -> PfFacts:
    """Add what the file of rules and rc.conf(5) say."""
    settings = read_sysrc(host, "pf_rules", "pf_enable")
    conf = settings.get("pf_rules") or facts.conf
    on = settings.get("pf_enable", "").upper() == "YES"
    return replace(facts, conf=conf, conf_calls=_file_calls(_read(host, conf)), at_boot=on)


def _read(host: Host, path: str) -> str:
    """Return the text of a file; empty if it cannot be read."""
    with contextlib.suppress(OSError, ValueError, HostError):
        return host.fs.read_or(path)
    return ""


def _file_calls(text: str) -> bool:
    """Whether a file of main rules calls bsdvirt's anchors."""
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    return all(any(words[:2] == [kind, f'"{ANCHOR}/*"'] for words in lines) for kind in CALLS)


class FirewallFacts(Struct, frozen=True):
    """Facts that decide whether bsdvirt may set up the packet filter."""

    conf: bool = False
    """A file of rules exists: /etc/pf.conf, or the one in rc.conf."""
    conf_name: str = "/etc/pf.conf"
    conf_text: str = ""
    """Contents of the file."""
    rules: bool = False
    """pf has main rules other than calls of bsdvirt's anchors."""
    others: tuple[str, ...] = ()
    """Other packet filters, loaded or enabled at boot."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """rc.conf: pf_enable, gateway_enable, ipv6_gateway_enable, and those of other filters."""
    forwards: frozenset[int] = frozenset()
    """Address families that the host forwards after its next boot."""

    @property
    def calls(self) -> bool:
        """The file of rules calls bsdvirt's anchors."""
        return _file_calls(self.conf_text)

    @property
    def at_boot(self) -> bool:
        """rc.conf(5) starts pf(4) at boot."""
        return self.settings.get("pf_enable", "").upper() == "YES"


OTHERS = (("ipfw", "ipfw", "firewall_enable"), ("ipfilter", "ipl", "ipfilter_enable"))
"""Other packet filters: the name, the module, and the variable of rc.conf(5)."""


def read_firewall(host: Host) -> FirewallFacts:
    """Return these facts: five commands."""
    known = read_at_boot(host)
    others = tuple(
        name
        for name, module, enable in OTHERS
        if known.settings.get(enable, "").upper() == "YES"
        or host.run((tools.KLDSTAT, "-q", "-m", module), changes=False).status == 0
    )
    texts = [host.run((tools.PFCTL, "-s", kind), changes=False) for kind in ("nat", "rules")]
    loaded = [line for shown in texts if shown.status == 0 for line in pfctl.rules(shown.stdout)]
    rules = not all(any(pfctl.calls(rule, kind, ANCHOR) for kind in CALLS) for rule in loaded)
    return replace(known, rules=rules, others=others)


def read_at_boot(host: Host) -> FirewallFacts:
    """Return those of these facts that are set up for the next boot: one command."""
    filters = (enable for _, _, enable in OTHERS)
    names = ("pf_enable", *GATEWAY.values(), "pf_rules", *filters)
    settings = read_sysrc(host, *names)
    conf = settings.pop("pf_rules", "") or "/etc/pf.conf"
    return FirewallFacts(
        conf=host.fs.exists(conf) if conf.startswith("/") else True,
        conf_name=conf,
        conf_text=_read(host, conf) if conf.startswith("/") else "",
        settings=settings,
        forwards=_lasting(host, settings),
    )


def _lasting(host: Host, settings: Mapping[str, str]) -> frozenset[int]:
    """Return the address families that rc.conf(5) or sysctl.conf(5) forwards."""
    text = "".join(_read(host, f"/etc/sysctl.conf{more}") for more in ("", ".local"))
    lines = ["".join(line.partition("#")[0].split()) for line in text.splitlines()]
    return frozenset(
        version
        for version, name in FORWARDING.items()
        if settings.get(GATEWAY[version], "").upper() == "YES" or f"{name}=1" in lines
    )


def read_listeners(host: Host) -> list[pfctl.Listener]:
    """Return the host's listening sockets."""
    shown = host.run((tools.SOCKSTAT, "-46lq"), changes=False)
    return pfctl.listeners(shown.stdout)
