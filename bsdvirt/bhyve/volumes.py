"""Steps that make, copy and grow the disks of virtual machines: zvols. Pure.

A zvol is sparse and has no GEOM provider on the host (volmode=dev): the host never looks
into a guest's partitions. A clone inherits from its place, not from its origin, so each
property is set again.

The dataset that a zvol is made in has volmode=dev too. Without that, the kernel makes the
device in the default mode first, and then, as the property is set, takes it away and makes
another of the same name at once; while GEOM's is still there, that fails unseen, and the
zvol stays without a device (zvol_set_volmode_impl in zvol.c; about every second time on a
13.2 under load).
"""

from __future__ import annotations

from dataclasses import dataclass

from bsdvirt.errors import UsageError
from bsdvirt.guest.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.host import tools
from bsdvirt.layout import zvol
from bsdvirt.plan.step import Await, Command, Pipeline, Step, Undo
from bsdvirt.spec.types import Size

MIB = 1 << 20
BLOCK = "16K"
PROPERTIES = ("-o", "volmode=dev", "-o", "compression=lz4", "-o", "sync=standard")
COPY_SECONDS = 24 * 3600.0
DEVICE_SECONDS = 5.0
SLOW_SECONDS = 30.0
IN_DEV_MODE = ("-o", "volmode=dev")
"""For a dataset that zvols are made in."""
GROW_NOTE = (
    "partitions and file systems on it are the guest's to grow: on FreeBSD gpart recover,"
    " gpart resize and growfs"
)


@dataclass(frozen=True, slots=True)
class Base:
    """An image to make a disk of. `stream` is what zfs(8) estimates to send of it."""

    name: str
    dataset: str
    size: int
    stream: int = 0

    @property
    def snapshot(self) -> str:
        return f"{self.dataset}@base"


def whole(size: int) -> int:
    """The size rounded up to whole MiB, so that it is a multiple of every block size."""
    return -(-size // MIB) * MIB


def blank(dataset: str, size: int, op: str) -> tuple[Step, ...]:
    """An empty disk."""
    words = (tools.ZFS, "create", "-s", "-V", str(whole(size)), *mark_of(op), *PROPERTIES)
    made = Step(
        Command((*words, "-o", f"volblocksize={BLOCK}", dataset)),
        f"an empty disk of {Size(whole(size))}",
        undo=(destroy_ours(dataset, op),),
        durable=True,
    )
    return made, appear(dataset)


def of_image(
    dataset: str, base: Base, size: int | None, op: str, *, thick: bool = False
) -> tuple[Step, ...]:
    """A disk that holds what an image holds, grown to `size`: a clone, or with `thick` a copy
    that the image can be removed under.

    Raises UsageError where it would be smaller than the image.
    """
    wanted = grown(base.size, whole(size) if size is not None else base.size, base.name)
    made = _copy(dataset, base, op) if thick else _clone(dataset, base, op)
    more = (grow(dataset, wanted),) if wanted > base.size else ()
    return *made, *more, appear(dataset)


def _clone(dataset: str, base: Base, op: str) -> tuple[Step, ...]:
    return (
        Step(
            Command((tools.ZFS, "clone", *mark_of(op), *PROPERTIES, base.snapshot, dataset)),
            f"a disk, a clone of the image {base.name}",
            undo=(destroy_ours(dataset, op),),
            durable=True,
        ),
    )


def _copy(dataset: str, base: Base, op: str) -> tuple[Step, ...]:
    copied = Step(
        Pipeline(
            (tools.ZFS, "send", "-vP", base.snapshot),
            (tools.ZFS, "receive", *mark_of(op), *PROPERTIES, dataset),
            timeout=COPY_SECONDS,
        ),
        f"a disk, a full copy of the image {base.name}",
        undo=(destroy_ours(dataset, op),),
        durable=True,
        size=base.stream,
    )
    freed = Step(
        Command((tools.ZFS, "destroy", f"{dataset}@base")),
        "the snapshot that came with the copy",
        durable=True,
    )
    return copied, freed


def appear(dataset: str) -> Step:
    """The kernel makes a volume's device after zfs(8) has ended; where it does not, it is
    told to make it anew."""
    device = zvol(dataset)
    return Step(
        Await(device, DEVICE_SECONDS),
        "its device appears a moment later",
        remedy=(
            Undo(Command((tools.ZFS, "set", "volmode=none", dataset))),
            Undo(Command((tools.ZFS, "set", "volmode=dev", dataset))),
            Undo(Await(device, SLOW_SECONDS)),
        ),
    )


def complete(dataset: str, op: str) -> Step:
    """The disk belongs to no operation any more: for a plan's finish."""
    return clear_mark(dataset, op)


def grown(old: int, new: int, name: str) -> int:
    """The new size. Raises UsageError where the disk would lose what is at its end."""
    if new < old:
        raise UsageError(
            f"{name} is of {Size(old)}, and cannot be made as small as {Size(new)}",
            f"what is at its end would be lost: say {Size(old)} or more",
        )
    return new


def grow(dataset: str, size: int) -> Step:
    """Set a disk's size. It has no undo, since shrinking could lose what a guest has written
    meanwhile: where the disk is not new, it comes after the commit."""
    return Step(
        Command((tools.ZFS, "set", f"volsize={size:d}", dataset)),
        f"grow it to {Size(size)}",
        durable=True,
        retry=10.0,
    )
