"""Mounts of a jail: directories of the host, tmpfs, procfs and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from bsdvirt.spec.base import BadValueError, Spec, prop
from bsdvirt.spec.becomes import MountOption
from bsdvirt.spec.types import AbsolutePath, FileMode, GuestName, Space

Option = Literal["noatime", "noexec", "nosuid", "nosymfollow", "linrdlnk"]
LINRDLNK = "linrdlnk"
DESCRIPTORS = "/dev/fd"
USUAL_TARGETS = {
    "procfs": "/proc",
    "fdescfs": DESCRIPTORS,
    "devfs": "/compat/linux/dev",
    "linprocfs": "/compat/linux/proc",
    "linsysfs": "/compat/linux/sys",
}


class Mount(Spec, frozen=True, kw_only=True):
    """A file system that is mounted in the jail while it runs."""

    name: Annotated[GuestName, prop("Name, as in mounts.data.source.")]
    type: Annotated[
        Literal["nullfs", "tmpfs", "procfs", "fdescfs", "devfs", "linprocfs", "linsysfs"],
        prop(
            "File system type: `nullfs` for a directory or a file of the host, `tmpfs` "
            "for memory, or a pseudo file system; `devfs` is one in addition to /dev, "
            "with the jail's ruleset."
        ),
    ] = "nullfs"
    source: Annotated[
        AbsolutePath | None,
        prop("Directory or file of the host, with nullfs; it must exist at the start."),
    ] = None
    target: Annotated[
        AbsolutePath | None,
        prop(
            "Mount point in the jail, created if it does not exist; the default is the "
            "path of the source with nullfs, and /proc with procfs."
        ),
    ] = None
    readonly: Annotated[
        bool,
        prop("Mount it read-only.", becomes=MountOption("ro", values={True: "ro", False: "rw"})),
    ] = False
    options: Annotated[
        list[Option],
        prop(
            "Further options of mount(8); `linrdlnk`, with fdescfs, is for Linux programs.",
            max_length=4,
            becomes=MountOption(""),
        ),
    ] = []
    size: Annotated[
        Space | None,
        prop("Size limit, with tmpfs; by default all memory.", unit="bytes",
             becomes=MountOption("size")),
    ] = None  # fmt: skip
    mode: Annotated[
        FileMode | None,
        prop("Mode of its top directory, with tmpfs, such as 1777.", becomes=MountOption("mode")),
    ] = None

    @property
    def place(self) -> str:
        """The mount point in the jail."""
        usual = self.source if self.type == "nullfs" else USUAL_TARGETS.get(self.type)
        return str(self.target or usual)

    def __post_init__(self) -> None:
        if self.type == "nullfs" and self.source is None:
            raise BadValueError(
                "nullfs needs a directory or file of the host", at="source", hint="as /srv/data"
            )
        if self.type != "nullfs" and self.source is not None:
            raise BadValueError(f"{self.type} does not take one", at="source", hint="leave it out")
        if self.type == "tmpfs" and self.target is None:
            raise BadValueError(
                "tmpfs needs a mount point in the jail", at="target", hint="as /tmp"
            )
        for field in ("size", "mode"):
            if self.type != "tmpfs" and getattr(self, field) is not None:
                raise BadValueError(
                    f"{self.type} does not take a {field}, only tmpfs",
                    at=field,
                    hint="leave it out",
                )
        if LINRDLNK in self.options and (self.type != "fdescfs" or self.place == DESCRIPTORS):
            raise BadValueError(
                "linrdlnk needs an fdescfs other than /dev/fd",
                at="options",
                hint="as type=fdescfs target=/compat/linux/dev/fd",
            )
        _check_dev(self.type, self.place)


def _check_dev(kind: str, place: str) -> None:
    """jail(8) mounts /dev after all of these, and /dev/fd after /dev (captures, jail.c)."""
    if within(place, "/dev") and not (kind == "fdescfs" and place == DESCRIPTORS):
        raise BadValueError(
            f"{place} would be hidden by the jail's own /dev", at="target", hint="choose another"
        )


def within(path: str, place: str) -> bool:
    """Return whether a path is `place` or below it."""
    return path == place or path.startswith(place.rstrip("/") + "/")


def _can_hold(outer: Mount, inner: Mount) -> bool:
    """Return whether a mount can hold the mount point of another: every devfs has /fd."""
    in_devfs = outer.type == "devfs" and inner.place == f"{outer.place}/fd"
    return outer.type == "nullfs" or in_devfs


def check_mounts(mounts: Sequence[Mount]) -> None:
    """Raise BadValueError for duplicate names or mount points, and for a mount point inside a
    mount that cannot have it."""
    names: set[str] = set()
    for number, mount in enumerate(mounts):
        at = f"mounts.{number}"
        if mount.name in names:
            raise BadValueError(f"{mount.name} is given twice", at=f"{at}.name")
        names.add(mount.name)
        for other in mounts:
            if other is mount or not within(mount.place, other.place):
                continue
            if mount.place == other.place and other in mounts[:number]:
                raise BadValueError(
                    f"{mount.place} is also the target of {other.name}", at=f"{at}.target"
                )
            if mount.place != other.place and not _can_hold(other, mount):
                raise BadValueError(
                    f"{mount.place} is in {other.place}, and {other.name} ({other.type}) has"
                    " no such directory",
                    at=f"{at}.target",
                    hint="choose another mount point",
                )
