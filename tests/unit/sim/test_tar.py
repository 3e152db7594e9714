"""tar(1) of the simulated host with archives of strangers."""

from __future__ import annotations

import io
import lzma
import tarfile

from bsdvirt.host import tools
from bsdvirt_sim import SimHost

from .conftest import Do


def archive(host: SimHost, *members: tuple[str, str, str]) -> str:
    """An archive of members: type, name, and text or target; its path."""
    path = "/tmp/x.tar"
    with tarfile.open(host.fs.path(path), "w") as out:
        for kind, name, text in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if kind == "file":
                info.size = len(text)
            else:
                info.type = {
                    "dir": tarfile.DIRTYPE,
                    "link": tarfile.SYMTYPE,
                    "hard": tarfile.LNKTYPE,
                }[kind]
                info.linkname = text
            out.addfile(info, io.BytesIO(text.encode()))
    return path


def test_names_that_lead_out_are_refused(host: SimHost, do: Do) -> None:
    do(tools.ZFS, "create", "tank/r")
    path = archive(
        host,
        ("dir", "./etc", ""),
        ("file", "./etc/rc", "ok"),
        ("file", "../out", "no"),
        ("file", "/etc/abs", "inside"),
        ("link", "way", "/etc"),
        ("file", "way/out", "no"),
        ("hard", "rc2", "./etc/rc"),
        ("hard", "bad", "etc/none"),
    )
    result = do(tools.TAR, "-xpvf", path, "-C", "/tank/r", ok=1)
    assert result.stderr.splitlines() == [
        "x ./etc/",
        "x ./etc/rc",
        "x ../out: Path contains '..': Unknown error: -1",
        "tar: Removing leading '/' from member names",
        "x etc/abs",
        "x way",
        "x way/out: Cannot extract through symlink way/out: No error: 0",
        "x rc2",
        "x bad: Hard-link target 'etc/none' does not exist: No such file or directory",
        "tar: Error exit delayed from previous errors.",
    ]
    assert host.fs.listdir("/tank/r") == ["etc", "rc2", "way"]
    assert not host.fs.exists("/tank/out")
    assert not host.fs.exists("/etc/out")


def test_a_part_without_what_is_above_it(host: SimHost, do: Do, see: Do) -> None:
    do(tools.ZFS, "create", "tank/r")
    path = archive(
        host,
        ("file", "jail/root/etc/rc", "rc"),
        ("file", "jail/conf", "c"),
        ("dir", "jail/root", ""),
    )
    do(tools.TAR, "-xpvf", path, "-C", "/tank/r", "--strip-components", "2", "jail/root")
    assert host.fs.listdir("/tank/r") == ["etc"]
    assert see(tools.TAR, "-xOqf", path, "jail/conf").stdout == "c"
    assert (
        see(tools.TAR, "-tqf", path, "jail/conf", "*/rc").stdout == "jail/root/etc/rc\njail/conf\n"
    )
    missing = see(tools.TAR, "-tqf", path, "none")
    assert missing.status == 1
    assert missing.stderr == (
        "tar: none: Not found in archive\ntar: Error exit delayed from previous errors.\n"
    )


def test_an_archive_within_a_file(host: SimHost, do: Do) -> None:
    """As AppJail has them: a header, an archive packed by xz(1), and something behind it."""
    do(tools.ZFS, "create", "tank/r")
    plain = host.fs.path(archive(host, ("file", "etc/rc", "rc"))).read_bytes()
    whole = b"header" + lzma.compress(plain) + lzma.compress(b"more") + b"end"
    host.fs.path("/tmp/whole").write_bytes(whole)
    unpack = ("--use-compress-program", f"{tools.XZ} -dc -M 1GiB --single-stream")
    result = host.pipe(
        ("/usr/bin/tail", "-c", "+7", "/tmp/whole"),
        (tools.TAR, *unpack, "-xpf", "-", "-C", "/tank/r"),
    )
    assert result.status == 0
    assert host.fs.read_text("/tank/r/etc/rc") == "rc"
