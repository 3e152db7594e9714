"""What a jail's start sets right in its root and in what it says of itself: its own name in
/etc/hosts, its time zone, the release that its userland is of. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.facts.host import Kernel
from bsdvirt.guest.claims import Networks
from bsdvirt.guest.inventory import Guest
from bsdvirt.host.restore import Was
from bsdvirt.jail.datasets import needed_params
from bsdvirt.net import resolver, routing
from bsdvirt.plan.step import PutBack, RemoveFile, Step, Undo, WriteFile
from bsdvirt.spec.jail import NO_RELEASE, Jail
from bsdvirt.spec.params import check_params
from bsdvirt.spec.types import HOST_ZONE, CpuList

HOSTS = "etc/hosts"
LOCALTIME = "etc/localtime"
ZONES = "usr/share/zoneinfo"
MARK = "# bsdvirt: its own name"
LOOPBACK = "127.0.0.1"
LOCAL_DOMAIN = "localdomain"
"""Behind a name without a domain: sendmail(8) of 13 waits a minute, twice, at the start of a
host none of whose names has a dot (daemon.c)."""
_USERLAND = re.compile(
    r'^USERLAND_VERSION="(?P<name>(?P<major>\d+)\.(?P<minor>\d+)-[A-Za-z0-9.-]+)"$',
    re.MULTILINE,
)
_DATE = re.compile(r"^#define\s+__FreeBSD_version\s+(?P<date>\d{6,7})\b", re.MULTILINE)
_KERNEL = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)")
LONGEST = 31
"""OSRELEASELEN less the closing NUL."""
OWN_KEYS = "bsdvirt"
"""Begins the keys of `env` that a start sets."""


class OwnFacts(Struct, frozen=True):
    """What the host and a jail's root show of these."""

    etc: bool = False
    """The root has a directory /etc."""
    hosts: str | None = None
    """The text of its /etc/hosts, where that is a plain file."""
    hosts_there: bool = False
    """Something is in its place."""
    hosts_was: Was | None = None
    localtime: bool = False
    """Something is in the place of its /etc/localtime."""
    localtime_was: Was | None = None
    zone: str = ""
    """The host's time zone, by name; empty where the host does not say."""
    zones: frozenset[str] = frozenset()
    """Of the zones that may be wanted, those that its root knows."""
    version: str = ""
    """The text of its /bin/freebsd-version."""
    header: str = ""
    """The text of its sys/param.h."""


def steps(guest: Guest, jail: Jail, facts: OwnFacts) -> list[Step]:
    """The files in its root, each with its undo."""
    if not facts.etc:
        return []
    return [*_hosts_steps(guest, jail, facts), *_zone_steps(guest, jail, facts)]


def vmm_note(jail: Jail) -> tuple[str, ...]:
    """Return what is missing for virtual machines of the jail's own."""
    rules = "path 'vmm*' unhide, path 'vmm/*' unhide, path 'vmm.io/*' unhide, path 'nmdm*' unhide"
    return (
        f"devfs ruleset {jail.ruleset} hides /dev/vmm, so bhyve(8) makes no virtual machine in it:"
        f" write a ruleset in /etc/devfs.rules that has {rules}, and set devfs_ruleset",
    )


def notes(jail: Jail, facts: OwnFacts) -> tuple[str, ...]:
    """What is asked for, and cannot be had."""
    zone = str(jail.timezone)
    if zone == HOST_ZONE or zone in facts.zones:
        return ()
    return (f"timezone: its root has no /{ZONES}/{zone}",)


# ---- its name ----


def _hosts_steps(guest: Guest, jail: Jail, facts: OwnFacts) -> list[Step]:
    # A root from elsewhere has a file of its own, which is left alone unless it is asked for.
    wanted_for = jail.hosts or ("own" if jail.release != NO_RELEASE else "keep")
    if wanted_for == "keep" or (facts.hosts is None and facts.hosts_there):
        return []
    name = str(jail.hostname or guest.name)
    wanted = hosts_text(facts.hosts or "", name, _addresses(guest))
    if wanted == facts.hosts:
        return []
    return [
        Step(
            WriteFile(HOSTS, wanted, beneath=guest.root),
            "its own host name, for its programs",
            undo=(_back(guest, HOSTS, facts.hosts_was),),
        )
    ]


