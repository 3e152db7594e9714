"""Steps that create, copy and grow the disks of virtual machines: zvols. Pure.

A zvol is sparse and has no GEOM provider on the host (volmode=dev): the host never reads a
guest's partitions. A clone inherits properties from its parent dataset, not from its origin, so
each is set again.

The parent dataset of a zvol has volmode=dev too. Otherwise the kernel first makes the device in
the default mode, and then, when the property is set, removes it and makes another of the same
name at once; while GEOM's still exists, that fails silently, and the zvol has no device
(zvol_set_volmode_impl in zvol.c; about every second time on a 13.2 under load).
"""

from __future__ import annotations

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.host import tools
from bsdvirt.layout import zvol
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Await, Command, Pipeline, Step, Undo
from bsdvirt.spec.types import Size

MIB = 1 << 20
BLOCK = "16K"
PROPERTIES = ("-o", "volmode=dev", "-o", "compression=lz4", "-o", "sync=standard")
COPY_SECONDS = 24 * 3600.0
DEVICE_SECONDS = 5.0
SLOW_SECONDS = 30.0
IN_DEV_MODE = ("-o", "volmode=dev")
"""For the parent dataset of zvols."""
GROW_NOTE = (
    "partitions and file systems on it are the guest's to grow: on FreeBSD gpart recover,"
    " gpart resize and growfs"
)
LIVE_NOTE = (
    "on FreeBSD 15 the guest sees the new size of a virtio or NVMe disk at once, without a reboot"
)
"""ZFS of 15 tells bhyve of it (zvol_os.c), which tells the guest. Seen on a real 15.1."""


class Base(Struct, frozen=True):
    """An image to make a disk from. `stream` is the size of its stream, as zfs(8) estimates."""

    name: str
    dataset: str
    size: int
    stream: int = 0

    @property
    def snapshot(self) -> str:
        return f"{self.dataset}@base"


def whole(size: int) -> int:
    """Return the size rounded up to whole MiB, a multiple of every block size."""
    return -(-size // MIB) * MIB


def blank(dataset: str, size: int, op: str) -> tuple[Step, ...]:
    """Create an empty disk."""
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
    """Create a disk from an image, grown to `size`: a clone, or with `thick` a copy that does
    not depend on the image.

    Raise UsageError if it would be smaller than the image.
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
    """Wait for a volume's device, which the kernel makes after zfs(8) has ended. If it does not
    appear, set volmode again."""
    device = zvol(dataset)
    return Step(
        Await(device, DEVICE_SECONDS),
        "wait for its device",
        remedy=(
            Undo(Command((tools.ZFS, "set", "volmode=none", dataset))),
            Undo(Command((tools.ZFS, "set", "volmode=dev", dataset))),
            Undo(Await(device, SLOW_SECONDS)),
        ),
    )


def complete(dataset: str, op: str) -> Step:
    """Clear the operation's mark from a disk, at the end of a plan."""
    return clear_mark(dataset, op)


def grown(old: int, new: int, name: str) -> int:
    """Return the new size. Raise UsageError if the disk would lose data at its end."""
    if new < old:
        raise UsageError(
            f"{name} is of {Size(old)}, and cannot shrink to {Size(new)}",
            f"the data at its end would be lost: use {Size(old)} or more",
        )
    return new


def grow(dataset: str, size: int) -> Step:
    """Set a disk's size. There is no undo, since shrinking could lose what a guest has written
    since: if the disk is not new, this comes after the commit."""
    return Step(
        Command((tools.ZFS, "set", f"volsize={size:d}", dataset)),
        f"grow it to {Size(size)}",
        durable=True,
        retry=10.0,
    )
