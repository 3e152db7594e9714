"""zfs send and receive on the simulated host: bytes that can be cut, spoilt and sent twice."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import Release

from .conftest import Do

GET = (tools.ZFS, "get", "-Hp", "-o")
LIST = (tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o")


@pytest.fixture
def web(host: SimHost, do: Do) -> str:
    """A guest's dataset with files and a volume, and their snapshot @a."""
    do(tools.ZFS, "create", "-p", "-o", "bsdvirt:guest=me", "-o", "quota=1G", "tank/web")
    do(tools.ZFS, "create", "-s", "-V", "1G", "tank/web/disk")
    host.fs.mkdir("/tank/web/etc", 0o700)
    host.fs.write("/tank/web/etc/rc", "old" * 1000, 0o755)
    host.fs.path("/tank/web/link").symlink_to("/etc")
    with host.fs.path("/dev/zvol/tank/web/disk").open("wb") as disk:
        disk.seek(300000)
        disk.write(b"old" * 1000)
    do(tools.ZFS, "snapshot", "-r", "-o", "bsdvirt:snapshot=1", "tank/web@a")
    return "tank/web"


def pipe(host: SimHost, left: str, right: str, ok: int = 0) -> Result:
    result = host.pipe((tools.ZFS, "send", *left.split()), (tools.ZFS, "receive", *right.split()))
    assert result.status == ok, result
    return result


def disk(host: SimHost, name: str) -> bytes:
    return host.fs.path(f"/dev/zvol/{name}").read_bytes()


def test_a_replica_is_the_same_and_follows(host: SimHost, do: Do, see: Do, web: str) -> None:
    pipe(host, f"-R {web}@a", "-u zroot/copy")
    do(tools.ZFS, "mount", "zroot/copy")
    assert host.fs.read_text("/zroot/copy/etc/rc") == "old" * 1000
    assert host.fs.path("/zroot/copy/etc").stat().st_mode & 0o777 == 0o700
    assert host.fs.path("/zroot/copy/link").is_symlink()
    assert disk(host, "zroot/copy/disk") == disk(host, f"{web}/disk")
    props = see(*GET, "property,value,source", "quota,bsdvirt:guest", "zroot/copy").stdout
    assert props == "quota\t1073741824\treceived\nbsdvirt:guest\tme\treceived\n"
    noted = see(*GET, "value,source", "bsdvirt:snapshot", "zroot/copy@a").stdout
    assert noted == "1\treceived\n"
    guids = [
        see(*GET, "value", "guid,creation", f"{name}@a").stdout for name in (web, "zroot/copy")
    ]
    assert guids[0] == guids[1]
    host.fs.write("/tank/web/etc/rc", "new")
    host.fs.unlink("/tank/web/link")
    with host.fs.path(f"/dev/zvol/{web}/disk").open("r+b") as volume:
        volume.write(b"new")
    do(tools.ZFS, "snapshot", "-r", f"{web}@b")
    do(tools.ZFS, "snapshot", "-r", f"{web}@c")
    do(tools.ZFS, "destroy", "-r", f"{web}@b")
    pipe(host, f"-R -i @a {web}@c", "-u zroot/copy")
    assert host.fs.listdir("/zroot/copy") == ["etc"]
    assert host.fs.read_text("/zroot/copy/etc/rc") == "new"
    assert disk(host, "zroot/copy/disk") == disk(host, f"{web}/disk")
    assert (
        see(tools.ZFS, "diff", "-FH", "zroot/copy@a", "zroot/copy@c").stdout.replace(
            "/zroot/copy", "/tank/web"
        )
        == see(tools.ZFS, "diff", "-FH", f"{web}@a", f"{web}@c").stdout
    )
    do(tools.ZFS, "destroy", "-r", f"{web}@a")
    do(tools.ZFS, "snapshot", "-r", f"{web}@d")
    pipe(host, f"-R -I @c {web}@d", "-F -u zroot/copy")
    names = see(*LIST, "name", "-r", "zroot/copy").stdout
    assert names == "".join(f"zroot/copy{part}@{s}\n" for part in ("", "/disk") for s in "cd")


