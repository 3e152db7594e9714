"""Images made of files, shown, taken away; and found, for the disks that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bsdvirt.bhyve.volumes import Base
from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.layout import Layout
from bsdvirt.library import files
from bsdvirt.library.plans import images as plans
from bsdvirt.library.private_copy import held
from bsdvirt.library.releases import stream_size
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan, together
from bsdvirt.rows.library import ImageRow
from bsdvirt.session.session import Session
from bsdvirt.spec.base import BadValueError, did_you_mean
from bsdvirt.spec.cloud import System
from bsdvirt.spec.images import PROPERTY, Image, Loader
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.types import ImageName
from bsdvirt.zfs.base import Dataset

VERB = "import image"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of an image besides its file."""

    loader: Loader | None = None
    system: System = "other"
    user: str = ""
    cloud_init: bool = False
    profile: str = ""
    source: str = ""
    """Its URL, where it was fetched."""
    checksum: str = ""
    """Of the file, where it was checked already."""


@dataclass(frozen=True, slots=True)
class Found:
    """An image that is here."""

    base: Base
    image: Image


def check_name(name: str) -> str:
    """Raises UsageError for what is no name of an image."""
    try:
        return str(ImageName.parse(name))
    except BadValueError as error:
        raise UsageError(str(error), "such as freebsd-14.3") from None


def import_file(session: Session, file: str, name: str, about: About | None = None) -> str:
    """Make an image of a file; its name.

    Raises ConflictError where there is one, NotFoundError and UsageError for the file.
    """
    about = about or About()
    check_name(name)
    path = files.absolute(file)
    with session.locked("image", name, f"image import {name}"):
        found = session.inventory()
        session.need_mounted(found)
        refuse_existing(found, name)
        with held(session, path, VERB, name) as file:
            source = files.examine(session, file, path, VERB, name)
            checksum = about.checksum or files.checksum(session, file, VERB, name)
            image = Image(
                source=about.source or path,
                checksum=checksum,
                format=str(source.form),
                created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                profile=about.profile,
                loader=about.loader,
                system=about.system,
                user=about.user,
                cloud_init=about.cloud_init,
            )
            session.run(plans.plan_import(name, source, image, found.layout, session.new_op()))
    return name


def refuse_existing(found: Inventory, name: str) -> None:
    """Raises ConflictError where there is an image of that name, whole or not."""
    if name in _datasets(found):
        raise ConflictError(
            f"image {name} is there already",
            f"choose another name, or bsdvirt image rm {name}",
        )


def remove(session: Session, name: str) -> None:
    """Take an image away. Raises ConflictError naming the disks that are clones of it."""
    with session.destroying("image", name, f"image rm {name}"):
        found = session.inventory()
        _dataset(found, name)
        roots = [root for root in found.layouts if name in _datasets(found, root)]
        op = session.new_op()
        session.run(together([_removal(session, name, root, op) for root in roots]))


def _removal(session: Session, name: str, root: Layout, op: str) -> Plan:
    clones = [
        clone
        for snapshot in session.zfs.snapshots(root.image(name))
        for clone in session.zfs.clones(snapshot)
    ]
    return plans.plan_remove(name, clones, root, op)


def provide(session: Session, name: str, target: Layout) -> str:
    """Copy an image into a root, where it is not there yet: a clone is in the pool of what
    it is a clone of. The dataset that it is a copy of; nothing where nothing was copied.

    Raises as `find` does.
    """
    here = _datasets(session.inventory(), target).get(name)
    if here is not None and here.op is None:
        return ""
    with session.locked("image", name, f"copy image {name}"):
        # Read again: what was cut short has been mended.
        found = session.inventory()
        session.need_mounted(found, target)
        if name in _datasets(found, target):
            return ""
        source = find(session, found, name)
        base = replace(source.base, stream=stream_size(session, source.base.snapshot))
        plan = plans.plan_copy(name, base, source.image, target, session.new_op())
        why = f"it is not in {target.dataset} yet: copied first"
        session.sink(events.Told(plan.op, plan.verb, name, why))
        session.run(plan, home=target)
    return base.dataset


def find(session: Session, found: Inventory, name: str, at: Layout | None = None) -> Found:
    """An image, to make a disk of it; the caller holds its lock. In a root, or in any where
    none is named, the first before others.

    Raises NotFoundError, ConflictError for one that is not whole.
    """
    dataset = _dataset(found, name, at)
    value = session.zfs.local(dataset.name, PROPERTY)
    if dataset.op is not None or dataset.volsize is None:
        raise ConflictError(f"image {name} is not whole", "bsdvirt doctor --repair")
    return Found(Base(name, dataset.name, dataset.volsize), _image(name, value))


def entries(session: Session, found: Inventory | None = None) -> list[ImageRow]:
    """Return a row for each image, with the guests whose disks are clones of it."""
    found = found or session.inventory()
    here = _datasets(found)
    if not here:
        return []
    told: dict[str, str] = {}
    for root in found.layouts:
        if _datasets(found, root):
            told |= session.zfs.locals(f"{root.dataset}/images", PROPERTY)
    return [_entry(found, name, dataset, told) for name, dataset in here.items()]


def entry(session: Session, name: str) -> ImageRow:
    """Return the row of one image. Raises NotFoundError."""
    found = session.inventory()
    dataset = _dataset(found, name)
    value = session.zfs.local(dataset.name, PROPERTY)
    return _entry(found, name, dataset, {dataset.name: value} if value else {})


def _entry(found: Inventory, name: str, dataset: Dataset, told: Mapping[str, str]) -> ImageRow:
    image = _image(name, told.get(dataset.name))
    copies = [(root, d) for root in found.layouts if (d := _datasets(found, root).get(name))]
    pools = [root.dataset for root, _ in copies]
    return ImageRow(
        name=name,
        size=dataset.volsize,
        used=sum(copy.used for _, copy in copies),
        guests=sorted({user for root, d in copies for user in _users(found, d.name, root)}),
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
        complete=dataset.op is None,
        pools=pools,
        roots=pools,
    )


def _users(found: Inventory, dataset: str, root: Layout) -> list[str]:
    """The guests whose disks are clones of an image, of what one listing shows."""
    clones = [d.name for d in found.datasets if (d.origin or "").startswith(f"{dataset}@")]
    return sorted({plans.user_of(clone, root) for clone in clones})


def _datasets(found: Inventory, at: Layout | None = None) -> dict[str, Dataset]:
    """By name, of a root; of all of them where none is named, the first before others."""
    if at is None:
        every = (_datasets(found, root) for root in reversed(found.layouts))
        return dict(sorted({n: d for part in every for n, d in part.items()}.items()))
    prefix = f"{at.dataset}/images/"
    return {
        d.name.removeprefix(prefix): d
        for d in found.datasets
        if d.name.startswith(prefix) and d.kind == "volume"
    }


def _dataset(found: Inventory, name: str, at: Layout | None = None) -> Dataset:
    here = _datasets(found, at)
    if name not in here:
        hint = (
            did_you_mean(name, here) or "bsdvirt image profiles, then bsdvirt image fetch PROFILE"
        )
        raise NotFoundError(f"no image {name}", hint)
    return here[name]


def _image(name: str, value: str | None) -> Image:
    """What is kept of an image; of a volume that somebody else put there, nothing."""
    try:
        return decode(Image, parse_json(value or ""), f"image {name}")
    except BsdvirtError:
        return Image(source="", checksum="", format="", created="")
