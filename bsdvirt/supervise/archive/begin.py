"""The first record of a stream of zfs(8): dmu_replay_record in sys/zfs_ioctl.h."""

from __future__ import annotations

import struct

from bsdvirt.supervise.files import Failed

SIZE = 312
"""Bytes of a record."""
_MAGIC = 0x2F5BACBAC
_FIELDS = "IIQQQIIQQ"
"""drr_type, drr_payloadlen; drr_magic, drr_versioninfo, drr_creation_time, drr_type, drr_flags,
drr_toguid, drr_fromguid."""
_BEGIN = 0
_SUBSTREAM = 1
"""One snapshot; 2 is a package of several, or one with properties."""
_KINDS = {2: "filesystem", 3: "volume"}
"""DMU_OST_ZFS, DMU_OST_ZVOL."""
_RAW = 1 << 24
"""DMU_BACKUP_FEATURE_RAW: sent as it is encrypted on disk."""


def guid_of(record: bytes, kind: str, *, raw: bool) -> int:
    """Return the guid of the snapshot in a stream.

    Raises Failed if it is not that of one snapshot, in full and without properties, of a dataset of
    that kind: zfs receive makes exactly one dataset of it.
    """
    if len(record) < SIZE:
        raise Failed("it is not a stream of zfs(8)")
    for order in "<>":
        values = struct.unpack_from(order + _FIELDS, record)
        record_type, payload, magic, version, _, objset, _, guid, since = values
        if magic == _MAGIC and record_type == _BEGIN:
            break
    else:
        raise Failed("it is not a stream of zfs(8)")
    is_raw = bool(version >> 2 & _RAW)
    if version & 3 != _SUBSTREAM or since or is_raw != raw or (payload and not raw):
        raise Failed("it is not the stream of one snapshot in full")
    if _KINDS.get(objset) != kind:
        raise Failed(f"it is not the stream of a {kind}")
    return int(guid)
