"""Partial downloads."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library.web.partial import Partial, open_partial

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
    partial = Partial(disk, "/x", SHA256, 10_000)
    partial.write(TEXT)
    assert disk.getvalue() == TEXT
    assert partial.matches()


def test_a_full_disk_keeps_nothing() -> None:
    disk = Disk(100)
    partial = Partial(disk, "/x", SHA256, 10_000)
    with pytest.raises(HostError, match="/x: No space left on device"):
        partial.write(TEXT)
    assert disk.getvalue() == b""
    assert not partial.summary()


def test_no_room_is_seen_before() -> None:
    partial = Partial(Disk(100), "/x", SHA256, 100)
    with pytest.raises(HostError, match="900 bytes to download, but only 100 bytes free"):
        partial.expect(900)


def test_names(tmp_path: Path) -> None:
    path, part = tmp_path / "dist/f", tmp_path / "dist/f.part"
    with open_partial(path, "/f", SHA256, 10_000, Interrupt()) as partial:
        assert partial is not None
    assert not part.exists()
    with open_partial(path, "/f", SHA256, 10_000, Interrupt()) as partial:
        assert partial is not None
        partial.write(TEXT[:100])
    assert part.read_bytes() == TEXT[:100]
    with open_partial(path, "/f", SHA256, 10_000, Interrupt()) as partial:
        assert partial is not None
        assert partial.size == 100
        partial.write(TEXT[100:])
    assert path.read_bytes() == TEXT
    assert not part.exists()
    with open_partial(path, "/f", SHA256, 10_000, Interrupt()) as partial:
        assert partial is None
    assert [one.name for one in path.parent.iterdir()] == ["f"]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "f.part").symlink_to(tmp_path / "other")
    with (
        pytest.raises(OSError, match="symbolic link"),
        open_partial(tmp_path / "f", "/f", SHA256, 10_000, Interrupt()),
    ):
        pass
    assert not (tmp_path / "other").exists()
