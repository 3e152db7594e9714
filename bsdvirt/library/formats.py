"""The format of a disk image by its magic numbers: not by qemu-img's probing, which an image can
deceive. Pure.

Magic numbers: qcow2 and vmdk from QEMU's docs/interop and block/vmdk.c, VHD and VHDX from
Microsoft's specifications, compression formats from their specifications.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.host import tools
from bsdvirt.spec.digits import natural

HEAD = 64 * 1024
TAIL = 512
RAW = "raw"
UNPACKERS: Mapping[str, tuple[str, ...]] = {
    "gz": (tools.GZIP, "-dc"),
    "xz": (tools.XZ, "-dc", "-M", "1GiB"),
    "bz2": (tools.BZIP2, "-dc"),
    "zst": (tools.ZSTD, "-dc"),
}
"""By compression: the base system's tool that writes the content to standard output. The file
states how much memory xz(1) takes, up to 4 GB; zstd(1) has its own limit."""
_PACKED = {b"\x1f\x8b": "gz", b"\xfd7zXZ\0": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}
_FOREIGN = (
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
)
_NO_DISK = (
    (0x8001, b"CD001", "an ISO file", "bsdvirt media add FILE, for a CD drive"),
    (257, b"ustar", "a tar archive", "extract the disk from it, and import that"),
    (0, b"PK\x03\x04", "a zip archive", "extract the disk from it, and import that"),
    (0, b"-----BEGIN ", "not a disk image", "name a disk image"),
)
_ENDINGS = {"qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi"}
LIMITED = (tools.LIMITS, "-c", "0", "-f", "0", "-t", "12h", "-v", "4g")
"""limits(1) for qemu-img, which reads untrusted files: no core, no file written (a volume is a
device), 12 hours of CPU, 4 GB of address space."""
QEMU_PACKAGE = "qemu-tools"
"""The package with /usr/local/bin/qemu-img."""


class Form(Struct, frozen=True):
    """A file's format as qemu-img calls it, and its compression, such as xz, or empty."""

    format: str
    packed: str = ""

    def __str__(self) -> str:
        return f"{self.format}.{self.packed}" if self.packed else self.format


def compression(head: bytes) -> str:
    """Return a file's compression, by its first bytes; empty if it is not compressed."""
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")


def form(path: str, head: bytes, tail: bytes, inner: bytes | None) -> Form:
    """Return a file's format. `inner`: the first bytes of its content, if it is compressed and they
    are known.

    Raises UsageError if it is not a disk image, or has to be uncompressed first.
    """
    packed = compression(head)
    content = head if not packed else inner or b""
    refuse_no_disk(path, content)
    found = next((name for at, magic, name in _FOREIGN if content[at:].startswith(magic)), RAW)
    if found == RAW and not packed and tail.startswith(b"conectix"):
        found = "vpc"
    if packed:
        stem = path.lower().removesuffix(f".{packed}")
        named = _ENDINGS.get(stem.rpartition(".")[2], RAW)
        if (found, named) != (RAW, RAW):
            raise UsageError(
                f"{path} is a compressed {named if found == RAW else found} image",
                f"uncompress it first: {UNPACKERS[packed][0].rpartition('/')[2]} -dk {path}",
            )
    return Form(found, packed)


def refuse_no_disk(path: str, content: bytes) -> None:
    """Raise UsageError for a known format other than a disk image."""
    for at, magic, what, hint in _NO_DISK:
        if content[at:].startswith(magic):
            raise UsageError(f"{path} is {what}", hint)


def refuse_references(file: str, path: str, info: Mapping[str, Any]) -> None:
    """Raise UsageError for an image that makes QEMU read another file, by qemu-img's JSON, beyond
    what headers.py checks. `path` is the path in messages."""
    data = info.get("format-specific", {}).get("data", {})
    others = [info.get("backing-filename"), info.get("full-backing-filename"),
              data.get("data-file")]  # fmt: skip
    others += [extent.get("filename") for extent in data.get("extents", [])]
    for other in others:
        if other and other != file:
            raise UsageError(
                f"{path} is not a complete image: it refers to {other}",
                f"if you trust it, convert it to one file: qemu-img convert -O raw {path} FILE",
            )
    if info.get("encrypted"):
        raise UsageError(f"{path} is encrypted", "decrypt it first, with qemu-img convert")


def unpacked_size(robot: str) -> int | None:
    """Return the size of an .xz file's content, from `xz --robot -l` (xz(1), ROBOT MODE)."""
    for line in robot.splitlines():
        words = line.split("\t")
        if words[0] == "totals" and len(words) > 4:
            return natural(words[4])
    return None
