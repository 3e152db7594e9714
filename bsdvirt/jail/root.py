"""Where a jail's root comes from: a release, nothing, an archive, a copy, or a directory or
dataset of the user's, which is used in place and never destroyed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, UsageError
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.mounts import Place
from bsdvirt.layout import HOST_FILE, LOG_DIRECTORY, RUN_DIRECTORY, Layout
from bsdvirt.plan.marks import mark
from bsdvirt.plan.step import (
    Command,
    DatasetMounted,
    DatasetOwned,
    MakeDirectory,
    Pipeline,
    RemoveDirectory,
    Step,
    Undo,
)
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.mounts import within
from bsdvirt.spec.storage import settings
from bsdvirt.spec.types import AbsolutePath

FILL_SECONDS = 6 * 3600.0
POINT_MODE = 0o755
FIRST_STREAM = f"{tools.XZ} -dc -M 1GiB --single-stream"
"""For bsdtar(1), which runs it: xz(1), without what follows the compressed data."""
SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/libexec", "/rescue", "/root", "/sbin")
"""Directories of the host's own; /usr and /var hold files of ours, and so are refused too."""


class Origin(Struct, frozen=True):
    """Where the root of a new jail comes from."""

    kind: Literal["release", "empty", "archive", "copy", "received", "directory", "dataset"] = (
        "release"
    )
    path: str = ""
    """The archive, the directory to copy, or the one to use."""
    dataset: str = ""
    """The dataset to use, mounted at `path`; of a received one, the dataset to take."""
    files: int = 0
    """How many a copy has, for the progress bar."""
    inside: str = ""
    """The directory in the archive that is the root; empty is all of it."""
    strip: int = 0
    """How many leading parts of the archive's names to remove."""
    offset: int = 0
    """Where in a file the archive begins, and ends somewhere before the file's end."""
    packed: str = ""
    """The compression of such an archive, which tar(1) would else read beyond its end."""

    @property
    def adopted(self) -> bool:
        """Whether the root is the user's, used in place."""
        return self.kind in ("directory", "dataset")

    @property
    def words(self) -> str:
        """For people: created …"""
        return {
            "empty": "with an empty root",
            "archive": f"from {self.path}",
            "copy": f"from a copy of {self.path}",
            "received": f"from {self.path}",
            "directory": f"on {self.path}",
            "dataset": f"on {self.dataset}",
        }.get(self.kind, "")


FROM_RELEASE = Origin()


def root_steps(
    origin: Origin, layout: Layout, name: str, words: tuple[str, ...], undo: Undo
) -> tuple[Step, ...]:
    """Create a dataset for the root and fill it; no steps for a root that exists already.
    `words` are the options of `zfs create`; `undo` destroys the dataset."""
    if origin.adopted:
        return ()
    dataset, place = layout.jail_root(name), layout.jail_root_directory(name)
    if origin.kind == "received":
        return _taken(origin.dataset, dataset, words)
    made = Step(
        Command((tools.ZFS, "create", *words, dataset)),
        "its root, a dataset of its own",
        undo=(undo,),
        durable=True,
    )
    match origin.kind:
        case "archive":
            filled = Step(_extract(origin, place), f"extract {origin.path}", durable=True)
        case "copy":
            filled = Step(
                Pipeline(
                    (tools.TAR, "-cvf", "-", "-C", origin.path, "."),
                    (tools.TAR, "-xpf", "-", "-C", place),
                    timeout=FILL_SECONDS,
                ),
                f"copy {origin.path}",
                durable=True,
                lines=origin.files,
            )
        case _:
            return (made,)
    return made, filled


def _taken(received: str, dataset: str, words: tuple[str, ...]) -> tuple[Step, ...]:
    """Take a dataset that was received, with its snapshots, for the root. `words` are those of
    `zfs create`: the operation's mark first, and properties."""
    op = words[1].partition("=")[2]
    renamed = Step(
        Command((tools.ZFS, "rename", received, dataset)),
        "its root, the dataset that was received",
        undo=(Undo(Command((tools.ZFS, "rename", dataset, received)), DatasetOwned(dataset, op)),),
        durable=True,
    )
    more = [words[i + 1] for i in range(2, len(words), 2)]
    settled = Step(Command((tools.ZFS, "set", *more, dataset)), "its properties", durable=True)
    mounted = Step(
        Command((tools.ZFS, "mount", dataset)),
        f"mount {dataset}",
        undo=(Undo(Command((tools.ZFS, "umount", dataset)), DatasetMounted(dataset)),),
        unless=DatasetMounted(dataset),
    )
    return (
        mark(received, op, "it is this operation's"),
        renamed,
        Step(
            Command((tools.ZFS, "inherit", "setuid", dataset)),
            "set-uid, which had no effect where it was received",
            durable=True,
        ),
        *((settled,) if more else ()),
        mounted,
    )


