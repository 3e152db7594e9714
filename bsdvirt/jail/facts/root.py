"""What a jail's root holds, and what a start finds of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.sysctl import read_sysctl
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.jail.linux import NETWORK_TOOLS, ForeignFacts
from bsdvirt.jail.mounts import Place
from bsdvirt.jail.root import RootFacts, is_mounted, points_of, wrong_place
from bsdvirt.layout import Layout
from bsdvirt.spec.jail import Jail

NO_JAIL = "bsdvirt.none"
"""The name of no jail of ours: they have no dots."""


def read_root(
    fs: Fs,
    guest: Guest,
    jail: Jail,
    root: str,
    others: Iterable[Guest],
    layouts: Iterable[Layout],
) -> RootFacts:
    """What a start finds in `root`; no link is followed. `others` are all guests."""
    wrong = ""
    if guest.identity.root:
        wrong = wrong_place(guest, others, layouts) or wrong_directory(fs, guest.root)
    if wrong:
        return RootFacts(wrong)
    points = {path: Place(*fs.look_beneath(root, path)) for path in points_of(jail)}
    hint = "make it a plain directory, for jail(8) to mount on"
    return RootFacts(
        "", {path: Place(p.missing, p.wrong, hint * bool(p.wrong)) for path, p in points.items()}
    )


def read_foreign(host: Host, jails: Iterable[Jail]) -> ForeignFacts:
    """What jails without FreeBSD need of the host; nothing is asked where none is among
    these."""
    userlands = {jail.userland for jail in jails}
    if userlands <= {"freebsd"}:
        return ForeignFacts()
    reaches = _reaches(host)
    libraries: tuple[str, ...] = ()
    if not reaches:
        shown = host.run((tools.LDD, *NETWORK_TOOLS), changes=False).stdout
        libraries = tuple(dict.fromkeys(re.findall(r"=> (/\S+)", shown)))
    if "linux" not in userlands:
        return ForeignFacts(reaches=reaches, libraries=libraries)
    brands = ("kern.elf32.fallback_brand", "kern.elf64.fallback_brand")
    known = read_sysctl(host, "hw.machine_arch", *brands)
    return ForeignFacts(
        arch=known.get("hw.machine_arch", ""),
        reaches=reaches,
        libraries=libraries,
        brands={n: known[n] for n in brands if n in known},
    )


def _reaches(host: Host) -> bool:
    """Whether ifconfig(8) and route(8) have -j: those that do, look for the jail; the others know
    no such option (ifconfig.c and route.c)."""
    commands = (
        (tools.IFCONFIG, "-j", NO_JAIL, "-l"),
        (tools.ROUTE, "-j", NO_JAIL, "-n", "get", "default"),
    )
    return all("ail not found" in host.run(argv, changes=False).stderr for argv in commands)


def root_trouble(fs: Fs, guest: Guest, found: Inventory, facts: HostFacts) -> str:
    """Why a start would refuse a root of the user's, in words."""
    if why := wrong_place(guest, found.guests.values(), found.layouts):
        return why
    dataset = guest.identity.root_dataset
    if dataset and not is_mounted(guest, facts):
        return f"is not where {dataset} is mounted"
    return wrong_directory(fs, guest.root)


def wrong_directory(fs: Fs, path: str) -> str:
    """Return why a path is no plain directory: no part of it may be a link, which could be
    changed."""
    missing, why = fs.look_beneath("/", path.lstrip("/"))
    if why:
        return f"is not used: {why.replace('//', '/')}"
    return "does not exist" if missing else ""
