"""Read what an upgrade of a jail needs: the releases, and what the jail has changed in its root."""

from __future__ import annotations

from msgspec import Struct, field

from bsdvirt.errors import ConflictError, HostError, NotFoundError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.mount import beneath, read_mounts
from bsdvirt.facts.userland import version_in
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host.merge.trees import UNITS, Decisions, compare
from bsdvirt.jail.datasets import setting_words
from bsdvirt.jail.upgrade.plan import Choice, NewRoot
from bsdvirt.layout import snapshot_directory
from bsdvirt.library import releases
from bsdvirt.library.entries import copies_of, stream_size
from bsdvirt.library.levels import Level, newest, read_levels
from bsdvirt.library.plans.releases import newer, refuse_newer, version_key
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail

PACKAGES = "var/db/pkg/local.sqlite"
"""The database of pkg(8)."""


class Upgraded(Struct, frozen=True):
    """What an upgrade does."""

    before: str
    """The version of the jail's root; empty if it is unknown."""
    version: str
    """The version that it is upgraded to."""
    root: NewRoot | None = None
    """None if it is made from that already."""
    decisions: Decisions = field(default_factory=Decisions)
    packages: str = ""
    """What its packages are for, where that is another ABI."""


def look(
    session: Session, found: Inventory, guest: Guest, spec: Jail, release: str, choice: Choice
) -> Upgraded:
    """Compare a jail's root with the release that it was made from and the newest patch level of
    `release`.

    Raises NotFoundError, ConflictError, HostError.
    """
    fs, layout, name = session.host.fs, guest.layout, guest.name
    refuse_newer(release, read_kernel(session.host).release)
    copies_of(found, "release", release, layout)
    latest = newest(session.host, layout.release(release))
    version = releases.version_of(fs, layout, release, latest)
    root = layout.jail_root_directory(name)
    before = version_in(fs, root) or ""
    base, thick = _base(session, found, guest, before)
    if base.snapshot == latest.snapshot:
        return Upgraded(before, version or release)
    if newer(before, version):
        raise ConflictError(
            f"{name} has {before}, which is newer than {version}",
            f"bsdvirt release update {release}, or --release with a newer one",
        )
    if name not in session.stopped:
        _refuse_mounts(session, root)
    size = stream_size(session, latest.snapshot) if thick else 0
    _need_space(guest, size)
    origin = base.dataset.rpartition("/")[2]
    from_directory = snapshot_directory(layout.release_directory(origin), base.name)
    to_directory = snapshot_directory(layout.release_directory(release), latest.name)
    try:
        decisions = compare(
            fs.path(from_directory), fs.path(root), fs.path(to_directory), choice,
            session.interrupt.check,
        )  # fmt: skip
    except OSError as error:
        raise HostError(f"{error.filename}: {error.strerror}", "is it mounted?") from error
    new = NewRoot(
        release, latest.snapshot, from_directory, choice, decisions.digest,
        bool(decisions.carry), tuple(path for path in decisions.merge if path in UNITS),
        thick, size, setting_words(spec),
    )  # fmt: skip
    packages = _packages(session, root, before, version)
    return Upgraded(before, version or release, new, decisions, packages)


def _base(session: Session, found: Inventory, guest: Guest, version: str) -> tuple[Level, bool]:
    """Return the patch level that a root was made from, and whether it is a full copy. That of a
    full copy is the newest that is not newer than what is in it."""
    layout = guest.layout
    dataset = next(d for d in guest.datasets if d.name == layout.jail_root(guest.name))
    prefix = f"{layout.dataset}/releases/"
    if dataset.origin and dataset.origin.startswith(prefix):
        release, _, snapshot = dataset.origin.partition("@")
        return Level(release, snapshot, 0), False
    release = guest.identity.release
    copies_of(found, "release", release, layout)
    levels = read_levels(session.host, (layout.release(release),))
    every = levels[layout.release(release)]
    fs = session.host.fs
    fitting = [
        level
        for level in every
        if not newer(releases.version_of(fs, layout, release, level), version)
    ]
    if not fitting:
        raise NotFoundError(
            f"no snapshot of release {release} has version {version or 'of its root'} or an older",
            f"bsdvirt release ls; upgrade it from inside: bsdvirt console {guest.name}",
        )
    return fitting[-1], dataset.origin is None


def _refuse_mounts(session: Session, root: str) -> None:
    """Raise ConflictError for what is mounted in the root, and hides what is in it."""
    if places := beneath(read_mounts(session.host), root):
        raise ConflictError(f"{places[0]} is mounted", f"umount {places[0]}")


def _need_space(guest: Guest, size: int) -> None:
    """Raise HostError where the pool has no room for a second root."""
    dataset = next(d for d in guest.datasets if d.name == guest.layout.jail_root(guest.name))
    needed = dataset.used + size
    if needed > guest.datasets[0].available:
        raise HostError(
            f"{guest.name}: a second root needs up to {needed} bytes, and"
            f" {guest.datasets[0].available} are available",
            "bsdvirt pool usage shows what takes the space",
        )


def _packages(session: Session, root: str, before: str, after: str) -> str:
    """Return the ABI of the jail's packages, if that of the new root is another."""
    old, new = version_key(before), version_key(after)
    if old is None or new is None or old[0] == new[0]:
        return ""
    if not session.host.fs.is_file_beneath(root, PACKAGES):
        return ""
    return f"FreeBSD {old[0]}"
