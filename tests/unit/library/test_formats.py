"""What a file is, by what stands in it."""

from __future__ import annotations

import bz2
import gzip
import lzma
from typing import Any

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.library.files import _inner
from bsdvirt.library.formats import Form, form, refuse_references, unpacked_size

RAW = b"\0" * 510 + b"\x55\xaa" + b"EFI PART" + b"\0" * 40000


def seen(path: str, head: bytes, tail: bytes = b"") -> Form:
    return form(path, head, tail, _inner(head))


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (RAW, "raw"),
        (b"short", "raw"),
        (b"QFI\xfb\0\0\0\3", "qcow2"),
        (b"KDMV\1\0\0\0", "vmdk"),
        (b"# Disk DescriptorFile\nversion=1\n", "vmdk"),
        (b"vhdxfile", "vhdx"),
        (b"conectix", "vpc"),
        (b"<<< Oracle VM".ljust(0x40) + b"\x7f\x10\xda\xbe", "vdi"),
        (gzip.compress(RAW, mtime=0), "raw.gz"),
        (lzma.compress(RAW), "raw.xz"),
        (bz2.compress(RAW), "raw.bz2"),
        (b"\x28\xb5\x2f\xfdxxxx", "raw.zst"),
    ],
)
def test_a_format_is_known_by_its_magic(head: bytes, what: str) -> None:
    assert str(seen("/x.img", head)) == what


def test_a_vhd_of_fixed_size_has_its_mark_at_the_end() -> None:
    assert str(seen("/x.vhd", RAW, b"conectix" + b"\0" * 504)) == "vpc"


@pytest.mark.parametrize(
    ("path", "head", "says"),
    [
        ("/a.iso", RAW[:0x8001].ljust(0x8001, b"\0") + b"CD001", "an ISO file"),
        ("/a.ova", b"a.ovf".ljust(257, b"\0") + b"ustar", "a tar archive"),
        ("/a.zip", b"PK\x03\x04", "a zip archive"),
        ("/base.txz", lzma.compress(b"./".ljust(257, b"\0") + b"ustar" + RAW), "a tar archive"),
        ("/a.qcow2.xz", lzma.compress(b"QFI\xfb" + RAW), "a compressed qcow2 image"),
        ("/a.vhd.gz", gzip.compress(RAW, mtime=0), "a compressed vpc image"),
        ("/a.qcow2.zst", b"\x28\xb5\x2f\xfd", "a compressed qcow2 image"),
    ],
)
def test_what_is_no_disk_or_not_yet_is_refused(path: str, head: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        seen(path, head)
    assert raised.value.hint


@pytest.mark.parametrize(
    "info",
    [
        {"backing-filename": "/etc/master.passwd"},
        {"full-backing-filename": "/etc/master.passwd"},
        {"format-specific": {"data": {"data-file": "/etc/master.passwd"}}},
        {"format-specific": {"data": {"extents": [{"filename": "/x"}, {"filename": "/y"}]}}},
        {"encrypted": True},
    ],
)
def test_an_image_that_has_other_files_read_is_refused(info: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        refuse_references("/x", "/x", info)


def test_an_image_that_is_whole_passes() -> None:
    refuse_references(
        "/x",
        "/x",
        {"virtual-size": 1, "format-specific": {"data": {"extents": [{"filename": "/x"}]}}},
    )


def test_the_size_that_xz_tells() -> None:
    """As xz 5.2 of 13.2 printed it."""
    shown = (
        "name\tr.xz\nfile\t1\t1\t2254496\t5000000\t0.451\tCRC64\t0\n"
        "totals\t1\t1\t2254496\t5000000\t0.451\tCRC64\t0\t1\n"
    )
    assert unpacked_size(shown) == 5000000
    assert unpacked_size("totals\t0\t0\t0\t0\t---\tNone\t0\t0\n") == 0
    assert unpacked_size("") is None