def _extract(origin: Origin, place: str) -> Command | Pipeline:
    """Extract an archive, or a part of it. tar(1) refuses names with .. and links on the way, and
    takes absolute names for relative ones."""
    strip = ("--strip-components", str(origin.strip)) if origin.strip else ()
    inside = (origin.inside,) if origin.inside else ()
    if not origin.offset:
        argv = (tools.TAR, "-xpvf", origin.path, "-C", place, *strip, *inside)
        return Command(argv, timeout=FILL_SECONDS)
    unpack = ("--use-compress-program", FIRST_STREAM) if origin.packed else ()
    return Pipeline(
        (tools.TAIL, "-c", f"+{origin.offset + 1}", origin.path),
        (tools.TAR, *unpack, "-xpf", "-", "-C", place, *strip, *inside),
        timeout=FILL_SECONDS,
    )


# ---- a root of the user's ----


PLAIN = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._+=@:,-]+)+")
"""jail(8) runs commands of its own with a jail's path, through a shell (command.c)."""


def strange(path: str) -> str:
    """Return why a path cannot be a jail's root; empty if it can. It must hold nothing that a
    shell would interpret."""
    if PLAIN.fullmatch(path):
        return ""
    return "has characters that a shell may read: letters, digits and . _ - + = @ : , are taken"


def wrong_place(guest: Guest, others: Iterable[Guest], layouts: Iterable[Layout]) -> str:
    """Return why a user's directory cannot be a root now; empty if it can. The host may have
    changed since the jail was created, and the identity may have been forged."""
    if why := strange(guest.root):
        return why
    try:
        check_root(guest.root, [one for one in others if one.name != guest.name], layouts)
    except BsdvirtError as error:
        return f"cannot be one: {error.message}"
    return ""


def check_root(path: str, guests: Iterable[Guest], layouts: Iterable[Layout]) -> None:
    """Raise UsageError for a directory of the host's own, and ConflictError for one that is,
    contains or lies within the root of a guest."""
    for own in (HOST_FILE, RUN_DIRECTORY, LOG_DIRECTORY, "/usr/local"):
        if within(own, path):
            raise UsageError(f"{path} is the host's own", "name a directory for the jail alone")
    if path == "/tmp" or any(within(path, system) for system in SYSTEM):  # noqa: S108
        raise UsageError(f"{path} is the host's own", "name a directory for the jail alone")
    for layout in layouts:
        if within(path, layout.mountpoint) or within(layout.mountpoint, path):
            raise UsageError(f"{path} and bsdvirt's {layout.mountpoint} overlap", "name another")
    for guest in guests:
        if guest.identity.root and (within(path, guest.root) or within(guest.root, path)):
            raise ConflictError(f"{path} and the root of {guest.name} overlap", "name another")


class RootFacts(Struct, frozen=True):
    """The facts about a jail's root."""

    wrong: str = ""
    """Why it cannot be the root now; empty if it can."""
    points: Mapping[str, Place] = field(default_factory=dict)
    """Where jail(8) mounts besides the jail's own mounts; by path beneath the root."""


def points_of(jail: Jail) -> tuple[str, ...]:
    """The directories that a jail's root must have for what jail(8) mounts."""
    return ("dev", "proc", "sys") if jail.userland == "linux" else ("dev",)


def is_mounted(guest: Guest, facts: HostFacts) -> bool:
    """Whether the dataset of the root is mounted at the root's path."""
    dataset = guest.identity.root_dataset
    return any(m.path == guest.root and m.source == dataset for m in facts.mounts)


def check_settings(jail: Jail) -> None:
    """Raise UsageError where ZFS properties are set for a root that is no dataset of ours."""
    for name in settings(jail):
        raise UsageError(
            f"{name}: cannot set ZFS properties: bsdvirt does not manage this root",
            f"zfs set {name}=… DATASET",
        )


def check_ready(guest: Guest, facts: HostFacts, root: RootFacts) -> None:
    """Raise HostError where the root does not exist, or another filesystem is mounted there."""
    name = guest.name
    if why := strange(guest.root):
        raise HostError(f"{name}: its root {guest.root} {why}", "choose a root with a plain path")
    if root.wrong:
        raise HostError(f"{name}: its root {guest.root} {root.wrong}", "put it back as it was")
    dataset = guest.identity.root_dataset
    if dataset and not is_mounted(guest, facts):
        raise HostError(f"{name}: {dataset} is not mounted at {guest.root}", f"zfs mount {dataset}")
    for path, place in root.points.items():
        if place.wrong:
            raise HostError(f"{name}: {guest.root}/{path}: {place.wrong}", place.hint)


def base_steps(guest: Guest, root: RootFacts) -> list[Step]:
    """Create the directories that jail(8) mounts on, if they do not exist."""
    return [
        Step(
            MakeDirectory(path, POINT_MODE, beneath=guest.root),
            f"the mount point of {place_name}",
            undo=(Undo(RemoveDirectory(path, beneath=guest.root)),),
        )
        for place_name, place in root.points.items()
        for path in place.missing
    ]


def rooted(identity: Identity, origin: Origin) -> Identity:
    """Return the identity with the user's root noted in it; unchanged for any other root."""
    if not origin.adopted:
        return identity
    return msgspec.structs.replace(
        identity, root=AbsolutePath(origin.path), root_dataset=origin.dataset
    )
