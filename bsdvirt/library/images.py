"""Images: imported, found for new disks, listed, removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs
from msgspec.structs import replace

from bsdvirt.bhyve.volumes import Base
from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.layout import Layout
from bsdvirt.library import files
from bsdvirt.library.entries import (
    Copy,
    CopyTo,
    Remove,
    added,
    adding,
    copies,
    copies_of,
    removal,
    stream_size,
)
from bsdvirt.library.plans import images as plans
from bsdvirt.library.plans.entries import user_of
from bsdvirt.library.private_copy import held
from bsdvirt.plan.step import Plan
from bsdvirt.rows.base import utc
from bsdvirt.rows.library import ImageRow
from bsdvirt.session.prepared import Prepared, carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.images import PROPERTY, Image
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.types import ImageName

VERB = "import image"


class Found(Struct, frozen=True):
    """An image on this host."""

    base: Base
    image: Image


def check_name(name: str) -> str:
    """Return a name for an image. Raises UsageError for anything else."""
    return parsed(ImageName, name, "such as freebsd-14.3")


class Import(Struct, frozen=True):
    """Create an image from a file of this host."""

    file: str
    name: str
    about: Image
    """Its known properties."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Examine the file, or a private copy where other users could change it, and plan."""
        path, name, about = self.file, self.name, self.about
        with (
            adding(session, "image", name, "image import") as found,
            held(session, path, VERB, name) as file,
        ):
            source = files.examine(session, file, path, VERB, name)
            image = structs.replace(
                about,
                source=about.source or path,
                checksum=about.checksum or files.checksum(session, file, VERB, name),
                format=str(source.form),
                created=utc(),
            )
            plan = plans.plan_import(name, source, image, found.layout, session.new_op())
            yield added(session, name, plan)


def import_file(session: Session, file: str, name: str, about: Image | None = None) -> str:
    """Create an image from a file; return its name.

    Raises ConflictError if it exists, NotFoundError and UsageError for the file.
    """
    request = Import(files.absolute(file), check_name(name), about or Image())
    carry_out_one(session, request)
    return name


def remove(session: Session, name: str) -> None:
    """Remove an image. Raises ConflictError naming the guests whose disks are its clones."""
    carry_out_one(session, Remove("image", name, removal("image")))


def provide(session: Session, name: str, target: Layout) -> str:
    """Copy an image to a pool that lacks it; return the source dataset, empty if nothing was
    copied. Raises as `find` does."""
    there = copies(session.inventory(shallow=True), "image").get(name, [])
    if any(copy.pool == target and copy.complete for copy in there):
        return ""

    def plan(session: Session, found: Inventory, source: Layout, op: str) -> Plan:
        of = find(session, found, name)
        base = replace(of.base, stream=stream_size(session, of.base.snapshot))
        return plans.plan_copy(name, base, of.image, target, op)

    copied = carry_out_one(session, CopyTo("image", name, target, plan)).message
    if not copied:
        find(session, session.inventory(), name)
    return copied


def find(session: Session, found: Inventory, name: str, at: Layout | None = None) -> Found:
    """Return an image for a new disk; the caller holds its lock. `at`: on that pool, else on the
    first pool that has it.

    Raises NotFoundError, ConflictError for one that is not complete.
    """
    copy, *_ = copies_of(found, "image", name, at)
    dataset = copy.dataset
    value = session.zfs.local(dataset.name, PROPERTY)
    if not copy.complete or dataset.volsize is None:
        raise ConflictError(f"image {name} is not complete", "bsdvirt doctor --repair")
    return Found(Base(name, dataset.name, dataset.volsize), _image(name, value))


def exists(session: Session, name: str) -> bool:
    """Return whether there is an image of that name, on any pool."""
    return name in copies(session.inventory(), "image")


def entries(session: Session, found: Inventory | None = None) -> list[ImageRow]:
    """Return a row for each image, with the guests whose disks are clones of it."""
    found = found or session.inventory()
    every = copies(found, "image")
    stored: dict[str, str] = {}
    for pool in {copy.pool for there in every.values() for copy in there}:
        stored |= session.zfs.locals(f"{pool.dataset}/images", PROPERTY)
    return [_row(found, name, there, stored) for name, there in every.items()]


def entry(session: Session, name: str) -> ImageRow:
    """Return the row of one image. Raises NotFoundError."""
    found = session.inventory()
    there = copies_of(found, "image", name)
    dataset = there[0].dataset.name
    value = session.zfs.local(dataset, PROPERTY)
    return _row(found, name, there, {dataset: value} if value else {})


def _row(found: Inventory, name: str, there: Sequence[Copy], stored: Mapping[str, str]) -> ImageRow:
    dataset = there[0].dataset
    image = _image(name, stored.get(dataset.name))
    pools = [copy.pool.dataset for copy in there]
    return ImageRow(
        name=name,
        size=dataset.volsize,
        used=sum(copy.dataset.used for copy in there),
        guests=sorted({user for copy in there for user in _users(found, copy)}),
        loader=image.loader,
        system=image.system,
        user=image.user or None,
        cloud_init=image.cloud_init,
        profile=image.profile or None,
        source=image.source,
        checksum=image.checksum,
        format=image.format,
        created=image.created,
        dataset=dataset.name,
        complete=there[0].complete,
        pools=pools,
        roots=pools,
    )


def _users(found: Inventory, copy: Copy) -> set[str]:
    """Return the guests whose disks are clones of an image's copy."""
    base = f"{copy.dataset.name}@"
    clones = [d.name for d in found.datasets if (d.origin or "").startswith(base)]
    return {user_of(clone, copy.pool) for clone in clones}


def _image(name: str, value: str | None) -> Image:
    """Parse the property of an image; an empty record for a volume without one."""
    try:
        return decode(Image, parse_json(value or ""), f"image {name}")
    except BsdvirtError:
        return Image()
