"""Datasets of the simulated host: their files, their properties, their refusals."""

from __future__ import annotations

import pytest

from bsdvirt.host import tools
from bsdvirt_sim import SimHost, UnknownCommand
from bsdvirt_sim.releases import Release

from .conftest import Do


def test_a_clone_has_the_files_of_its_snapshot_and_its_own_after(
    host: SimHost, do: Do, release: str
) -> None:
    host.fs.write("/zroot/b/rel/etc/late", "after the snapshot")
    do(tools.ZFS, "clone", release, "zroot/b/web")
    assert host.fs.is_file("/zroot/b/web/bin/freebsd-version")
    assert not host.fs.exists("/zroot/b/web/etc/late")
    assert host.fs.path("/zroot/b/web/sys").is_symlink()
    assert host.fs.path("/zroot/b/web/tmp").stat().st_mode & 0o7777 == 0o1777
    host.fs.path("/zroot/b/web/etc/rc").chmod(0o600)
    host.fs.append("/zroot/b/web/etc/rc", "changed")
    do(tools.ZFS, "clone", release, "zroot/b/db")
    assert "changed" not in host.fs.read_text("/zroot/b/db/etc/rc")
    assert "changed" not in host.fs.read_text("/zroot/b/rel/etc/rc")


def test_files_follow_mounts(host: SimHost, do: Do, see: Do) -> None:
    do(tools.ZFS, "create", "-p", "tank/a/b")
    host.fs.write("/tank/a/b/file", "text")
    do(tools.ZFS, "umount", "tank/a")
    assert host.fs.listdir("/tank/a") == []
    assert see(tools.ZFS, "list", "-Hp", "-r", "-o", "mounted", "tank/a").stdout == "no\nno\n"
    host.fs.write("/tank/a/under", "covered")
    do(tools.ZFS, "mount", "tank/a")
    do(tools.ZFS, "mount", "tank/a/b")
    assert host.fs.read_text("/tank/a/b/file") == "text"
    assert not host.fs.exists("/tank/a/under")
    do(tools.ZFS, "rename", "tank/a", "tank/c")
    assert host.fs.read_text("/tank/c/b/file") == "text"
    assert host.fs.listdir("/tank/a") == ["under"]
    do(tools.ZFS, "set", "mountpoint=/srv", "tank/c")
    assert host.fs.read_text("/srv/b/file") == "text"
    assert see(tools.ZFS, "list", "-Hp", "-o", "mountpoint", "tank/c/b").stdout == "/srv/b\n"
    do(tools.ZFS, "inherit", "mountpoint", "tank/c")
    assert host.fs.read_text("/tank/c/b/file") == "text"
    do(tools.ZFS, "destroy", "-r", "tank/c")
    assert not host.fs.exists("/tank/c")


def test_mount_verbs_say_why_not(do: Do) -> None:
    do(tools.ZFS, "create", "-o", "canmount=noauto", "tank/n")
    do(tools.ZFS, "create", "-o", "mountpoint=none", "tank/m")
    do(tools.ZFS, "mount", "tank/n")
    words = [
        do(tools.ZFS, "mount", "tank/n", ok=1),
        do(tools.ZFS, "mount", "tank/m", ok=1),
        do(tools.ZFS, "umount", "tank/m", ok=1),
        do(tools.ZFS, "umount", "tank/nosuch", ok=1),
    ]
    assert [result.stderr for result in words] == [
        "cannot mount 'tank/n': filesystem already mounted\n",
        "cannot mount 'tank/m': no mountpoint set\n",
        "cannot unmount 'tank/m': not currently mounted\n",
        "cannot open 'tank/nosuch': dataset does not exist\n",
    ]


def test_user_properties(do: Do, see: Do) -> None:
    do(tools.ZFS, "create", "-o", "bsdvirt:op=1", "tank/a")
    do(tools.ZFS, "create", "tank/a/b")
    do(tools.ZFS, "snapshot", "-o", "bsdvirt:s=2", "tank/a/b@x")
    get = (tools.ZFS, "get", "-Hp")
    assert see(*get, "-o", "value,source", "bsdvirt:op", "tank/a/b").stdout == (
        "1\tinherited from tank/a\n"
    )
    assert see(*get, "-s", "local", "-o", "value", "bsdvirt:op", "tank/a/b").stdout == ""
    assert see(*get, "-s", "local", "-o", "value", "bsdvirt:op", "tank/a").stdout == "1\n"
    assert see(*get, "-o", "value,source", "bsdvirt:s", "tank/a/b@x").stdout == "2\tlocal\n"
    do(tools.ZFS, "inherit", "bsdvirt:op", "tank/a", "tank/a/b")
    assert see(*get, "-o", "value,source", "bsdvirt:op", "tank/a/b").stdout == "-\t-\n"
    assert see(*get, "-o", "value", "clones", "tank/a/b@x").stdout == "-\n"
    do(tools.ZFS, "clone", "tank/a/b@x", "tank/c")
    do(tools.ZFS, "clone", "tank/a/b@x", "tank/d")
    assert see(*get, "-o", "value", "clones", "tank/a/b@x").stdout == "tank/c,tank/d\n"


def test_properties_are_checked(do: Do, of: Release) -> None:
    bad = do(tools.ZFS, "create", "-o", "canmount=maybe", "tank/a", ok=1)
    assert bad.stderr == ("cannot create 'tank/a': 'canmount' must be one of 'on | off | noauto'\n")
    do(tools.ZFS, "create", "-s", "-V", "1G", "tank/v")
    wrong = do(tools.ZFS, "set", "quota=1G", "tank/v", ok=of.zfs_set_failed)
    assert wrong.stderr == (
        "cannot set property for 'tank/v': 'quota' does not apply to datasets of this type\n"
    )


