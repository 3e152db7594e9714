"""A file that is looked at, and used afterwards: nobody exchanges it in between."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import pytest

from bsdvirt.errors import HostError, NotFoundError, UsageError
from bsdvirt.host.fs import Fs
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library import images, release_add
from bsdvirt.library.private_copy import held, open_file
from bsdvirt.ops.init import Init
from bsdvirt.plan.events import Event, Planned
from bsdvirt.plan.render import plan_as_shell
from bsdvirt.plan.step import Plan
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt_sim import SimHost

USER = 1001


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "srv/own").mkdir(parents=True)
    (tmp_path / "srv/open").mkdir()
    (tmp_path / "srv/open").chmod(0o777)
    (tmp_path / "srv/tmp").mkdir()
    (tmp_path / "srv/tmp").chmod(0o1777)
    for place in ("own", "open", "tmp"):
        (tmp_path / f"srv/{place}/a").write_text("a")
    return Fs(tmp_path)


def _ours(fs: Fs, path: str) -> bool:
    opened = open_file(fs, path)
    os.close(opened.descriptor)
    return opened.ours


def test_whose_a_file_is(fs: Fs) -> None:
    assert _ours(fs, "/srv/own/a")
    assert not _ours(fs, "/srv/open/a")
    assert _ours(fs, "/srv/tmp/a")
    fs.path("/srv/own/a").chmod(0o666)
    assert not _ours(fs, "/srv/own/a")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_another_users_file_and_directory(fs: Fs) -> None:
    os.chown(fs.path("/srv/tmp/a"), USER, USER)
    assert not _ours(fs, "/srv/tmp/a")
    os.chown(fs.path("/srv/own"), USER, USER)
    assert not _ours(fs, "/srv/own/a")


def test_links(fs: Fs) -> None:
    fs.path("/srv/one").symlink_to("own/../own/./a")
    fs.path("/srv/two").symlink_to("/srv/one")
    opened = open_file(fs, "/srv/two")
    os.close(opened.descriptor)
    assert (opened.path, opened.ours) == ("/srv/own/a", True)
    fs.path("/srv/up").symlink_to("../../../../srv/own/a")
    assert _ours(fs, "/srv/up")
    fs.path("/srv/loop").symlink_to("loop")
    with pytest.raises(HostError, match="too many links"):
        open_file(fs, "/srv/loop")
    if os.geteuid() == 0:
        os.chown(fs.path("/srv/one"), USER, USER, follow_symlinks=False)
        with pytest.raises(HostError, match="one is a symbolic link of another user"):
            open_file(fs, "/srv/two")


def test_what_is_no_file(fs: Fs) -> None:
    os.mkfifo(fs.path("/srv/fifo"))
    with pytest.raises(UsageError, match="is not a regular file"):
        open_file(fs, "/srv/fifo")
    for path in ("/", "/srv", "/srv/.."):
        with pytest.raises(UsageError, match="is a directory"):
            open_file(fs, path)
    for path in ("/srv/nosuch", "/srv/own/a/b"):
        with pytest.raises(NotFoundError):
            open_file(fs, path)


def test_no_descriptor_is_left_open(fs: Fs) -> None:
    before = len(os.listdir("/proc/self/fd"))
    fs.path("/srv/loop").symlink_to("loop")
    for path in ("/srv/own/a", "/srv/nosuch/x", "/srv", "/srv/loop"):
        with contextlib.suppress(HostError, UsageError, NotFoundError):
            os.close(open_file(fs, path).descriptor)
    assert len(os.listdir("/proc/self/fd")) == before


# ---- on a simulated host ----


@pytest.fixture
def session(tmp_path: Path) -> Session:
    told: list[Event] = []
    session = Session(SimHost(tmp_path / "sim"), Interrupt(), sink=told.append)
    carry_out(session, Init("zroot"))
    place = session.host.fs.path("/srv/open")
    place.mkdir(parents=True)
    place.chmod(0o777)
    return session


def test_a_file_of_others_is_copied_first(session: Session) -> None:
    fs = session.host.fs
    fs.path("/srv/open/a").write_bytes(b"first" * 1000)
    with held(session, "/srv/open/a", "import image", "x") as file:
        assert file.startswith("/bsdvirt/media/")
        fs.path("/srv/open/a").unlink()
        fs.path("/srv/open/a").symlink_to("/etc/passwd")
        assert fs.read_bytes(file) == b"first" * 1000
        assert fs.path(file).stat().st_mode & 0o777 == 0o600
    assert not fs.exists(file)
    with held(session, "/etc/rc.conf", "import image", "x") as file:
        assert file == "/etc/rc.conf"


def test_a_copy_that_there_is_no_room_for(session: Session) -> None:
    with session.host.fs.path("/srv/open/a").open("wb") as stream:
        stream.truncate(1 << 43)
    with (
        pytest.raises(HostError, match="a private copy needs"),
        held(session, "/srv/open/a", "import image", "x"),
    ):
        pass


def test_an_image_that_refers_to_another_file_is_not_shown_to_qemu(session: Session) -> None:
    """There is no qemu-img here: whatever else would be said came too late."""
    head = b"QFI\xfb" + struct.pack(">IQI", 3, 512, 11)
    fs = session.host.fs
    fs.path("/srv/open/a.qcow2").write_bytes(head.ljust(512, b"\0") + b"/etc/passwd")
    with pytest.raises(UsageError, match="/srv/open/a.qcow2 is not a complete image: it refers to"):
        images.import_file(session, "/srv/open/a.qcow2", "x")
    assert fs.listdir("/bsdvirt/media") == []


def test_a_releases_archive_is_checked_and_extracted_as_one_file(session: Session) -> None:
    """In a directory of others it could be exchanged after its checksum was taken."""
    fs = session.host.fs
    for name in ("base.txz", "MANIFEST"):
        fs.path(f"/srv/open/{name}").write_bytes(fs.read_bytes(f"/usr/freebsd-dist/{name}"))
    shown: list[Plan] = []
    release_add.add(session, "/srv/open", "13.2-RELEASE")
    assert fs.exists("/bsdvirt/releases/13.2-RELEASE/bin/freebsd-version")
    assert fs.listdir("/bsdvirt/media") == []
    session.preview = True
    session.sink = lambda event: shown.append(event.plan) if isinstance(event, Planned) else None
    release_add.add(session, "/usr/freebsd-dist", "13.2-RELEASE-p1")
    assert "/usr/freebsd-dist/base.txz" in "".join(map(plan_as_shell, shown))
