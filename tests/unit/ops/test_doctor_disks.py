"""Two virtual machines that run on one disk, by whatever names they call it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.bhyve.doctor import shared_disks
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf, run_lock, vm_directory


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    fs = Fs(tmp_path)
    fs.mkdir("/iso")
    fs.write("/iso/raw.img", "")
    fs.path("/iso/link.img").symlink_to("raw.img")
    os.link(fs.path("/iso/raw.img"), fs.path("/iso/other.img"))
    fs.write("/iso/own.img", "")
    return fs


@contextlib.contextmanager
def runs(fs: Fs, name: str, path: str, more: str = "") -> Iterator[None]:
    """A guest that runs, and has a disk at that path."""
    fs.mkdir(vm_directory(name))
    fs.write(bhyve_conf(name), f"pci.0.4.0.device=virtio-blk\npci.0.4.0.path={path}\n{more}")
    with open(fs.path(run_lock(name)), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("path", ["/iso/raw.img", "/iso/link.img", "/iso/other.img"])
def test_one_disk_of_two(fs: Fs, path: str) -> None:
    more = "pci.0.5.0.path=/iso/first.img\n"
    fs.write("/iso/first.img", "")
    with runs(fs, "a", "/iso/raw.img", more), runs(fs, "b", path), runs(fs, "c", "/iso/own.img"):
        assert list(shared_disks(fs, ["c", "b", "a"])) == [("/iso/raw.img", ["a", "b"])]


def test_what_is_only_read_may_be_shared(fs: Fs) -> None:
    with runs(fs, "a", "/iso/raw.img"), runs(fs, "b", "/iso/raw.img", "pci.0.4.0.ro=true\n"):
        assert list(shared_disks(fs, ["a", "b"])) == []


def test_one_that_does_not_run_writes_nothing(fs: Fs) -> None:
    with runs(fs, "b", "/iso/raw.img"):
        pass
    with runs(fs, "a", "/iso/raw.img"):
        assert list(shared_disks(fs, ["a", "b"])) == []
