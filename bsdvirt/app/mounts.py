"""What the host shows of the mounts of a jail that is about to start."""

from __future__ import annotations

from collections.abc import Iterable

from bsdvirt.host.fs import Fs
from bsdvirt.jail.mounts import MountFacts, Place, holder
from bsdvirt.spec.mounts import Mount, within
from bsdvirt.store.layout import Layout


def read_mount_facts(
    fs: Fs, layouts: Iterable[Layout], root: str, mounts: Iterable[Mount], roots: Iterable[str] = ()
) -> MountFacts:
    """Look at sources and mount points; nothing is followed that a guest could bend. `roots`
    are those of jails, whosever they are, that lie elsewhere than our guests."""
    every = list(mounts)
    others = [*(f"{layout.mountpoint}/guests" for layout in layouts), *roots]
    sources = {
        str(mount.name): wrong
        for mount in every
        if mount.source is not None and (wrong := _wrong_source(fs, others, str(mount.source)))
    }
    return MountFacts({str(mount.name): _place(fs, root, mount, every) for mount in every}, sources)


def _wrong_source(fs: Fs, others: Iterable[str], source: str) -> str:
    for place in others:
        if within(source, place):
            # The administrator of another jail may have put a link there.
            missing, why = fs.look_beneath(place, source[len(place) :].strip("/"))
            return f"is not used: {why}" if why else ("is not there" if missing else "")
    if fs.is_dir(source):
        return ""
    return "is no directory" if fs.exists(source) else "is not there"


def _place(fs: Fs, root: str, mount: Mount, mounts: list[Mount]) -> Place:
    around = holder(mount, mounts)
    if around is None:
        if mount.type == "fdescfs":
            return Place()
        missing, why = fs.look_beneath(root, mount.place[1:])
        hint = "make it a plain directory in the jail, or choose another target" if why else ""
        return Place(missing, why, hint)
    inside = f"{around.source}{mount.place[len(around.place) :]}"
    if fs.is_dir(inside):
        return Place()
    return Place(wrong=f"{around.name} is mounted there, and has no such directory",
                 hint=f"mkdir {inside}")  # fmt: skip