def test_destroy_refuses_for_clones_elsewhere(do: Do, see: Do, release: str) -> None:
    do(tools.ZFS, "clone", release, "zroot/b/web")
    refused = do(tools.ZFS, "destroy", "-r", "zroot/b/rel", ok=1)
    assert refused.stderr == (
        "cannot destroy 'zroot/b/rel': filesystem has dependent clones\n"
        "use '-R' to destroy the following datasets:\n"
        "zroot/b/web\n"
    )
    do(tools.ZFS, "destroy", "zroot/b/web")
    dry = see(tools.ZFS, "destroy", "-nvpr", "zroot/b/rel")
    assert dry.stdout == "destroy\tzroot/b/rel@base\ndestroy\tzroot/b/rel\n"
    do(tools.ZFS, "destroy", "-r", "zroot/b/rel")


def test_send_and_receive(host: SimHost, see: Do, release: str) -> None:
    lines: list[str] = []
    left = (tools.ZFS, "send", "-vP", release)
    right = (tools.ZFS, "receive", "-o", "bsdvirt:op=7", "zroot/b/full")
    assert host.pipe(left, right, on_line=lines.append).status == 0
    size = see(tools.ZFS, "send", "-nP", release).stdout.splitlines()[-1]
    assert lines[:2] == [f"full\t{release}\t{size.split(chr(9))[1]}", size]
    assert lines[-1].endswith(f"\t{release}")
    assert host.fs.is_file("/zroot/b/full/etc/rc")
    shown = see(
        tools.ZFS, "list", "-Hp", "-t", "snapshot", "-o", "name,origin", "-r", "zroot/b/full"
    )
    assert shown.stdout == "zroot/b/full@base\t-\n"
    again = host.pipe(left, right)
    assert again.status == 1
    assert again.stderr.startswith(
        "cannot receive new filesystem stream: destination 'zroot/b/full' exists\n"
        "must specify -F to overwrite it\n"
    )


def test_a_pool_that_fills_while_a_release_is_extracted(host: SimHost, do: Do) -> None:
    do(tools.ZFS, "create", "tank/r")
    host.settings.fill_pool("tank", 600)
    result = do(tools.TAR, "-xpvf", "/usr/freebsd-dist/base.txz", "-C", "/tank/r", ok=1)
    assert ": Write failed: No space left on device\n" in result.stderr
    assert result.stderr.endswith("tar: Error exit delayed from previous errors.\n")
    host.settings.fill_pool("tank")
    full = do(tools.ZFS, "clone", "tank/r@x", "tank/c", ok=1)
    assert full.stderr == "cannot open 'tank/r@x': dataset does not exist\n"
    assert do(tools.ZFS, "create", "tank/x", ok=1).stderr == (
        "cannot create 'tank/x': out of space\n"
    )
    do(tools.ZFS, "set", "bsdvirt:op=1", "tank/r")
    do(tools.ZFS, "destroy", "-r", "tank/r")


def test_a_read_only_pool(host: SimHost, do: Do, of: Release) -> None:
    do(tools.ZFS, "create", "tank/a")
    host.settings.set_readonly("tank", True)
    for argv in (
        ("create", "tank/b"),
        ("snapshot", "tank/a@s"),
        ("set", "bsdvirt:x=1", "tank/a"),
        ("inherit", "bsdvirt:x", "tank/a"),
        ("rename", "tank/a", "tank/b"),
        ("destroy", "tank/a"),
    ):
        failed = of.zfs_set_failed if argv[0] == "set" else 1
        assert "pool is read-only" in do(tools.ZFS, *argv, ok=failed).stderr


def test_a_parent_in_use_stays(host: SimHost, do: Do, web: str) -> None:
    do(tools.JAIL, "-c", "-f", web, "web")
    busy = "cannot unmount '/zroot/b/web': pool or dataset is busy\n"
    assert do(tools.ZFS, "umount", "zroot/b/web", ok=1).stderr == busy
    assert do(tools.ZFS, "destroy", "zroot/b/web", ok=1).stderr == busy
    assert do(tools.ZFS, "rename", "zroot/b/web", "zroot/b/w", ok=1).stderr == busy
    with pytest.raises(UnknownCommand):
        host.run((tools.ZFS, "umount", "-f", "zroot/b/web"), changes=True)


def test_bad_archives(host: SimHost, do: Do, see: Do) -> None:
    do(tools.ZFS, "create", "tank/r")
    host.fs.write("/tmp/x.txz", "not an archive")
    for name, words in (
        ("/tmp/x.txz", "Unrecognized archive format"),
        ("/tmp/nosuch", "Failed to open '/tmp/nosuch'"),
    ):
        result = do(tools.TAR, "-xpvf", name, "-C", "/tank/r", ok=1)
        assert result.stderr == f"tar: Error opening archive: {words}\n"
    version = see(tools.TAR, "-xOqf", "/usr/freebsd-dist/base.txz", "*bin/freebsd-version")
    assert f'USERLAND_VERSION="{host.settings.release.dist}"' in version.stdout
    missing = see(tools.TAR, "-xOqf", "/usr/freebsd-dist/base.txz", "*nosuch")
    assert missing.stderr == (
        "tar: *nosuch: Not found in archive\ntar: Error exit delayed from previous errors.\n"
    )
