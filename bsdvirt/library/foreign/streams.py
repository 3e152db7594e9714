"""The header of a ZFS stream: what it is of, without receiving it. Pure.

Layout: dmu_replay_record_t and drr_begin in sys/zfs_ioctl.h of OpenZFS: type and payload length,
then magic, versions, creation, kind of object set, flags, two GUIDs and the snapshot's name.
"""

from __future__ import annotations

import re
import struct

from msgspec import Struct

from bsdvirt.library.foreign.found import shown

HEAD = 312
_MAGIC = 0x2F5BACBAC
_BEGIN = struct.Struct("<IIQQQIIQQ")
_NAME = 256
_COMPOUND = 2
_VOLUME = 3


class Stream(Struct, frozen=True):
    """What a ZFS stream is of."""

    snapshot: str
    volume: bool
    incremental: bool
    compound: bool
    """Made by zfs send -R, of several datasets."""

    @property
    def words(self) -> str:
        """For people."""
        what = "a volume" if self.volume else "a file system"
        whole = "a package of streams" if self.compound else f"a ZFS stream of {what}"
        return f"{whole}, {shown(self.snapshot)}"

    @property
    def made_by(self) -> str:
        """Return the tool whose export has a snapshot of such a name; empty if none has."""
        dataset, _, snapshot = self.snapshot.partition("@")
        last = dataset.rpartition("/")[2]
        if snapshot.startswith(f"bastille_{last}_"):
            return "bastille"
        if snapshot.startswith("ioc-export-"):
            return "iocage"
        return ""


def header(head: bytes) -> Stream | None:
    """Return what a file that begins so is a stream of; None if it is none."""
    if len(head) < HEAD:
        return None
    kind, _, magic, info, _, objects, _, _, since = _BEGIN.unpack_from(head)
    if kind != 0 or magic != _MAGIC:
        return None
    name = head[_BEGIN.size : _BEGIN.size + _NAME].split(b"\0")[0].decode("utf-8", "replace")
    plain = re.sub(r"[^!-~]", "?", name)
    return Stream(plain, objects == _VOLUME, since != 0, info & 3 == _COMPOUND)
