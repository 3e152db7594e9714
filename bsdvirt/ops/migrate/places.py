"""Guests of other tools on this host: their directories, read and never changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.mount import read_mounts
from bsdvirt.facts.vmm import DEVICES
from bsdvirt.library import files
from bsdvirt.library.foreign import (
    appjail,
    assignments,
    bastille,
    iocage,
    jailconf,
    jails,
    vmbhyve,
)
from bsdvirt.library.foreign.found import FoundDisk, shown
from bsdvirt.library.formats import RAW, Form
from bsdvirt.library.plans.images import Source
from bsdvirt.ops.create import root
from bsdvirt.ops.migrate.archives import sized
from bsdvirt.ops.migrate.seen import Seen
from bsdvirt.session.session import Session

LIMIT = 256 << 10
ZVOLS = "/dev/zvol/"
RC_CONF = "etc/rc.conf"


def look(session: Session, directory: str) -> Seen:
    """Return the guest that has a directory. Raises NotFoundError, UsageError for one that no
    known tool made, ConflictError for a guest that runs."""
    name = directory.rstrip("/").rpartition("/")[2]
    if not _is_directory(session, directory):
        raise NotFoundError(f"{directory} does not exist", "bsdvirt import DIRECTORY names another")

    def has(file: str) -> bool:
        return session.host.fs.is_file_beneath(directory, file)

    if has(bastille.CONFIG) and _is_directory(session, f"{directory}/{bastille.ROOT}"):
        found = bastille.read(texts(session, directory, bastille.FILES), directory, name)
        return _jail(session, Seen(found), f"{directory}/{bastille.ROOT}")
    if has(iocage.CONFIG) and _is_directory(session, f"{directory}/{iocage.ROOT}"):
        found = iocage.read(texts(session, directory, iocage.FILES), directory, name)
        return _jail(session, Seen(found), f"{directory}/{iocage.ROOT}")
    if has(appjail.CONFIG) and _is_directory(session, f"{directory}/{appjail.ROOT}"):
        found = appjail.read(texts(session, directory, appjail.FILES), directory, name)
        return _jail(session, Seen(found), f"{directory}/{appjail.ROOT}")
    if has(f"{name}.conf"):
        text = texts(session, directory, (f"{name}.conf",))[f"{name}.conf"]
        if vmbhyve.looks_like(text):
            return _machine(session, directory, name, text)
    raise UsageError(
        f"{directory} is not the directory of a guest of Bastille, iocage, AppJail or vm-bhyve",
        f"for the root of a jail: bsdvirt create jail NAME --root-from {directory}",
    )


def _is_directory(session: Session, path: str) -> bool:
    return session.host.fs.kind(path) == "directory"


def texts(session: Session, directory: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the files that are there. Links in the directory are not followed."""
    found = {name: session.host.fs.read_beneath(directory, name, LIMIT) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def _jail(session: Session, seen: Seen, path: str) -> Seen:
    """The root is copied; the jail must not run, so that the copy is whole."""
    for jail in read_jails(session.host).values():
        if jail.path == path:
            raise ConflictError(
                f"{path} is the root of the running jail {shown(jail.name)}", "stop it there first"
            )
    return Seen(seen.found, root.source(session, path))


# ---- vm-bhyve ----


def _machine(session: Session, directory: str, name: str, text: str) -> Seen:
    if session.host.fs.exists(f"{DEVICES}/{name}"):
        raise ConflictError(f"{name} runs, or was not cleaned up", f"vm stop {name}")
    mounts = read_mounts(session.host)
    dataset = next((m.source for m in mounts if (m.path, m.kind) == (directory, "zfs")), "")
    zvols = f"{ZVOLS}{dataset}" if dataset else ""
    found = vmbhyve.read(text, f"{directory}/{name}.conf", name, directory, zvols)
    fills = [(disk.name, _source(session, disk)) for disk in found.disks]
    return Seen(sized(found, {own: one.size for own, one in fills}), fills=tuple(fills))


def _source(session: Session, disk: FoundDisk) -> Source:
    """Return what a disk holds: a file of any format, or a volume."""
    volume = disk.path.removeprefix(ZVOLS)
    if volume == disk.path:
        return files.examine(session, disk.path, disk.path, "import", disk.name)
    dataset = session.zfs.datasets(volume)[0]
    if dataset.volsize is None:
        raise UsageError(f"{volume} is not a volume", "zfs list -t volume")
    return Source(disk.path, Form(RAW), dataset.volsize)


# ---- by the tool and the name ----


def _in(home: str) -> Callable[[Session, str], Seen]:
    return lambda session, name: look(session, f"{home}/{name}")


def _iocage(session: Session, name: str) -> Seen:
    for mount in read_mounts(session.host):
        if mount.kind == "zfs" and mount.source.endswith(f"/iocage/jails/{name}"):
            return look(session, mount.path)
    raise NotFoundError(f"no mounted dataset …/iocage/jails/{name}", "iocage list; zfs mount -a")


def _vm_bhyve(session: Session, name: str) -> Seen:
    config = assignments.read(session.host.fs.read_or("/etc/rc.conf"), "/etc/rc.conf")
    place = config.get("vm_dir", "")
    if place.startswith("zfs:"):
        dataset = place.removeprefix("zfs:")
        place = next((m.path for m in read_mounts(session.host) if m.source == dataset), "")
    if not place.startswith("/"):
        raise NotFoundError(
            "vm_dir is not set in /etc/rc.conf, or not mounted", "bsdvirt import DIRECTORY"
        )
    return look(session, f"{place}/{name}")


def _jail_conf(session: Session, name: str) -> Seen:
    fs = session.host.fs
    own = f"{jails.FOLDER}/{name}.conf"
    path = own if fs.is_file(own) else jails.FILE
    if not fs.is_file(path):
        raise NotFoundError(f"neither {own} nor {jails.FILE} exists", "see jail.conf(5)")
    found = jails.params_in(fs.read_text(path, jailconf.MOST_TEXT), path, name)
    place = "".join(found.get("path", [])[-1:])
    if not place.startswith("/") or not _is_directory(session, place):
        raise NotFoundError(
            f"{path}: the path of {name}, {shown(place)}, is not a directory", "see it"
        )
    table = "".join(found.get("mount.fstab", [])[-1:])
    mounted = fs.read_text(table, LIMIT) if table.startswith("/") and fs.is_file(table) else ""
    inner = texts(session, place, (RC_CONF,)).get(RC_CONF, "")
    return _jail(session, Seen(jails.read(name, found, mounted, inner)), place)


FROM: Mapping[str, Callable[[Session, str], Seen]] = {
    bastille.TOOL: _in(bastille.HOME),
    iocage.TOOL: _iocage,
    appjail.TOOL: _in(appjail.HOME),
    vmbhyve.TOOL: _vm_bhyve,
    jails.TOOL: _jail_conf,
}
"""By tool: how one of its guests is found by name."""


def of_tool(session: Session, tool: str, name: str) -> Seen:
    """Return a guest of a tool on this host. Raises as `look` does."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name, re.ASCII) is None:
        raise UsageError(f"{shown(name)} is not the name of a guest", "name it as that tool does")
    return FROM[tool](session, name)
