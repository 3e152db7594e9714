"""Images that refer to other files are refused by their own headers, before a tool opens them."""

from __future__ import annotations

import struct

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.library.headers import refuse_others

NOTHING = bytes(512)


def qcow2(
    version: int = 3, backing: bytes = b"", crypt: int = 0, features: int = 0, data: bytes = b""
) -> bytes:
    """As docs/interop/qcow2.txt lays it out."""
    padded = data.ljust(-(-len(data) // 8) * 8, b"\0")
    extensions = struct.pack(">II", 0x44415441, len(data)) + padded
    body = (extensions if data else b"") + bytes(8)
    at = 104 + len(body)
    head = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", version, at if backing else 0, len(backing), 16, 1 << 30,
        crypt, 1, 1 << 18, 1 << 16, 1, 0, 0,
    )  # fmt: skip
    return head + struct.pack(">QQQII", features, 0, 0, 4, 104) + body + backing + bytes(1000)


def vmdk(capacity: int = 2048, text: bytes = b"parentCID=ffffffff\n", at: int = 1) -> bytes:
    head = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, capacity, 128, at, 20)
    return head.ljust(512, b"\0") + text.ljust(20 * 512, b"\0")


def vhd(kind: int) -> bytes:
    return (b"conectix" + bytes(52) + struct.pack(">I", kind)).ljust(512, b"\0")


def vdi(kind: int) -> bytes:
    head = bytes(0x40) + b"\x7f\x10\xda\xbe" + bytes(8) + struct.pack("<I", kind)
    return head.ljust(512, b"\0")


WHOLE = [
    ("qcow2", qcow2(), NOTHING),
    ("qcow2", qcow2(version=2), NOTHING),
    ("qcow2", qcow2(features=0b11000), NOTHING),
    ("vmdk", vmdk(), NOTHING),
    ("vpc", vhd(3), vhd(3)),
    ("vpc", b"MBR" + bytes(600), vhd(2)),
    ("vdi", vdi(1), NOTHING),
    ("raw", b"MBR", NOTHING),
]
PARTS = [
    ("qcow2", qcow2(backing=b"/etc/master.passwd"), "refers to /etc/master.passwd"),
    ("qcow2", qcow2(version=2, backing=b"/etc/passwd"), "refers to /etc/passwd"),
    ("qcow2", qcow2(backing=b"json:{}"), "refers to json"),
    ("qcow2", qcow2(features=4), "refers to a data file"),
    ("qcow2", qcow2(data=b"/etc/passwd"), "refers to a data file"),
    ("qcow2", qcow2(features=1 << 40), "unknown features"),
    ("qcow2", qcow2(crypt=2), "is encrypted"),
    ("qcow2", qcow2(version=9), "version 9"),
    ("qcow2", qcow2()[:60], "truncated"),
    ("qcow2", b"QFI\xfb", "truncated"),
    ("vmdk", b"# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0\n", "in other files"),
    ("vmdk", vmdk(capacity=0), "in other files"),
    ("vmdk", vmdk(text=b"parentCID=12345678\n"), "a parent"),
    ("vmdk", vmdk(text=b"CID=1\nparentFileNameHint=\"/etc/passwd\"\n"), "a parent"),
    ("vmdk", vmdk(text=b"x", at=1 << 40), "unsupported offset"),
    ("vpc", vhd(4), "a parent"),
    ("vdi", vdi(4), "a parent"),
    ("vdi", vdi(0)[:70], "truncated"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "head", "tail"), WHOLE)
def test_what_is_whole(format: str, head: bytes, tail: bytes) -> None:
    refuse_others("/x", format, head, tail)


@pytest.mark.parametrize(("format", "head", "says"), PARTS)
def test_what_is_not(format: str, head: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        refuse_others("/x", format, head, NOTHING)


def test_every_cut_of_a_header_is_refused_or_read() -> None:
    for format, head, tail in WHOLE:
        for end in range(len(head[:700])):
            try:
                refuse_others("/x", format, head[:end], tail[:end])
            except UsageError:
                continue
