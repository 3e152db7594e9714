"""Volumes of the simulated host: the data that is written into them stays theirs."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Sequence
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost

MIB = 1 << 20
DATA = b"boot" * 1000 + bytes(2 * MIB) + b"end" * 500


@pytest.fixture
def host(tmp_path: Path) -> SimHost:
    made = SimHost(tmp_path)
    made.fs.path("/in").write_bytes(DATA)
    zfs(made, "create", "-s", "-V", "4194304", "-o", "volblocksize=16K", "tank/a")
    return made


def zfs(host: SimHost, *words: str) -> Result:
    return host.run((tools.ZFS, *words), changes=True).check()


def dd(host: SimHost, *words: str) -> Result:
    return host.run((tools.DD, *words, "bs=1m", "status=progress"), changes=True)


def data(host: SimHost, name: str) -> bytes:
    return host.fs.path(f"/dev/zvol/{name}").read_bytes().rstrip(b"\0")


def value(host: SimHost, name: str, prop: str) -> str:
    argv = (tools.ZFS, "get", "-Hp", "-o", "value", prop, name)
    return host.run(argv, changes=False).check().stdout.strip()


def test_what_is_written_is_there_and_is_counted(host: SimHost) -> None:
    before = int(value(host, "tank/a", "refer"))
    done = dd(host, "if=/in", "of=/dev/zvol/tank/a", "conv=sparse").check()
    assert f"{len(DATA)} bytes transferred" in done.stderr
    assert data(host, "tank/a") == DATA
    assert before < int(value(host, "tank/a", "refer")) <= before + 2 * MIB


def test_a_clone_a_copy_and_a_renamed_one_hold_the_same(host: SimHost) -> None:
    dd(host, "if=/in", "of=/dev/zvol/tank/a").check()
    zfs(host, "snapshot", "tank/a@base")
    dd(host, "if=/in2", "of=/dev/zvol/tank/a")
    zfs(host, "create", "tank/g")
    zfs(host, "clone", "-o", "volmode=dev", "tank/a@base", "tank/g/b")
    host.pipe((tools.ZFS, "send", "-vP", "tank/a@base"), (tools.ZFS, "receive", "tank/g/c")).check()
    zfs(host, "rename", "tank/g", "tank/h")
    assert data(host, "tank/h/b") == data(host, "tank/h/c") == DATA
    assert not host.fs.exists("/dev/zvol/tank/g")
    host.fs.path("/dev/zvol/tank/h/b").write_bytes(b"other")
    assert data(host, "tank/a") == DATA
    zfs(host, "destroy", "-r", "tank/h")
    assert not host.fs.exists("/dev/zvol/tank/h")
    assert host.fs.exists("/dev/zvol/tank/a")


def test_a_snapshot_keeps_what_was(host: SimHost) -> None:
    zfs(host, "snapshot", "tank/a@empty")
    dd(host, "if=/in", "of=/dev/zvol/tank/a").check()
    zfs(host, "clone", "tank/a@empty", "tank/b")
    assert data(host, "tank/b") == b""


def test_sizes(host: SimHost) -> None:
    """The words as 13.2 printed them."""
    zfs(host, "set", "volsize=8388608", "tank/a")
    assert value(host, "tank/a", "volsize") == "8388608"
    argv = (tools.ZFS, "set", "volsize=8388609", "tank/a")
    assert host.run(argv, changes=True).stderr == (
        "cannot set property for 'tank/a': 'volsize' must be a multiple of volume block size"
        " (16K)\n"
    )
    dd(host, "if=/in", "of=/dev/zvol/tank/a").check()
    zfs(host, "set", "volsize=1048576", "tank/a")
    assert data(host, "tank/a") == DATA[:MIB].rstrip(b"\0")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("if=/nope", "of=/dev/zvol/tank/a"), "dd: /nope: No such file or directory"),
        (("if=/in", "of=/dev/zvol/tank/x"), "dd: /dev/zvol/tank/x: Operation not supported"),
        (("if=/in", "of=/dev/zvol/tank/s"), "dd: /dev/zvol/tank/s: end of device"),
    ],
)
def test_what_dd_says(host: SimHost, words: Sequence[str], says: str) -> None:
    zfs(host, "create", "-s", "-V", "1048576", "-o", "volblocksize=16K", "tank/s")
    failed = dd(host, *words)
    assert failed.status == 1
    assert failed.stderr.splitlines()[0] == says


def test_a_full_pool(host: SimHost) -> None:
    host.settings.fill_pool("tank", free=MIB)
    failed = dd(host, "if=/in", "of=/dev/zvol/tank/a")
    assert failed.stderr.startswith("dd: /dev/zvol/tank/a: No space left on device\n")


@pytest.mark.parametrize(("tool", "pack"), [(tools.XZ, lzma.compress), (tools.GZIP, gzip.compress)])
def test_what_unpacks_writes_into_a_pipe(host: SimHost, tool: str, pack: object) -> None:
    assert callable(pack)
    packed = pack(DATA)
    host.fs.path("/p").write_bytes(packed)
    write = (tools.DD, "of=/dev/zvol/tank/a", "bs=1m", "conv=sparse", "status=progress")
    lines: list[str] = []
    host.pipe((tool, "-dc", "/p"), write, on_line=lines.append).check()
    assert data(host, "tank/a") == DATA
    assert any("bytes transferred" in line for line in lines)
    host.fs.path("/p").write_bytes(packed[: len(packed) // 2])
    assert host.pipe((tool, "-dc", "/p"), write).status == 1


def test_install_puts_a_copy_in_place(host: SimHost) -> None:
    """install(1) -S, as a start makes a guest's firmware variables with it."""
    host.fs.mkdir("/d")
    host.fs.write("/d/a", "new")
    host.fs.write("/d/b", "old")
    words = (tools.INSTALL, "-S", "-m", "0600")
    host.run((*words, "/d/a", "/d/b"), changes=True).check()
    assert host.fs.read_text("/d/b") == "new"
    assert host.fs.path("/d/b").stat().st_mode & 0o777 == 0o600
    lost = host.run((*words, "/d/no", "/d/b"), changes=True)
    assert (lost.status, lost.stderr) == (71, "install: /d/no: No such file or directory\n")
    assert host.fs.listdir("/d") == ["a", "b"]
