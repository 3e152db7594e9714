"""What the host shows of the mounts of a jail that is about to start."""

from __future__ import annotations

from collections.abc import Iterable

from bsdvirt.host.fs import Fs
from bsdvirt.jail.mounts import MountFacts, Place, holder
from bsdvirt.layout import Layout
from bsdvirt.spec.mounts import DESCRIPTORS, Mount, within


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
            inner = source[len(place) :].strip("/")
            if inner and fs.is_file_beneath(place, inner):
                return ""
            missing, why = fs.look_beneath(place, inner)
            return f"is not used: {why}" if why else ("does not exist" if missing else "")
    if fs.is_dir(source) or fs.is_file(source):
        return ""
    return "is neither a directory nor a regular file" if fs.exists(source) else "does not exist"


def _place(fs: Fs, root: str, mount: Mount, mounts: list[Mount]) -> Place:
    around = holder(mount, mounts)
    if around is None:
        if mount.place == DESCRIPTORS:
            return Place()
        if mount.source is not None and fs.is_file(str(mount.source)):
            return _file_place(fs, root, mount.place[1:])
        missing, why = fs.look_beneath(root, mount.place[1:])
        hint = "make it a plain directory in the jail, or choose another target" if why else ""
        return Place(missing, why, hint)
    if around.type == "devfs":
        return Place()
    inside = f"{around.source}{mount.place[len(around.place) :]}"
    a_file = mount.source is not None and fs.is_file(str(mount.source))
    if fs.is_file(inside) if a_file else fs.is_dir(inside):
        return Place()
    what = "file" if a_file else "directory"
    return Place(wrong=f"{around.name} is mounted there, and has no such {what}",
                 hint=f"{'touch' if a_file else 'mkdir'} {inside}")  # fmt: skip


def _file_place(fs: Fs, root: str, place: str) -> Place:
    """Where one file is mounted on another."""
    if fs.is_file_beneath(root, place):
        return Place()
    directory = place.rpartition("/")[0]
    missing, why = fs.look_beneath(root, directory) if directory else ((), "")
    if not why and not missing and fs.exists(f"{root.rstrip('/')}/{place}"):
        why = "is not a plain file, but the source is"
    hint = "make it a plain file in the jail, or choose another target" if why else ""
    return Place(missing, why, hint, "" if why else place)
