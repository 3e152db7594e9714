"""Roots of jails: what the user named as one, and what a start finds of one."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable

from bsdvirt.errors import HostError, NotFoundError, UsageError
from bsdvirt.facts.host import HostFacts, read_sysctl
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.jail.enter import Holds
from bsdvirt.jail.linux import NETWORK_TOOLS, ForeignFacts
from bsdvirt.jail.mounts import Place
from bsdvirt.jail.root import Origin, RootFacts, is_mounted, points_of, strange, wrong_place
from bsdvirt.layout import Layout
from bsdvirt.library.files import absolute
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.types import AbsolutePath, DatasetName


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
    shown = host.run((tools.LDD, *NETWORK_TOOLS), changes=False).stdout
    libraries = tuple(dict.fromkeys(re.findall(r"=> (/\S+)", shown)))
    if "linux" not in userlands:
        return ForeignFacts(libraries=libraries)
    brands = ("kern.elf32.fallback_brand", "kern.elf64.fallback_brand")
    known = read_sysctl(host, "hw.machine_arch", *brands)
    return ForeignFacts(
        known.get("hw.machine_arch", ""), libraries, {n: known[n] for n in brands if n in known}
    )


def read_holds(fs: Fs, root: str) -> Holds:
    """What of a root matters to who enters the jail. Links are followed within it only."""
    return Holds(
        users=any(fs.leads_to_file(root, f"etc/{name}") for name in ("pwd.db", "spwd.db")),
        shell=fs.leads_to_file(root, tools.SH),
        login=fs.leads_to_file(root, tools.LOGIN),
    )


def root_trouble(fs: Fs, guest: Guest, found: Inventory, facts: HostFacts) -> str:
    """Why a start would refuse a root of the user's, in words."""
    if why := wrong_place(guest, found.guests.values(), found.layouts):
        return why
    dataset = guest.identity.root_dataset
    if dataset and not is_mounted(guest, facts):
        return f"is not where {dataset} is mounted"
    return wrong_directory(fs, guest.root)


def wrong_directory(fs: Fs, path: str) -> str:
    """Why a path is no plain directory, in words: none of it may be a link, which somebody
    could bend."""
    missing, why = fs.look_beneath("/", path.lstrip("/"))
    if why:
        return f"is not used: {why.replace('//', '/')}"
    return "is not there" if missing else ""


def directory(session: Session, path: str) -> Origin:
    """A directory to use where it is. Raises UsageError, NotFoundError."""
    return Origin("directory", _checked(session, path))


def dataset(session: Session, name: str) -> Origin:
    """A dataset to use where it is mounted. Raises UsageError, NotFoundError, HostError."""
    try:
        DatasetName.parse(name)
    except ValueError as error:
        raise UsageError(f"--dataset: {error}") from None
    try:
        found = session.zfs.datasets(name)[0]
    except NotFoundError as error:
        raise NotFoundError(
            f"no dataset {name}", f"zfs create {name}, or see zfs list -o name,mountpoint"
        ) from error
    place = found.mountpoint
    if found.name != name or found.kind != "filesystem" or not place or not place.startswith("/"):
        raise UsageError(f"{name} is no file system with a mount point", "zfs set mountpoint=…")
    if not found.mounted:
        raise HostError(f"{name} is not mounted", f"zfs mount {name}")
    if any(f"{name}/".startswith(f"{root.dataset}/") for root in session.roots.layouts):
        raise UsageError(f"{name} is one of bsdvirt's own", "name another")
    return Origin("dataset", _checked(session, place), name)


def source(session: Session, path: str) -> Origin:
    """An archive to extract, or a directory to copy. Raises UsageError, NotFoundError."""
    real = absolute(path)
    fs = session.host.fs
    if fs.is_dir(real):
        for root in session.roots.layouts:
            if f"{root.mountpoint}/".startswith(real.rstrip("/") + "/"):
                what = f"{real} holds {root.mountpoint}, where the guest's own root would be"
                raise UsageError(what, "name a directory beside it")
        return Origin("copy", real, files=_count(session, real))
    if fs.is_file(real):
        return Origin("archive", real)
    raise NotFoundError(f"{real} is not there", "name a directory, or an archive for tar(1)")


def _count(session: Session, path: str) -> int:
    """What `tar -cv` prints a line of: everything in the directory, and itself."""
    count, left = 1, [str(session.host.fs.path(path))]
    while left:
        # For the progress alone: what cannot be read, or is too deep to be named, does not count.
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                count += 1
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return count


def _checked(session: Session, path: str) -> str:
    try:
        place = str(AbsolutePath.parse(path))
    except ValueError as error:
        raise UsageError(str(error), "such as /srv/web") from None
    if strange(place):
        raise UsageError(
            f"{place}: jail(8) runs commands with this path, and would split it",
            "of letters, digits and . _ - + = @ : , only",
        )
    if wrong := wrong_directory(session.host.fs, place):
        kind = NotFoundError if wrong == "is not there" else UsageError
        raise kind(f"{place} {wrong}", "name a plain directory, by its whole path")
    return place
