"""ZFS properties of a guest's data, and datasets delegated to a jail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from bsdvirt.spec.base import BadValueError, Live, Spec, prop, shown
from bsdvirt.spec.becomes import ZfsProperty
from bsdvirt.spec.fields import fields_of, written
from bsdvirt.spec.mounts import Mount, within
from bsdvirt.spec.types import AbsolutePath, DatasetName, DeviceName, Patterned, Size, Space


class RecordSize(Size):
    """A record size, a power of two (zfsprops(7))."""

    words = "record size"

    @classmethod
    def parse(cls, value: object) -> Self:
        size = super().parse(value)
        if not 512 <= size <= 16 << 20 or size & (size - 1):
            raise BadValueError(f"{shown(value)} is not a power of two from 512 to 16M")
        return size


class Compression(Patterned):
    """A compression algorithm of ZFS."""

    words = "a compression"
    pattern = (
        "on|off|lz4|lzjb|zle|gzip(-[1-9])?|zstd(-(1[0-9]|[1-9]))?"
        "|zstd-fast(-([1-9]|10|20|30|40|50|60|70|80|90|100|500|1000))?"
    )
    longest = 14
    rule = "it is lz4, zstd, zstd-9, gzip, off or another of zfsprops(7)"


Reservation = Annotated[
    Space | None,
    prop("Space that the pool reserves for it.", unit="bytes", live=Live.NOW,
         becomes=ZfsProperty("reservation", clear="none")),
]  # fmt: skip
Quota = Annotated[
    Space | None,
    prop("Limit of its space, snapshots included.", unit="bytes", live=Live.NOW,
         becomes=ZfsProperty("quota", clear="none")),
]  # fmt: skip
Refquota = Annotated[
    Space | None,
    prop("Limit of its space, snapshots excluded.", unit="bytes", live=Live.NOW,
         becomes=ZfsProperty("refquota", clear="none")),
]  # fmt: skip
Compress = Annotated[
    Compression | None,
    prop("Compression of new data, such as lz4 or zstd.",
         becomes=ZfsProperty("compression"), live=Live.NOW),
]  # fmt: skip
Record = Annotated[
    RecordSize | None,
    prop("Largest record size of new files.", unit="bytes",
         becomes=ZfsProperty("recordsize"), live=Live.NOW),
]  # fmt: skip
Atime = Annotated[
    bool | None,
    prop("Update access times.", becomes=ZfsProperty("atime"), live=Live.NOW),
]  # fmt: skip


class Delegated(Spec, frozen=True, kw_only=True):
    """A dataset delegated to the jail (zfs-jail(8))."""

    name: Annotated[
        DeviceName,
        prop("Name; without `dataset`, also that of the dataset beneath the guest's own."),
    ]
    dataset: Annotated[
        DatasetName | None,
        prop("Existing dataset to use instead of one created for the guest."),
    ] = None
    mountpoint: Annotated[
        AbsolutePath | None,
        prop(
            "Mount point in the jail; required without `dataset`, otherwise by default "
            "that of the dataset.",
            becomes=ZfsProperty("mountpoint", by="jail.datasets"),
        ),
    ] = None
    reservation: Reservation = None
    quota: Quota = None
    refquota: Refquota = None
    compression: Compress = None
    recordsize: Record = None
    atime: Atime = None

    def __post_init__(self) -> None:
        if self.dataset is None and self.mountpoint is None:
            raise BadValueError("a mount point is needed", at="mountpoint", hint="as /data")
        if self.dataset is None and self.name == "root":
            raise BadValueError(
                "root is the dataset of the jail's root", at="name", hint="choose another"
            )


SETTINGS: dict[str, ZfsProperty] = {
    one.name: one
    for field in fields_of(Delegated).values()
    for one in field.becomes
    if isinstance(one, ZfsProperty) and not one.by
}
"""The properties of ZFS that can be set on the datasets of a jail, by name."""


def settings(spec: Spec) -> dict[str, str]:
    """Return the properties of ZFS that a struct sets, with values as for zfs(8)."""
    return written(spec, ZfsProperty)


def check_datasets(datasets: Sequence[Delegated], mounts: Sequence[Mount]) -> None:
    """Raise BadValueError for duplicate names, datasets or mount points, and where a mount and
    a dataset would hide each other."""
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(datasets):
        for field in ("name", "dataset", "mountpoint"):
            value = getattr(one, field)
            if value is not None and (field, str(value)) in seen:
                raise BadValueError(f"{value} is given twice", at=f"datasets.{number}.{field}")
            seen.add((field, str(value)))
        place = str(one.mountpoint or "")
        for mount in mounts:
            if place and (within(mount.place, place) or within(place, mount.place)):
                raise BadValueError(
                    f"{place} and the mount {mount.name} at {mount.place} hide each other",
                    at=f"datasets.{number}.mountpoint",
                    hint="choose another mount point",
                )
        if place and within(place, "/dev"):
            raise BadValueError(
                f"{place} would hide the jail's /dev", at=f"datasets.{number}.mountpoint"
            )
