"""Undos that have nothing to do, and those that have."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bsdvirt.errors import StepError
from bsdvirt.host import restore
from bsdvirt.host.fs import Fs
from bsdvirt.plan.act import take_back
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.satisfied import is_satisfied
from bsdvirt.plan.step import (
    Action,
    Command,
    Plan,
    PutBack,
    RemoveDirectory,
    RemoveFile,
    Rename,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt_sim import SimHost

Words = tuple[str, ...]


@pytest.fixture
def host(tmp_path: Path) -> SimHost:
    host = SimHost(tmp_path)
    for words in (
        (
            "/sbin/ifconfig",
            "bridge16385",
            "create",
            "name",
            "bvbr1",
            "descr",
            "x",
            "group",
            "bsdvirt",
        ),
        ("/sbin/ifconfig", "bvbr1", "inet", "10.79.1.1/24", "alias"),
        ("/sbin/zfs", "create", "zroot/d"),
        ("/usr/bin/rctl", "-a", "jail:web:maxproc:deny=9"),
    ):
        host.run(words, changes=True).check()
    return host


def ifconfig(*words: str) -> Words:
    return ("/sbin/ifconfig", *words)


def zfs(*words: str) -> Words:
    return ("/sbin/zfs", *words)


DONE: list[Words] = [
    ifconfig("bvbr7", "destroy"),
    ifconfig("epair91a", "mtu", "1500"),
    ifconfig("bvbr1", "mtu", "1500"),
    ifconfig("vtnet0", "up"),
    ifconfig("bvbr1", "deletem", "vtnet0"),
    ifconfig("bvbr1", "addm", "epair91a"),
    ifconfig("bvbr1", "inet", "10.79.1.1/24", "alias"),
    ifconfig("bvbr1", "inet", "10.79.9.1/24", "-alias"),
    ifconfig("vlan16385", "create", "vlan", "20", "vlandev", "em7", "name", "bvvl1"),
    zfs("destroy", "-r", "zroot/gone"),
    zfs("set", "atime=off", "zroot/gone"),
    zfs("inherit", "atime", "zroot/d"),
    zfs("mount", "zroot/d"),
    zfs("rename", "zroot/gone", "zroot/back"),
    ("/usr/sbin/jail", "-R", "web"),
    ("/sbin/umount", "/mnt"),
    ("/usr/bin/rctl", "-r", "jail:db"),
    ("/usr/bin/rctl", "-a", "jail:web:maxproc:deny=9"),
    ("/usr/bin/rctl", "-a", "process:4194304:maxproc:deny=9"),
    ("/usr/bin/cpuset", "-l", "0", "-j", "web"),
    ("/usr/bin/cpuset", "-l", "0", "-p", "4194304"),
    ("/usr/sbin/bhyvectl", "--vm=web", "--destroy"),
]
TO_DO: list[Words] = [
    ifconfig("bvbr1", "destroy"),
    ifconfig("bvbr1", "mtu", "1400"),
    ifconfig("bvbr1", "down"),
    ifconfig("bvbr1", "addm", "vtnet0"),
    ifconfig("bvbr1", "inet", "10.79.1.1/24", "-alias"),
    ifconfig("vlan16385", "create", "vlan", "20", "vlandev", "vtnet0", "name", "bvvl1"),
    zfs("destroy", "-r", "zroot/d"),
    zfs("set", "atime=off", "zroot/d"),
    zfs("rollback", "-r", "zroot/d@gone"),
    ("/sbin/umount", "/zroot/d"),
    ("/usr/bin/rctl", "-r", "jail:web"),
    ("/usr/bin/rctl", "-a", "jail:web:maxproc:deny=8"),
    ("/sbin/pfctl", "-d"),
]


@pytest.mark.parametrize("argv", DONE, ids=" ".join)
def test_nothing_is_left_to_do(host: SimHost, argv: Words) -> None:
    assert is_satisfied(host, Command(argv))


@pytest.mark.parametrize("argv", TO_DO, ids=" ".join)
def test_something_is_left_to_do(host: SimHost, argv: Words) -> None:
    assert not is_satisfied(host, Command(argv))


@pytest.mark.parametrize(
    ("action", "done"),
    [
        (WriteFile("/etc/x", "was", 0o600), True),
        (WriteFile("/etc/x", "was", 0o644), False),
        (WriteFile("/etc/x", "other", 0o600), False),
        (WriteFile("/etc/y", "was", 0o600), False),
        (RemoveFile("/etc/x"), False),
        (RemoveFile("/etc/y"), True),
        (Rename("/etc/x", "/etc/y"), False),
        (Rename("/etc/y", "/etc/x"), True),
        (RemoveFile("etc/x", "/gone"), True),
        (RemoveFile("link/x", "/"), True),
        (RemoveFile("etc/x", "/"), False),
        (RemoveDirectory("none/x", "/"), True),
        (WriteFile("link/x", "was", beneath="/"), True),
    ],
)
def test_files(host: SimHost, action: Action, done: bool) -> None:
    host.fs.write("/etc/x", "was", 0o600)
    host.fs.path("/link").symlink_to("etc")
    assert is_satisfied(host, action) == done


def test_an_undo_whose_object_goes_meanwhile_is_done(host: SimHost) -> None:
    busy = Command(ifconfig("bvbr1", "inet", "10.79.1.1/24", "-alias"))
    gone = [Undo(Command(ifconfig("bvbr1", "destroy"))), Undo(busy)]
    assert not take_back(host, tuple(gone), lambda do, why: None)


@pytest.mark.parametrize("kind", ["file", "link", "none"])
def test_what_was_in_a_guests_root_comes_back_as_it_was(host: SimHost, kind: str) -> None:
    place = host.fs.path("/etc/resolv.conf")
    place.unlink(missing_ok=True)
    if kind == "file":
        place.write_bytes(b"nameserver \xff\r\n")
        place.chmod(0o640)
        os.chown(place, 7, 8)
    elif kind == "link":
        place.symlink_to("../var/run/resolv.conf")
    was = restore.look(host.fs, "/", "etc/resolv.conf")
    before = (place.lstat(), place.read_bytes() if kind == "file" else None) if was else None
    host.fs.write_beneath("/", "etc/resolv.conf", "ours\n")
    if was is None or before is None:
        assert kind == "none"
        return
    undo = PutBack("etc/resolv.conf", "/", was)
    assert not is_satisfied(host, undo)
    assert not take_back(host, (Undo(undo),), lambda do, why: None)
    now = place.lstat()
    for field in ("st_mode", "st_uid", "st_gid", "st_size"):
        assert getattr(now, field) == getattr(before[0], field)
    if kind == "link":
        assert os.readlink(place) == "../var/run/resolv.conf"
    else:
        assert place.read_bytes() == before[1]
    assert is_satisfied(host, undo)


def test_a_directory_that_became_a_link_holds_nothing_of_ours(host: SimHost) -> None:
    host.fs.write("/etc/resolv.conf", "mine\n")
    was = restore.look(host.fs, "/", "etc/resolv.conf")
    assert was is not None
    host.fs.path("/guest").mkdir()
    host.fs.path("/guest/etc").symlink_to("../etc")
    undo = PutBack("etc/resolv.conf", "/guest", was)
    host.fs.write("/etc/resolv.conf", "theirs\n")
    assert not take_back(host, (Undo(undo),), lambda do, why: None)
    assert host.fs.read_text("/etc/resolv.conf") == "theirs\n"


def test_what_could_not_be_written_needs_no_undo(
    host: SimHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the file system is read-only: neither the file nor its undo can be written."""

    def write(self: Fs, path: str, *args: object, **words: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    host.fs.write("/etc/x", "was", 0o600)
    undo = Undo(WriteFile("/etc/x", "was", 0o600))
    step = Step(WriteFile("/etc/x", "new", 0o600), "", (undo,), durable=True)
    runner = Executor(host, None)
    monkeypatch.setattr(Fs, "write", write)
    with pytest.raises(StepError, match="Read-only") as raised:
        runner.run(Plan("set", "web", steps=(step,), op="x"))
    assert "undone" not in raised.value.hint