def hosts_text(text: str, name: str, addresses: Iterable[str]) -> str:
    """A hosts(5) with a line of ours for each address; none where the file names it already."""
    lines = [line for line in text.splitlines() if not line.rstrip().endswith(MARK)]
    if any(name in line.partition("#")[0].split()[1:] for line in lines):
        return "".join(f"{line}\n" for line in lines)
    short = name.partition(".")[0]
    names = f"{name} {short}" if short != name else f"{name} {name}.{LOCAL_DOMAIN}"
    ours = [f"{address}\t{names}\t{MARK}" for address in addresses]
    return "".join(f"{line}\n" for line in (*lines, *ours))


def _addresses(guest: Guest) -> list[str]:
    """The first of each family."""
    plain = [text.partition("/")[0] for text in guest.identity.addresses()]
    first = {":" in text: text for text in reversed(plain)}
    return [first[six] for six in (False, True) if six in first] or [LOOPBACK]


def _back(guest: Guest, path: str, was: Was | None) -> Undo:
    return Undo(RemoveFile(path, guest.root) if was is None else PutBack(path, guest.root, was))


# ---- its time zone ----


def _zone_steps(guest: Guest, jail: Jail, facts: OwnFacts) -> list[Step]:
    """A link, as tzsetup(8) makes one, to the root's own data. The host's zone is given only
    to a jail that has none yet; what stands there is kept where it is no link of that kind."""
    zone, ours = str(jail.timezone), f"/{ZONES}/"
    if zone == HOST_ZONE:
        zone = "" if facts.localtime or jail.release == NO_RELEASE else facts.zone
    if not zone or zone not in facts.zones:
        return []
    if facts.localtime and facts.localtime_was is None:
        return []
    link = Was(f"{ours}{zone}".encode(), 0o755, 0, 0, link=True)
    had = facts.localtime_was
    if had is not None and had.link and had.data == link.data:
        return []
    return [
        Step(
            PutBack(LOCALTIME, guest.root, link),
            f"its time zone {zone}",
            undo=(_back(guest, LOCALTIME, had),),
        )
    ]


# ---- its release ----


def release_params(jail: Jail, facts: OwnFacts, kernel: str) -> list[tuple[str, str]]:
    """osrelease and osreldate of a userland that is older than the kernel: what uname(1) says,
    and so freebsd-update(8) and pkg(8). They can be set only when a jail is made."""
    if jail.userland != "freebsd" or {"osrelease", "osreldate"} & set(jail.params):
        return []
    own, running = _USERLAND.search(facts.version), _KERNEL.match(kernel)
    if own is None or running is None or len(own["name"]) > LONGEST:
        return []
    if _pair(own) >= _pair(running):
        return []
    found = [("osrelease", own["name"])]
    date = _DATE.search(facts.header)
    if date is not None and date["date"].startswith(own["major"]):
        found.append(("osreldate", date["date"]))
    return found


def userland(script: str) -> str:
    """Return the release and patch level in a freebsd-version(1); empty if it has none."""
    found = _USERLAND.search(script)
    return found["name"] if found else ""


def differs(version: str | None, kernel: str) -> str:
    """Return `older` or `newer` for a userland of another release than the kernel; else, or if its
    version is unknown, empty."""
    own, running = _KERNEL.match(version or ""), _KERNEL.match(kernel)
    if own is None or running is None or _pair(own) == _pair(running):
        return ""
    return "newer" if _pair(own) > _pair(running) else "older"


