"""Headers of disk images, checked before any tool opens them: an image that refers to another file
would have that file of the host copied into a guest. Pure.

Fields: QEMU's docs/interop/qcow2.txt and block/vmdk.c, vdi.c; Microsoft's specification of VHD.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping

from bsdvirt.errors import UsageError

_QCOW2_DATA_FILE = 1 << 2
_QCOW2_KNOWN = 0b11111
"""Incompatible features: dirty, corrupt, data file, compression type, extended L2."""
_QCOW2_END = 0
_QCOW2_DATA_NAME = 0x44415441
_MOST_EXTENSIONS = 64
_VHD_KINDS = (2, 3)
"""Fixed and dynamic; 4 is differencing."""
_VDI_KINDS = (1, 2)
"""Dynamic and fixed; 3 and 4 have a parent."""
_SECTOR = 512
_NO_PARENT = 0xFFFFFFFF
_PARENT = re.compile(rb"^\s*parentCID\s*=\s*([0-9a-fA-F]{1,16})", re.MULTILINE)


def refuse_others(path: str, format: str, head: bytes, tail: bytes) -> None:
    """Raise UsageError for an image that depends on another file or is encrypted, and for a
    truncated header. `head` and `tail` are its first and last bytes."""
    look = _LOOKS.get(format)
    if look is None:
        return
    try:
        why = look(head, tail)
    except struct.error:
        why = "is truncated"
    if why == "is encrypted":
        raise UsageError(f"{path} is encrypted", "decrypt it first, with qemu-img convert")
    if why:
        raise UsageError(
            f"{path} is not a complete image: it {why}",
            f"if you trust it, convert it to one file: qemu-img convert -O raw {path} FILE",
        )


def _qcow2(head: bytes, tail: bytes) -> str:
    version, backing, length = struct.unpack_from(">IQI", head, 4)
    (crypt,) = struct.unpack_from(">I", head, 32)
    if backing or length:
        name = head[backing : backing + min(length, 1023)].decode("utf-8", "replace")
        return f"refers to {name or 'another file'}"
    if crypt:
        return "is encrypted"
    if version not in (2, 3):
        return f"is of version {version}, which is not supported"
    if version == 2:
        return ""
    (features,) = struct.unpack_from(">Q", head, 72)
    (size,) = struct.unpack_from(">I", head, 100)
    if features & _QCOW2_DATA_FILE:
        return "refers to a data file"
    if features & ~_QCOW2_KNOWN:
        return "has unknown features"
    return _qcow2_extensions(head, size)


def _qcow2_extensions(head: bytes, at: int) -> str:
    for _ in range(_MOST_EXTENSIONS):
        kind, length = struct.unpack_from(">II", head, at)
        if kind == _QCOW2_END:
            return ""
        if kind == _QCOW2_DATA_NAME:
            return "refers to a data file"
        at += 8 + (length + 7) // 8 * 8
    return "has unknown features"


def _vmdk(head: bytes, tail: bytes) -> str:
    if not head.startswith(b"KDMV"):
        return "is a descriptor whose data is in other files"
    (capacity,) = struct.unpack_from("<Q", head, 12)
    begin, size = struct.unpack_from("<QQ", head, 28)
    if not capacity:
        return "is a descriptor whose data is in other files"
    end = (begin + size) * _SECTOR
    if end > len(head):
        return "has its descriptor at an unsupported offset"
    # QEMU looks for a parent behind the first sector, wherever the header says it is.
    text = head[_SECTOR : max(end, 21 * _SECTOR)]
    parents = [int(found, 16) for found in _PARENT.findall(text)]
    if b"parentFileNameHint" in text or any(one != _NO_PARENT for one in parents):
        return "refers to a parent"
    return ""


def _vpc(head: bytes, tail: bytes) -> str:
    for part in (head, tail):
        if part.startswith(b"conectix"):
            (kind,) = struct.unpack_from(">I", part, 60)
            if kind not in _VHD_KINDS:
                return "refers to a parent"
    return ""


def _vdi(head: bytes, tail: bytes) -> str:
    (kind,) = struct.unpack_from("<I", head, 0x4C)
    return "" if kind in _VDI_KINDS else "refers to a parent"


_LOOKS: Mapping[str, Callable[[bytes, bytes], str]] = {
    "qcow2": _qcow2,
    "vmdk": _vmdk,
    "vpc": _vpc,
    "vdi": _vdi,
}
"""By format. QEMU itself refuses a VHDX with a parent."""
