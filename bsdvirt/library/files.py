"""Files given for images and media: format, checksum, size."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from bsdvirt.errors import HostError, UsageError
from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt.host.fs import Fs
from bsdvirt.library import formats, headers
from bsdvirt.library.plans.images import Source
from bsdvirt.library.private_copy import open_file
from bsdvirt.library.progress import Meter
from bsdvirt.library.web.partial import digest_of
from bsdvirt.session.session import Session

MEASURE_SECONDS = 24 * 3600.0
LOOK_MEMORY = 256 << 20
"""Memory limit for decompressing the beginning of a file: the file states how much it needs."""
_MOVED = re.compile(r"\s*(\d+) bytes .*transferred")


def absolute(path: str) -> str:
    """Return the absolute path. Raises UsageError for one with unprintable characters."""
    # POSIX lets two leading slashes mean something else.
    plain = "/" + os.path.abspath(path).lstrip("/")
    if not plain.isprintable():
        raise UsageError("the path contains unprintable characters", "rename the file")
    return plain


def examine(session: Session, file: str, path: str, verb: str, subject: str) -> Source:
    """Return a file's format and the size of the disk in it. `path` is the path in messages, if
    `file` is a copy.

    Raises NotFoundError, UsageError if it is not a disk image, HostError for a missing tool.
    """
    head, tail, size = _ends(session.host.fs, file)
    form = formats.form(path, head, tail, _inner(head))
    headers.refuse_others(path, form.format, head, tail)
    if form.packed:
        with Meter(session, verb, subject, f"measure {path}") as meter:
            size = unpacked(session, file, form.packed, meter)
    elif form.format != formats.RAW:
        size = _virtual_size(session, file, path, form.format)
    if size <= 0:
        raise UsageError(f"{path} is empty", "name a disk image")
    return Source(file, form, size)


def checksum(
    session: Session, path: str, verb: str, subject: str, *, like: str = "", shown: str = ""
) -> str:
    """Return a file's checksum, by the algorithm of the checksum `like`, or SHA-256. `shown` is
    the path in messages, if `path` is a copy."""
    real = session.host.fs.path(path)
    with Meter(session, verb, subject, f"check {shown or path}", real.stat().st_size) as meter:
        return digest_of(real, like, session.interrupt, meter)


def _ends(fs: Fs, path: str) -> tuple[bytes, bytes, int]:
    """Return the first and last bytes of a regular file, and its size."""
    opened = open_file(fs, path)
    with open(opened.descriptor, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(formats.HEAD)
        stream.seek(max(0, size - formats.TAIL))
        return head, stream.read(formats.TAIL), size


def file_size(session: Session, path: str) -> tuple[bytes, int]:
    """Return the first bytes of a file, and its size. Raises as `examine` does."""
    head, _, size = _ends(session.host.fs, path)
    return head, size


def beginning(head: bytes) -> bytes:
    """Return the first bytes of a file's content, uncompressed if its compression is known."""
    return _inner(head) or b"" if formats.compression(head) else head


def _inner(head: bytes) -> bytes | None:
    """Return the first bytes of a compressed file's content; None if unknown."""
    import bz2
    import lzma
    import zlib

    makers: dict[str, Callable[[], Any]] = {
        "gz": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
        "xz": lambda: lzma.LZMADecompressor(memlimit=LOOK_MEMORY),
        "bz2": bz2.BZ2Decompressor,
    }
    make = makers.get(formats.compression(head))
    if make is None:
        return None
    try:
        content: bytes = make().decompress(head, formats.HEAD)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return None
    return content


def unpacked(session: Session, path: str, packed: str, tell: Callable[[int], None]) -> int:
    """Return the size of a compressed file's content. Raises UsageError for a damaged file."""
    if packed == "xz":
        argv = (tools.XZ, "--robot", "-l", path)
        shown = session.host.run(argv, changes=False)
        size = formats.unpacked_size(shown.stdout) if shown.status == 0 else None
        if size is not None:
            return size
        raise _damaged(path, shown)

    def take(line: str) -> None:
        if found := _MOVED.match(line):
            tell(int(found[1]))

    moved = session.host.pipe(
        (*formats.UNPACKERS[packed], path),
        (tools.DD, "of=/dev/null", "bs=1m", "status=progress"),
        timeout=MEASURE_SECONDS,
        on_line=take,
    )
    sizes = [int(m[1]) for line in moved.stderr.splitlines() if (m := _MOVED.match(line))]
    if moved.status != 0 or moved.timed_out or not sizes:
        raise _damaged(path, moved)
    return sizes[-1]


def _damaged(path: str, shown: Result) -> UsageError:
    lines = [line.strip() for line in shown.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "records" not in line and "transferred" not in line]
    why = errors[0] if errors else f"exit status {shown.status}"
    return UsageError(f"{path} cannot be uncompressed: {why}", "download it again")


def _virtual_size(session: Session, file: str, path: str, format: str) -> int:
    """Return the size of the disk in an image, by qemu-img."""
    if not session.host.fs.exists(tools.QEMU_IMG):
        raise HostError(
            f"{path} is a {format} image, which needs {tools.QEMU_IMG}",
            f"pkg install {formats.QEMU_PACKAGE}, or convert it to raw elsewhere",
        )
    argv = (*formats.LIMITED, tools.QEMU_IMG, "info", "--output=json", "-f", format, file)
    shown = session.host.run(argv, changes=False).check(hint="the file may be truncated")
    try:
        info = json.loads(shown.stdout)
        size = int(info["virtual-size"])
    except (ValueError, KeyError, TypeError) as error:
        raise HostError(f"{path}: qemu-img reports no size", "the file may be truncated") from error
    formats.refuse_references(file, path, info)
    return size