def newer_note(version: str, kernel: str) -> str:
    """Return what a userland that is newer than the kernel means."""
    return (
        f"its userland {version} is newer than this host's kernel {kernel}: programs may fail for"
        " lack of system calls"
    )


# ---- what is readable in it ----


def environment(guest: Guest, jail: Jail, room: int) -> list[tuple[str, str]]:
    """Return the keys of `env`, which the jail reads as security.jail.env: its name, its id, its
    networks and addresses. Those that its file sets are left out, and all if the kernel has no
    `room` for them."""
    identity = guest.identity
    pairs = [("name", guest.name), ("id", str(identity.id))]
    for index, claim in enumerate(identity.nics):
        pairs.append((f"nic{index}.network", str(claim.network)))
        if addresses := claim.addresses():
            pairs.append((f"nic{index}.addresses", ",".join(addresses)))
    keys = [(f"env.{OWN_KEYS}.{key}", value) for key, value in pairs]
    given = [(key, str(value)) for key, value in jail.params.items() if _is_env(key)]
    if sum(len(key) + len(value) + 2 for key, value in (*keys, *given)) > room:
        return []
    return [(key, value) for key, value in keys if key not in jail.params]


def _is_env(key: str) -> bool:
    return key == "env" or key.startswith("env.")


def _pair(match: re.Match[str]) -> tuple[int, int]:
    return int(match["major"]), int(match["minor"])


# ---- its name servers ----


def resolver_of(
    guest: Guest, jail: Jail, networks: Networks, host: str, answering: Collection[str] = ()
) -> tuple[str | None, str, str]:
    """The text of the jail's /etc/resolv.conf, None to leave it as it is; why it has no name
    service, where it has none, and what to do. `host` is the host's, `answering` its addresses
    at which something waits for questions."""
    text = _resolver_text(jail, host)
    if jail.resolver.mode != "host" or jail.stack in ("inherit", "none"):
        return text, "", ""
    wired = list(zip(jail.nics, guest.identity.nics, strict=True))
    ways = [
        way
        for index, (nic, claim) in enumerate(wired)
        for way in routing.gateways(index, nic, claim, networks[nic.network])
    ]
    to = [str(route.to) for routes in routing.routes(wired, networks) for route in routes]
    own = [text for _, claim in wired for text in claim.addresses()]
    if jail.stack == "shared":
        # The host's routes are its own.
        own, ways = guest.identity.shares(), ["0.0.0.0", "::"]
    known = [networks[nic.network] for nic in jail.nics]
    text, why = resolver.for_guest(host, resolver.Reach(known, own, ways, to), answering)
    names = list(dict.fromkeys(str(nic.network) for nic in jail.nics))
    why = f"no name service: {why}" if why else ""
    return text, why, resolver.hint(guest.name, names) if why else ""


def _resolver_text(jail: Jail, host: str) -> str | None:
    match jail.resolver.mode:
        case "host":
            return host or None
        case "own":
            search = " ".join(map(str, jail.resolver.search))
            lines = [f"search {search}"] if search else []
            lines += [f"nameserver {server}" for server in jail.resolver.servers]
            return "\n".join(lines) + "\n"
        case _:
            return None


# ---- what it asks of the kernel ----


def check_kernel(name: str, jail: Jail, kernel: Kernel) -> tuple[str, ...]:
    """What to know of its parameters on this kernel. Raises UsageError for a CPU that the
    host does not have, and for a parameter that neither we nor the kernel know."""
    _check_cpuset(name, jail.cpuset, kernel)
    given = {**needed_params(jail), **jail.params} if jail.params else {}
    return check_params(given, kernel.params)


def _check_cpuset(name: str, cpuset: CpuList | None, kernel: Kernel) -> None:
    if cpuset and (absent := [cpu for cpu in cpuset.cpus if cpu >= kernel.cpus]):
        raise UsageError(
            f"{name}: cpuset {cpuset}: this host has no CPU {absent[0]}",
            f"its CPUs are 0-{kernel.cpus - 1}",
        )
