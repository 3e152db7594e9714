"""Facts about the host: each is one command, regardless of the number of guests."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.errors import HostError
from bsdvirt.facts import ifconfig, jls, mount, rctl
from bsdvirt.facts.ifconfig import Interface, read_interfaces
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.facts.mount import Mount, fstab_places, read_mounts
from bsdvirt.facts.rctl import Rule, read_rules
from bsdvirt.facts.sysctl import KERNEL, read_sysctl
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural
from bsdvirt.spec.types import CpuList

MOST_RULESETS = 8
"""Limit of nested ruleset includes."""
LOOKS = (jls.ALL, ifconfig.ALL, mount.ALL, rctl.ALL)
"""The commands of read_host()."""


class Kernel(Struct, frozen=True):
    """Features of the kernel."""

    release: str
    """Release of the kernel, as uname -r prints it, such as 13.2-RELEASE-p4."""
    cpus: int
    racct: bool
    vimage: bool
    params: frozenset[str] = frozenset()
    """Known jail parameters; a module may add more."""
    meta: int = 0
    """Size of a jail's parameters meta and env, in bytes; 0 if the kernel lacks them."""
    forwards: bool = True
    """IPv4 is forwarded between its interfaces."""


class HostFacts(Struct, frozen=True):
    """Facts that planning for jails needs, besides ZFS."""

    jails: dict[str, JailFact] = field(default_factory=dict)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    files: frozenset[str] = frozenset()
    """Full paths of the files in the requested directories."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Contents of the .conf files among them, by path: the configurations of starts."""
    fstab: frozenset[str] = frozenset()
    """Mount points in the host's fstab(5)."""
    processes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Processes in jails, by jid; only doctor reads them."""


def read_mask(host: Host, jail: str) -> CpuList:
    """Return the CPUs of a running jail. Raises CommandError if there is none of that name."""
    return parse_mask(host.run((tools.CPUSET, "-g", "-j", jail), changes=False).check().stdout)


def parse_mask(shown: str) -> CpuList:
    """Parse what cpuset -g prints: the CPUs, then where memory goes (captures/04 and 05)."""
    first, *more = shown.splitlines()
    cpus = CpuList.parse(first.partition("mask: ")[2].replace(" ", ""))
    policy, _, domains = "".join(more[:1]).partition("policy: ")[2].partition(" mask: ")
    return cpus.with_memory(f"{policy}:{domains.replace(' ', '')}") if domains else cpus


FSTAB = "/etc/fstab"


def read_host(host: Host, *directories: str) -> HostFacts:
    """Return the facts for jails: four commands; reading `directories` needs none."""
    files = [f"{path}/{name}" for path in directories for name in host.fs.listdir(path)]
    return HostFacts(
        jails=read_jails(host),
        interfaces=read_interfaces(host),
        mounts=read_mounts(host),
        rules=read_rules(host),
        files=frozenset(files),
        texts={name: host.fs.read_or(name) for name in files if name.endswith(".conf")},
        fstab=fstab_places(_fstab(host)),
    )


def _fstab(host: Host) -> str:
    try:
        return host.fs.read_or(FSTAB)
    except (OSError, ValueError, HostError):
        # No line of it that anybody could read.
        return ""


def read_kernel(host: Host, *, params: bool = False) -> Kernel:
    """Return the features of the kernel; `params` also reads the jail parameters, by one more
    command."""
    shown = read_sysctl(host, *KERNEL)
    names = ""
    if params:
        names = host.run((tools.SYSCTL, "-N", "security.jail.param"), changes=False).stdout
    return Kernel(
        release=shown.get("kern.osrelease", ""),
        cpus=natural(shown.get("hw.ncpu", "")) or 1,
        racct=shown.get("kern.racct.enable") == "1",
        vimage=shown.get("kern.features.vimage") == "1",
        forwards=shown.get("net.inet.ip.forwarding") != "0",
        meta=natural(shown.get("security.jail.meta_maxbufsize", "")) or 0,
        params=frozenset(line.removeprefix("security.jail.param.") for line in names.splitlines()),
    )


def may_filter_vlans(host: Host) -> bool:
    """Whether bridge(4) can filter VLANs, by a setting that came with it; true if the module, which
    ifconfig(8) loads, is not loaded yet."""
    names = ("net.link.bridge.pfil_member", "net.link.bridge.member_ifaddrs")
    shown = read_sysctl(host, *names)
    older, newer = (name in shown for name in names)
    return newer or not older


def read_platform(host: Host) -> tuple[str, str]:
    """Return hw.machine and hw.machine_arch. Raises HostError if they are unknown."""
    shown = read_sysctl(host, "hw.machine", "hw.machine_arch")
    machine, arch = shown.get("hw.machine", ""), shown.get("hw.machine_arch", "")
    if not machine or not arch:
        raise HostError("the architecture is unknown", "sysctl hw.machine")
    return machine, arch


def ruleset_exists(host: Host, ruleset: int) -> bool:
    """Return the existing rulesets. A ruleset that does not exist prints nothing, with exit status
    0, and would hide nothing (captures/04)."""
    argv = (tools.DEVFS, "rule", "-s", str(ruleset), "show")
    return bool(host.run(argv, changes=False).stdout.strip())


def ruleset_shows(host: Host, ruleset: int, device: str) -> bool:
    """Whether a ruleset shows a device: rules apply in order, with those of included rulesets
    (devfs(8), captures/04)."""
    return _shows(host, ruleset, device, True, 0)


def _shows(host: Host, ruleset: int, device: str, shown: bool, depth: int) -> bool:
    argv = (tools.DEVFS, "rule", "-s", str(ruleset), "show")
    for line in host.run(argv, changes=False).stdout.splitlines():
        words = line.split()[1:]
        if words[:1] == ["include"] and depth < MOST_RULESETS:
            shown = _shows(host, int(words[1]), device, shown, depth + 1)
        elif words[:1] == ["path"] and not fnmatch.fnmatchcase(device, words[1].strip("'")):
            continue
        elif "unhide" in words:
            shown = True
        elif "hide" in words:
            shown = False
    return shown
