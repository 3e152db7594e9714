"""A file on its way."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library.partial import Kept, keeping

TEXT = b"a release" * 100
SHA256 = hashlib.sha256(TEXT).hexdigest()


class Disk(io.BytesIO):
    """Takes some bytes at a time, and has room for so many."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object) -> int:
        taken = min(7, self.room, len(memoryview(data)))  # type: ignore[arg-type]
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return super().write(memoryview(data)[:taken])  # type: ignore[arg-type]


def test_a_disk_that_takes_it_in_pieces() -> None:
    disk = Disk(10_000)
    kept = Kept(disk, "/x", SHA256, 10_000)
    kept.add(TEXT)
    assert disk.getvalue() == TEXT
    assert kept.matches()


def test_a_full_disk_keeps_nothing() -> None:
    disk = Disk(100)
    kept = Kept(disk, "/x", SHA256, 10_000)
    with pytest.raises(HostError, match="/x: No space left on device"):
        kept.add(TEXT)
    assert disk.getvalue() == b""
    assert not kept.so_far()


def test_no_room_is_seen_before() -> None:
    kept = Kept(Disk(100), "/x", SHA256, 100)
    with pytest.raises(HostError, match="900 bytes are to come, and there is room for 100 bytes"):
        kept.expect(900)


def test_names(tmp_path: Path) -> None:
    path, part = tmp_path / "dist/f", tmp_path / "dist/f.part"
    with keeping(path, "/f", SHA256, 10_000, Interrupt()) as kept:
        assert kept is not None
    assert not part.exists()
    with keeping(path, "/f", SHA256, 10_000, Interrupt()) as kept:
        assert kept is not None
        kept.add(TEXT[:100])
    assert part.read_bytes() == TEXT[:100]
    with keeping(path, "/f", SHA256, 10_000, Interrupt()) as kept:
        assert kept is not None
        assert kept.size == 100
        kept.add(TEXT[100:])
    assert path.read_bytes() == TEXT
    assert not part.exists()
    with keeping(path, "/f", SHA256, 10_000, Interrupt()) as kept:
        assert kept is None
    assert [one.name for one in path.parent.iterdir()] == ["f"]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "f.part").symlink_to(tmp_path / "other")
    with (
        pytest.raises(OSError, match="symbolic link"),
        keeping(tmp_path / "f", "/f", SHA256, 10_000, Interrupt()),
    ):
        pass
    assert not (tmp_path / "other").exists()
