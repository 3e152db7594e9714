"""The host's files: no way out of a root, and no descriptor left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bsdvirt.host.fs import Fs


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "host/guest/etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return Fs(tmp_path / "host")


@pytest.mark.parametrize("path", ["../../outside/victim", "/outside/victim"])
def test_no_way_out_by_name_when_removing_or_reading(fs: Fs, tmp_path: Path, path: str) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    with pytest.raises(ValueError, match="not a plain relative path"):
        fs.unlink_beneath("/guest", path)
    with pytest.raises(ValueError, match="not a plain relative path"):
        fs.read_beneath("/guest", path)
    assert victim.exists()


def test_no_descriptor_is_left_open(fs: Fs) -> None:
    fs.path("/guest/link").symlink_to("/nowhere")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        fs.write_beneath("/guest", "etc/a", "x")
        fs.read_beneath("/guest", "etc/a")
        fs.read_beneath("/guest", "etc")
        fs.read_beneath("/guest", "link/a")
    assert len(os.listdir("/proc/self/fd")) == before
