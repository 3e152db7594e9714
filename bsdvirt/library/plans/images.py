"""Plans that make images and take them away: golden volumes that disks are cloned of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bsdvirt.bhyve.volumes import BLOCK, COPY_SECONDS, PROPERTIES, Base, appear, whole
from bsdvirt.errors import ConflictError
from bsdvirt.guest.marks import clear_mark, destroy_marked, destroy_ours, mark_going, mark_of
from bsdvirt.host import tools
from bsdvirt.layout import Layout, zvol
from bsdvirt.library.formats import LIMITED, RAW, UNPACKERS, Form
from bsdvirt.plan.step import Command, Pipeline, Plan, Step
from bsdvirt.spec.fields import plain
from bsdvirt.spec.images import PROPERTY, Image
from bsdvirt.spec.types import Size

BUSY_SECONDS = 15.0
DESTROY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and how large the disk in it is."""

    path: str
    form: Form
    size: int


def filled(source: Source, target: str, *options: str) -> Command | Pipeline:
    """Put what is in a file into a device or another file."""
    write = (tools.DD, f"of={target}", "bs=1m", *options, "status=progress")
    if source.form.packed:
        read = (*UNPACKERS[source.form.packed], source.path)
        return Pipeline(read, write, timeout=COPY_SECONDS)
    if source.form.format == RAW:
        return Command((tools.DD, f"if={source.path}", *write[1:]), timeout=COPY_SECONDS)
    # The volume is new, so that what is zero in the image is zero there already.
    words = ("convert", "-p", "-n", "--target-is-zero", "-f", source.form.format, "-O", RAW)
    return Command((*LIMITED, tools.QEMU_IMG, *words, source.path, target), timeout=COPY_SECONDS)


def plan_import(name: str, source: Source, image: Image, layout: Layout, op: str) -> Plan:
    """Make an image of a file. All of it is checked already."""
    dataset = layout.image(name)
    told = msgspec.json.encode(plain(image)).decode()
    size = max(whole(source.size), whole(1))
    words = (tools.ZFS, "create", "-s", "-V", str(size), *mark_of(op), "-o", f"{PROPERTY}={told}")
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
        Step(Command((tools.ZFS, "set", "readonly=on", dataset)), "keep it as it is", durable=True),
        Step(
            Command((tools.ZFS, "snapshot", f"{dataset}@base")),
            "what disks are cloned of",
            durable=True,
        ),
    )
    return Plan("import image", name, "image", steps, (clear_mark(dataset, op),), op=op)


def plan_copy(name: str, base: Base, image: Image, target: Layout, op: str) -> Plan:
    """Copy an image into a root on another pool, where no disk can be a clone of it."""
    dataset = target.image(name)
    told = msgspec.json.encode(plain(image)).decode()
    words = (*mark_of(op), "-o", f"{PROPERTY}={told}", *PROPERTIES)
    steps = (
        Step(
            Pipeline(
                (tools.ZFS, "send", "-vP", base.snapshot),
                (tools.ZFS, "receive", *words, dataset),
                timeout=COPY_SECONDS,
            ),
            f"copy image {name} to {target.dataset}",
            undo=(destroy_ours(dataset, op),),
            durable=True,
            size=base.stream,
        ),
        appear(dataset),
        Step(Command((tools.ZFS, "set", "readonly=on", dataset)), "keep it as it is", durable=True),
    )
    return Plan("copy image", name, "image", steps, (clear_mark(dataset, op),), op=op)


def plan_remove(name: str, clones: Sequence[str], layout: Layout, op: str) -> Plan:
    """Take an image away. Raises ConflictError where disks are clones of it."""
    if clones:
        users = ", ".join(user_of(clone, layout) for clone in clones)
        raise ConflictError(
            f"image {name} is the base of {users}",
            "destroy those first, or let one have what they share, which then outlives the"
            f" image: zfs promote {clones[0]}",
        )
    dataset = layout.image(name)
    gone = destroy_marked(dataset, op, f"destroy {dataset}", timeout=DESTROY_SECONDS)
    return Plan(
        "remove image",
        name,
        "image",
        (mark_going(dataset, op),),
        (gone,),
        op=op,
        must_journal=False,
    )


def user_of(clone: str, layout: Layout) -> str:
    """The guest whose disk a clone is; its dataset where it is none of ours."""
    prefix = f"{layout.dataset}/guests/"
    return clone.removeprefix(prefix).split("/")[0] if clone.startswith(prefix) else clone
