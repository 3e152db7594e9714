"""Plans that import and copy images: volumes that disks are cloned from. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from bsdvirt.bhyve.volumes import BLOCK, COPY_SECONDS, PROPERTIES, Base, appear, whole
from bsdvirt.host import tools
from bsdvirt.layout import Layout, zvol
from bsdvirt.library.formats import LIMITED, RAW, UNPACKERS, Form
from bsdvirt.library.plans.entries import plan_copy as copy
from bsdvirt.library.plans.entries import sealed
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, Pipeline, Plan, Step
from bsdvirt.spec.fields import plain
from bsdvirt.spec.images import PROPERTY, Image
from bsdvirt.spec.types import Size

BUSY_SECONDS = 15.0


class Within(Struct, frozen=True):
    """A part of a file: a disk in an appliance."""

    offset: int
    size: int


class Source(Struct, frozen=True):
    """A file, its format, and the size of the disk in it."""

    path: str
    form: Form
    size: int
    within: Within | None = None
    """Where in the file, if the disk is not the whole of it."""


def filled(source: Source, target: str, *options: str) -> Command | Pipeline:
    """Return the command that writes a file's content to a device or another file."""
    if source.within is not None:
        return _converted(("--image-opts", _options(source, source.within)), target)
    write = (tools.DD, f"of={target}", "bs=1m", *options, "status=progress")
    if source.form.packed:
        read = (*UNPACKERS[source.form.packed], source.path)
        return Pipeline(read, write, timeout=COPY_SECONDS)
    if source.form.format == RAW:
        return Command((tools.DD, f"if={source.path}", *write[1:]), timeout=COPY_SECONDS)
    return _converted(("-f", source.form.format, source.path), target)


def _converted(source: tuple[str, ...], target: str) -> Command:
    """Convert a disk. The volume is new: blocks of zeros need not be written."""
    *options, path = source
    words = ("convert", "-p", "-n", "--target-is-zero", *options, "-O", RAW, path, target)
    return Command((*LIMITED, tools.QEMU_IMG, *words), timeout=COPY_SECONDS)


def _options(source: Source, within: Within) -> str:
    """Return a part of a file as qemu-img's --image-opts take it; a comma in a value is two."""
    path = source.path.replace(",", ",,")
    return (
        f"driver={source.form.format},file.driver=raw,file.offset={within.offset},"
        f"file.size={within.size},file.file.driver=file,file.file.filename={path}"
    )


def fill(dataset: str, source: Source) -> Step:
    """Copy a disk to a new volume."""
    return Step(
        filled(source, zvol(dataset), "conv=sparse"),
        f"copy the disk of {source.path}",
        durable=True,
        retry=BUSY_SECONDS,
        size=source.size,
    )


def plan_import(name: str, source: Source, image: Image, layout: Layout, op: str) -> Plan:
    """Import a verified file as an image."""
    dataset = layout.image(name)
    size = max(whole(source.size), whole(1))
    words = (tools.ZFS, "create", "-s", "-V", str(size), *mark_of(op), *_property(image))
    steps = (
        Step(
            Command((*words, *PROPERTIES, "-o", f"volblocksize={BLOCK}", dataset)),
            f"a volume of {Size(size)} for the image",
            undo=(destroy_ours(dataset, op),),
            durable=True,
        ),
        appear(dataset),
        Step(
            filled(source, zvol(dataset), "conv=sparse"),
            f"import {source.path}",
            durable=True,
            retry=BUSY_SECONDS,
            size=source.size,
        ),
        *sealed(dataset, "the origin of the disks' clones"),
    )
    return Plan("import image", name, "image", steps, (clear_mark(dataset, op),), op=op)


def plan_copy(name: str, base: Base, image: Image, target: Layout, op: str) -> Plan:
    """Copy an image to another pool: clones cannot cross pools."""
    options = (*_property(image), *PROPERTIES)
    received = (appear(target.image(name)),)
    return copy("image", name, base.dataset, target, op, base.stream, options, received)


def _property(image: Image) -> tuple[str, str]:
    return ("-o", f"{PROPERTY}={msgspec.json.encode(plain(image)).decode()}")
