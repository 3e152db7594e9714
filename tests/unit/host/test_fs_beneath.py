"""Directories beneath a guest's root: made, looked at and removed, and no link followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "root/srv").mkdir(parents=True)
    (tmp_path / "root/out").symlink_to("/etc")
    (tmp_path / "root/file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    return Fs(tmp_path)


def test_what_is_missing_on_the_way(fs: Fs) -> None:
    assert fs.look_beneath("/root", "srv") == ((), "")
    assert fs.look_beneath("/root", "srv/a/b") == (("srv/a", "srv/a/b"), "")
    assert fs.look_beneath("/root", "") == ((), "")
    assert fs.look_beneath("/none", "a/b") == (("a", "a/b"), "")


@pytest.mark.parametrize("path", ["out", "out/a", "file", "file/a"])
def test_a_link_or_a_file_is_told_of(fs: Fs, path: str) -> None:
    missing, why = fs.look_beneath("/root", path)
    assert not missing
    assert why == f"/root/{path.split('/')[0]} is a link or a file, and no directory"


def test_made_with_its_mode_and_removed(fs: Fs) -> None:
    fs.mkdir_beneath("/root", "srv/a", 0o700)
    assert fs.path("/root/srv/a").stat().st_mode & 0o7777 == 0o700
    fs.mkdir_beneath("/root", "srv/a", 0o755)
    assert fs.path("/root/srv/a").stat().st_mode & 0o7777 == 0o700
    fs.path("/root/srv/a/kept").write_text("")
    fs.rmdir_beneath("/root", "srv/a")
    assert fs.path("/root/srv/a/kept").exists()
    fs.path("/root/srv/a/kept").unlink()
    fs.rmdir_beneath("/root", "srv/a")
    assert not fs.exists("/root/srv/a")
    fs.rmdir_beneath("/root", "srv/a")
    fs.rmdir_beneath("/root", "none/a")


def test_no_link_is_followed(fs: Fs) -> None:
    fs.path("/root/way").symlink_to(fs.path("/elsewhere"))
    with pytest.raises(HostError, match="link"):
        fs.mkdir_beneath("/root", "way/a")
    with pytest.raises(OSError, match=r"."):
        fs.mkdir_beneath("/root", "way")
    fs.path("/elsewhere/a").mkdir()
    fs.rmdir_beneath("/root", "way/a")
    assert fs.exists("/elsewhere/a")