def test_incremental_streams_are_refused(host: SimHost, do: Do, see: Do, web: str) -> None:
    pipe(host, f"{web}@a", "zroot/copy")
    do(tools.ZFS, "snapshot", f"{web}@b")
    do(tools.ZFS, "bookmark", f"{web}@b", f"{web}#b")
    do(tools.ZFS, "snapshot", f"{web}@c")
    inc = "cannot receive incremental stream: "
    assert pipe(host, f"-i @b {web}@c", "zroot/copy", 1).stderr == (
        f"{inc}most recent snapshot of zroot/copy does not\nmatch incremental source\n"
    )
    assert pipe(host, f"-i @b {web}@c", "zroot/none", 1).stderr == (
        f"{inc}destination 'zroot/none' does not exist\n"
    )
    host.fs.write("/zroot/copy/mine", "x")
    assert pipe(host, f"-i @a {web}@c", "zroot/copy", 1).stderr == (
        f"{inc}destination zroot/copy has been modified\nsince most recent snapshot\n"
    )
    do(tools.ZFS, "snapshot", "zroot/copy@mine")
    do(tools.ZFS, "hold", "keep", "zroot/copy@mine")
    assert pipe(host, f"-i @a {web}@c", "-F zroot/copy", 1).stderr == f"{inc}dataset is busy\n"
    do(tools.ZFS, "release", "keep", "zroot/copy@mine")
    pipe(host, f"-i @a {web}@b", "-F zroot/copy")
    assert host.fs.listdir("/zroot/copy") == ["etc", "link"]
    do(tools.ZFS, "destroy", f"{web}@b")
    pipe(host, f"-i #b {web}@c", "zroot/copy")
    assert see(*LIST, "name", "zroot/copy").stdout == "".join(f"zroot/copy@{s}\n" for s in "abc")
    again = pipe(host, f"-v -i #b {web}@c", "-v zroot/copy")
    assert "copy@c already exists; ignoring" not in again.stderr
    late = host.pipe((tools.ZFS, "send", "-i", "@c", f"{web}@a"), (tools.ZFS, "receive", "zroot/x"))
    assert late.stderr == (
        "cannot receive: failed to read from stream\n"
        f"warning: cannot send '{web}@a': not an earlier snapshot from the same fs\n"
    )


@pytest.mark.parametrize("cut", [0, 10, 400, 900, 2000])
def test_a_cut_stream_leaves_nothing(host: SimHost, see: Do, web: str, cut: int) -> None:
    host.settings.cut_streams(cut)
    words = pipe(host, f"{web}@a", "zroot/copy", 1).stderr
    assert words in (
        "cannot receive: failed to read from stream\n",
        "cannot receive new filesystem stream: incomplete stream\n",
    )
    assert see(tools.ZFS, "list", "-Hp", "-o", "name", "zroot/copy").status == 1
    host.settings.cut_streams()
    pipe(host, f"{web}@a", "zroot/copy")


