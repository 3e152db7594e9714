"""What is mounted in a jail: lines of jail.conf(5), mount points, and what is in the way. Pure.

jail(8) mounts these before /dev, in the order of the file, and unmounts them backwards
once the jail is gone (startcommands and stopcommands in jail.c). It splits a line at
blanks and then reads \\040 and its like (command.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.mount import Mount as HostMount
from bsdvirt.guest.inventory import Guest
from bsdvirt.plan.step import MakeDirectory, RemoveDirectory, RemoveFile, Step, Undo, WriteFile
from bsdvirt.spec.becomes import MountOption
from bsdvirt.spec.fields import becoming
from bsdvirt.spec.mounts import DESCRIPTORS, Mount, within

POINT_MODE = 0o755


class Place(Struct, frozen=True):
    """A mount point in a jail's root, as it is now."""

    missing: tuple[str, ...] = ()
    """Directories that do not exist, each before those beneath it."""
    wrong: str = ""
    """Why nothing can be mounted there; empty if it can."""
    hint: str = ""
    file: str = ""
    """The file to create as mount point for a single file of the host; empty for none."""


class MountFacts(Struct, frozen=True):
    """The facts about a jail's mounts, by the names of these."""

    places: Mapping[str, Place] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    """Why a source cannot be mounted; sources that can be mounted are left out."""


def in_order(mounts: Iterable[Mount]) -> list[Mount]:
    """Return the mounts in order: one within the mount point of another comes after it."""
    return sorted(mounts, key=lambda mount: mount.place.count("/"))


def holder(mount: Mount, mounts: Iterable[Mount]) -> Mount | None:
    """Return the innermost mount that contains the mount point of another."""
    around = [m for m in mounts if m.name != mount.name and within(mount.place, m.place)]
    return max(around, key=lambda m: len(m.place), default=None)


def mount_lines(root: str, mounts: Sequence[Mount], ruleset: int) -> list[str]:
    """Return the values of jail.conf's `mount`, each a line of fstab(5). fdescfs on /dev/fd is left
    out: jail(8) mounts /dev later, and has a parameter for it."""
    return [
        fstab_line(source_of(mount), root + mount.place, mount.type, options_of(mount, ruleset))
        for mount in in_order(mounts)
        if mount.place != DESCRIPTORS
    ]


def fstab_line(source: str, place: str, kind: str, options: Sequence[str] = ("rw",)) -> str:
    """One line of fstab(5), with its escapes for blanks."""
    return " ".join((_escaped(source), _escaped(place), kind, ",".join(options)))


def _escaped(path: str) -> str:
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def source_of(mount: Mount) -> str:
    """Return the special file for mount(8)."""
    if mount.source is not None:
        return str(mount.source)
    return "proc" if mount.type == "procfs" else mount.type


def options_of(mount: Mount, ruleset: int) -> list[str]:
    """Return the options of mount(8). A devfs gets the `ruleset` of the jail's /dev."""
    of_devfs = [f"ruleset={ruleset}"] if mount.type == "devfs" else []
    own = (one.options(value) for one, value in becoming(mount, MountOption))
    return [word for options in (*own, of_devfs) for word in options]


def refuse_lent(guest: Guest, going: Iterable[str], mounts: Iterable[HostMount]) -> None:
    """Raise ConflictError where a directory of the guest is mounted elsewhere: on the host, or in a
    jail that is not destroyed with it (`going`)."""
    own = guest.layout.guest_directory(guest.name)
    with_it = [guest.layout.guest_directory(name) for name in going]
    for mount in mounts:
        lent = mount.kind == "nullfs" and within(mount.source, own)
        if lent and not any(within(mount.path, place) for place in with_it):
            raise ConflictError(
                f"{mount.source}, which is {guest.name}'s, is mounted at {mount.path}",
                f"stop the jail that has it, or umount {mount.path}",
            )


def check_mounts(name: str, mounts: Iterable[Mount], facts: MountFacts) -> None:
    """Raise HostError for the first mount that cannot be made."""
    for mount in mounts:
        at = f"{name}: mounts.{mount.name}"
        if wrong := facts.sources.get(mount.name):
            raise HostError(
                f"{at}.source: {mount.source} {wrong}",
                f"make it, or bsdvirt set {name} mounts.{mount.name}.source=/another/directory",
            )
        place = facts.places.get(mount.name, Place())
        if place.wrong:
            raise HostError(f"{at}.target: {mount.place}: {place.wrong}", place.hint)


def point_steps(root: str, mounts: Sequence[Mount], facts: MountFacts) -> list[Step]:
    """Create the missing mount points in a jail's root, following no symbolic link."""
    steps: list[Step] = []
    made: set[str] = set()
    for mount in in_order(mounts):
        for path in facts.places.get(mount.name, Place()).missing:
            if path in made:
                continue
            made.add(path)
            steps.append(
                Step(
                    MakeDirectory(path, POINT_MODE, beneath=root),
                    f"the mount point of {mount.name}",
                    undo=(Undo(RemoveDirectory(path, beneath=root)),),
                )
            )
        if file := facts.places.get(mount.name, Place()).file:
            made_file = WriteFile(file, "", beneath=root)
            undo = Undo(RemoveFile(file, beneath=root))
            steps.append(Step(made_file, f"the mount point of {mount.name}", undo=(undo,)))
    return steps
