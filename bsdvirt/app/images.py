"""Images made of files, shown, taken away; and found, for the disks that are made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bsdvirt.app import sources
from bsdvirt.app.session import Session
from bsdvirt.bhyve import images as plans
from bsdvirt.bhyve.disks import Base
from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.spec.base import BadValueError, did_you_mean
from bsdvirt.spec.cloud import System
from bsdvirt.spec.images import PROPERTY, Image, Loader
from bsdvirt.spec.load import decode
from bsdvirt.spec.types import ImageName
from bsdvirt.store.guests import Inventory
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
    path = sources.absolute(file)
    with session.locked("image", name, f"image import {name}"):
        found = session.inventory()
        session.need_mounted(found)
        refuse_existing(found, name)
        source = sources.examine(session, path, VERB, name)
        checksum = about.checksum or sources.checksum(session, path, VERB, name)
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
    with session.locked("image", name, f"image rm {name}"):
        found = session.inventory()
        dataset = _dataset(found, name)
        clones = [
            clone
            for snapshot in session.zfs.snapshots(dataset.name)
            for clone in session.zfs.clones(snapshot)
        ]
        session.run(plans.plan_remove(name, clones, found.layout, session.new_op()))


def find(session: Session, found: Inventory, name: str) -> Found:
    """An image, to make a disk of it; the caller holds its lock.

    Raises NotFoundError, ConflictError for one that is not whole.
    """
    dataset = _dataset(found, name)
    value = session.zfs.local(dataset.name, PROPERTY)
    if dataset.op is not None or dataset.volsize is None:
        raise ConflictError(f"image {name} is not whole", "bsdvirt doctor --repair")
    return Found(Base(name, dataset.name, dataset.volsize), _image(name, value))


def entries(session: Session, found: Inventory | None = None) -> list[dict[str, Any]]:
    """All images, with the guests whose disks are clones of each."""
    found = found or session.inventory()
    here = _datasets(found)
    if not here:
        return []
    told = session.zfs.locals(f"{found.layout.dataset}/images", PROPERTY)
    return [_entry(found, name, dataset, told) for name, dataset in here.items()]


def entry(session: Session, name: str) -> dict[str, Any]:
    """One of them. Raises NotFoundError."""
    found = session.inventory()
    dataset = _dataset(found, name)
    value = session.zfs.local(dataset.name, PROPERTY)
    return _entry(found, name, dataset, {dataset.name: value} if value else {})


def _entry(
    found: Inventory, name: str, dataset: Dataset, told: Mapping[str, str]
) -> dict[str, Any]:
    image = _image(name, told.get(dataset.name))
    return {
        "name": name,
        "size": dataset.volsize,
        "used": dataset.used,
        "guests": _users(found, dataset.name),
        "loader": image.loader,
        "system": image.system,
        "user": image.user or None,
        "cloud_init": image.cloud_init,
        "profile": image.profile or None,
        "source": image.source,
        "checksum": image.checksum,
        "format": image.format,
        "created": image.created,
        "dataset": dataset.name,
        "complete": dataset.op is None,
    }


def _users(found: Inventory, dataset: str) -> list[str]:
    """The guests whose disks are clones of an image, of what one listing shows."""
    clones = [d.name for d in found.datasets if (d.origin or "").startswith(f"{dataset}@")]
    return sorted({plans.user_of(clone, found.layout) for clone in clones})


def _datasets(found: Inventory) -> dict[str, Dataset]:
    prefix = f"{found.layout.dataset}/images/"
    return {
        d.name.removeprefix(prefix): d
        for d in found.datasets
        if d.name.startswith(prefix) and d.kind == "volume"
    }


def _dataset(found: Inventory, name: str) -> Dataset:
    here = _datasets(found)
    if name not in here:
        hint = did_you_mean(name, here) or "bsdvirt image fetch, or bsdvirt image import"
        raise NotFoundError(f"no image {name}", hint)
    return here[name]


def _image(name: str, value: str | None) -> Image:
    """What is kept of an image; of a volume that somebody else put there, nothing."""
    try:
        return decode(Image, json.loads(value or ""), f"image {name}")
    except (BsdvirtError, ValueError):
        return Image(source="", checksum="", format="", created="")