@pytest.mark.parametrize("name", ["web", "web/disk"])
def test_a_cut_stream_goes_on(host: SimHost, do: Do, see: Do, web: str, name: str) -> None:
    host.fs.write("/tank/web/etc/more", "more" * 100000)
    with host.fs.path(f"/dev/zvol/{web}/disk").open("r+b") as volume:
        volume.write(b"x" * 400000)
    do(tools.ZFS, "snapshot", f"tank/{name}@b")
    host.settings.cut_streams(200000)
    words = pipe(host, f"-c tank/{name}@b", "-s -u zroot/copy", 1).stderr
    token = see(*GET, "value", "receive_resume_token", "zroot/copy").stdout.strip()
    assert words == (
        "cannot receive new filesystem stream: checksum mismatch or incomplete stream.\n"
        "Partially received snapshot is saved.\n"
        "A resuming stream can be generated on the sending system by running:\n"
        f"    zfs send -t {token}\n"
    )
    assert see(*LIST, "name", "zroot/copy").stdout == ""
    if name == "web":
        assert "Contains partially-completed" in do(tools.ZFS, "mount", "zroot/copy", ok=1).stderr
    assert pipe(host, f"tank/{name}@b", "-F -u zroot/copy", 1).stderr == (
        "cannot receive new filesystem stream: destination zroot/copy contains"
        ' partially-complete state from "zfs receive -s".\n'
    )
    told = see(tools.ZFS, "send", "-nvPt", token).stdout.splitlines()
    assert told[0] == "resume token contents:"
    assert told[-2].startswith(f"full\ttank/{name}@b\t")
    host.settings.cut_streams(150000)
    pipe(host, f"-t {token}", "-s -u zroot/copy", 1)
    host.settings.cut_streams()
    assert pipe(host, f"-t {token}", "-s -u zroot/copy", 1).stderr == (
        "cannot receive resume stream: kernel modules must be upgraded to receive this stream.\n"
    )
    token = see(*GET, "value", "receive_resume_token", "zroot/copy").stdout.strip()
    pipe(host, f"-t {token}", "-s zroot/copy")
    assert see(*GET, "value", "receive_resume_token", "zroot/copy").stdout == "-\n"
    if name == "web":
        assert host.fs.read_text("/zroot/copy/etc/more") == "more" * 100000
    else:
        assert disk(host, "zroot/copy") == disk(host, "tank/web/disk")


def test_what_was_received_in_part_is_given_up(host: SimHost, do: Do, see: Do, web: str) -> None:
    pipe(host, f"{web}/disk@a", "zroot/copy")
    with host.fs.path(f"/dev/zvol/{web}/disk").open("r+b") as volume:
        volume.write(b"x" * 400000)
    do(tools.ZFS, "snapshot", f"{web}/disk@b")
    host.settings.cut_streams(200000)
    pipe(host, f"-i @a {web}/disk@b", "-s zroot/copy", 1)
    host.settings.cut_streams()
    assert disk(host, "zroot/copy") != disk(host, f"{web}/disk")
    do(tools.ZFS, "receive", "-A", "zroot/copy")
    assert do(tools.ZFS, "receive", "-A", "zroot/copy", ok=1).stderr == (
        "'zroot/copy' does not have any resumable receive state to abort\n"
    )
    pipe(host, f"-i @a {web}/disk@b", "zroot/copy")
    assert disk(host, "zroot/copy") == disk(host, f"{web}/disk")
    wrong = see(tools.ZFS, "send", "-nvPt", "1-2-3-zz")
    assert wrong.stderr == (
        "cannot resume send: resume token is corrupt (payload is not hex-encoded)\n"
    )


def test_a_thin_clone_needs_its_origin(host: SimHost, do: Do, see: Do, release: str) -> None:
    do(tools.ZFS, "clone", release, "zroot/b/web")
    host.fs.append("/zroot/b/web/etc/rc", "mine")
    do(tools.ZFS, "snapshot", "zroot/b/web@s")
    pipe(host, "-R zroot/b/web@s", "zroot/b/copy")
    assert see(*GET, "value", "origin", "zroot/b/copy").stdout == f"{release}\n"
    assert "mine" in host.fs.read_text("/zroot/b/copy/etc/rc")
    assert host.fs.is_file("/zroot/b/copy/bin/freebsd-version")
    assert pipe(host, "-R zroot/b/web@s", "tank/copy", 1).stderr == (
        "cannot receive: local origin for clone tank/copy@s does not exist\n"
    )
    pipe(host, "zroot/b/web@s", "tank/copy")
    assert host.fs.is_file("/tank/copy/bin/freebsd-version")
    assert see(*GET, "value", "origin", "tank/copy").stdout == "-\n"


def test_properties_of_a_received_dataset(host: SimHost, do: Do, see: Do, web: str) -> None:
    pipe(host, f"-p {web}@a", "-o bsdvirt:op=7 -x bsdvirt:guest -x quota zroot/copy")
    shown = see(
        *GET, "property,value,received,source", "bsdvirt:op,bsdvirt:guest,quota", "zroot/copy"
    ).stdout
    assert shown.splitlines() == [
        "bsdvirt:op\t7\t-\tlocal",
        "bsdvirt:guest\t-\tme\t-",
        "quota\t0\t-\tdefault",
    ]
    do(tools.ZFS, "inherit", "-S", "bsdvirt:guest", "zroot/copy")
    assert see(*GET, "value,source", "bsdvirt:guest", "zroot/copy").stdout == "me\treceived\n"


def test_streams_in_files_and_between_processes(
    host: SimHost, see: Do, web: str, tmp_path: Path
) -> None:
    """Real processes write and read the bytes; a spoilt stream is found to be one."""
    from bsdvirt_sim.tool import run_with

    stream = io.BytesIO()
    directory = str(host.directory)
    assert run_with([directory, tools.ZFS, "send", f"{web}@a"], io.BytesIO(), stream) == 0
    data = bytearray(stream.getvalue())
    # The first record is that of ZFS: a stream of one file system, in full.
    magic, version = struct.unpack_from("<8xQQ", data)
    objset, guid, since = struct.unpack_from("<I4xQQ", data, 32)
    assert (magic, version & 3, objset, since) == (0x2F5BACBAC, 1, 2, 0)
    assert see(*GET, "value", "guid", f"{web}@a").stdout == f"{guid}\n"
    data[len(data) // 2] ^= 1
    words = [directory, tools.ZFS, "receive", "zroot/copy"]
    assert run_with(words, io.BytesIO(bytes(data)), io.BytesIO()) == 1
    assert run_with(words, io.BytesIO(b"x" * 5000), io.BytesIO()) == 1
    assert see(tools.ZFS, "list", "-Hp", "-o", "name", "zroot/copy").status == 1
    assert run_with(words, io.BytesIO(stream.getvalue()), io.BytesIO()) == 0
    assert host.fs.read_text("/zroot/copy/etc/rc") == "old" * 1000


def test_a_full_pool_at_the_receiver(host: SimHost, do: Do, see: Do, web: str) -> None:
    host.fs.write("/tank/web/etc/more", "more" * 100000)
    do(tools.ZFS, "snapshot", f"{web}@b")
    host.settings.fill_pool("zroot", 200000)
    full = "cannot receive new filesystem stream: out of space\n"
    assert pipe(host, f"{web}@b", "zroot/copy", 1).stderr == full
    assert see(tools.ZFS, "list", "-Hp", "-o", "name", "zroot/copy").status == 1
    assert pipe(host, f"{web}@b", "-s -u zroot/copy", 1).stderr == full
    token = see(*GET, "value", "receive_resume_token", "zroot/copy").stdout.strip()
    host.settings.fill_pool("zroot", -1)
    pipe(host, f"-t {token}", "-s zroot/copy")
    assert host.fs.read_text("/zroot/copy/etc/more") == "more" * 100000


def test_estimates(host: SimHost, do: Do, see: Do, web: str, of: Release) -> None:
    do(tools.ZFS, "snapshot", f"{web}@b")
    lines = see(tools.ZFS, "send", "-nvPI", "@a", f"{web}@b").stdout
    assert lines == f"incremental\ta\t{web}@b\t624\nsize\t624\n"
    lines = see(tools.ZFS, "send", "-nPi", "@a", f"{web}@b").stdout
    assert lines == f"incremental\t{web}@a\t{web}@b\t624\nsize\t624\n"
    for_people = see(tools.ZFS, "send", "-nv", f"{web}@b").stdout
    assert for_people == (
        f"full send of {web}@b estimated size is 27.5K\ntotal estimated size is 27.5K\n"
    )


HOOKS = "/usr/local/etc/bsdvirt/hooks"


def hook(host: SimHost, name: str, text: str) -> tuple[str, ...]:
    """A command that is a real process."""
    host.fs.mkdir(HOOKS)
    host.fs.write(f"{HOOKS}/{name}", f"#!/bin/sh\n{text}\n", 0o755)
    return (tools.ENV, f"{HOOKS}/{name}")


def test_pipes_of_simulated_and_real_commands(
    host: SimHost, do: Do, see: Do, web: str, tmp_path: Path
) -> None:
    kept = hook(host, "keep", f"cat >{tmp_path}/kept")
    given = hook(host, "give", f"cat {tmp_path}/kept")
    assert host.pipe((tools.ZFS, "send", f"{web}@a"), kept).status == 0
    assert host.pipe(given, (tools.ZFS, "receive", "-u", "zroot/copy@there")).status == 0
    assert see(*LIST, "name", "zroot/copy").stdout == "zroot/copy@there\n"
    host.settings.cut_streams(1000)
    assert host.pipe(given, (tools.ZFS, "receive", "-u", "zroot/other")).status == 1
    host.settings.cut_streams()
    failed = host.pipe((tools.ZFS, "send", f"{web}@a"), hook(host, "fail", "exit 3"))
    assert failed.status == 3
    packed = (tools.TAR, "-cf", "-", "--numeric-owner", "-C", "/tank/web/.zfs/snapshot/a", ".")
    do(tools.ZFS, "create", "zroot/root")
    assert host.pipe(packed, kept).status == 0
    assert host.pipe(given, (tools.TAR, "-xpf", "-", "-C", "/zroot/root")).status == 0
    assert host.fs.read_text("/zroot/root/etc/rc") == "old" * 1000
    for name in ("tank/small", "zroot/small"):
        do(tools.ZFS, "create", "-s", "-V", "4M", name)
    host.fs.path("/dev/zvol/tank/small").write_bytes(b"old" * 1000)
    read = (tools.DD, "if=/dev/zvol/tank/small", "bs=1m", "status=progress")
    assert "4+0 records out" in host.pipe(read, kept).stderr
    assert (tmp_path / "kept").stat().st_size == 4 << 20
    write = (tools.DD, "of=/dev/zvol/zroot/small", "bs=1m", "conv=sparse", "status=progress")
    assert host.pipe(given, write).status == 0
    assert disk(host, "zroot/small").rstrip(b"\0") == b"old" * 1000


def test_encrypted_datasets_are_sent_as_they_are_stored(host: SimHost, do: Do, see: Do) -> None:
    key = ("-o", "encryption=on", "-o", "keyformat=raw", "-o", "keylocation=file:///root/key")
    do(tools.ZFS, "create", *key, "tank/safe")
    host.fs.write("/tank/safe/file", "secret")
    do(tools.ZFS, "snapshot", "tank/safe@a")
    refused = pipe(host, "-p tank/safe@a", "zroot/copy", 1).stderr.splitlines()
    assert refused[1:] == [
        "cannot send tank/safe@a: encrypted dataset tank/safe may not be sent with properties"
        " without the raw flag",
        "warning: cannot send 'tank/safe@a': backup failed",
    ]
    pipe(host, "-w tank/safe@a", "zroot/copy")
    props = "value", "keystatus,encryptionroot,mounted"
    assert see(*GET, *props, "zroot/copy").stdout == "unavailable\nzroot/copy\nno\n"
    do(tools.ZFS, "load-key", "zroot/copy")
    do(tools.ZFS, "mount", "zroot/copy")
    assert host.fs.read_text("/zroot/copy/file") == "secret"
    do(tools.ZFS, "snapshot", "tank/safe@b")
    pipe(host, "-w -i @a tank/safe@b", "zroot/copy")
    pipe(host, "tank/safe@a", "zroot/plain")
    assert see(*GET, "value", "encryptionroot", "zroot/plain").stdout == "-\n"
    for name in ("tank/safe", "zroot/copy"):
        do(tools.ZFS, "umount", name)
        do(tools.ZFS, "unload-key", name)
    locked = pipe(host, "tank/safe@b", "zroot/other", 1).stderr.splitlines()
    assert locked[-1] == "warning: cannot send 'tank/safe@b': dataset key must be loaded"
    pipe(host, "-w tank/safe@b", "-u zroot/other")
