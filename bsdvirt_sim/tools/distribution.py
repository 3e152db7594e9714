"""A generated distribution set: a tiny base.txz with the names of a FreeBSD's files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

_DIRECTORIES = (
    "bin",
    "dev",
    "etc",
    "etc/rc.d",
    "etc/rc.conf.d",
    "lib",
    "libexec",
    "media",
    "mnt",
    "net",
    "proc",
    "rescue",
    "root",
    "sbin",
    "tmp",
    "usr",
    "usr/bin",
    "usr/home",
    "usr/libexec",
    "usr/local",
    "usr/local/etc",
    "usr/local/etc/rc.d",
    "usr/sbin",
    "usr/share",
    "var",
    "var/cache",
    "var/db",
    "var/empty",
    "var/log",
    "var/run",
    "var/spool",
    "var/tmp",
)
_MODES = {"root": 0o750, "tmp": 0o1777, "var/tmp": 0o1777, "proc": 0o555, "var/empty": 0o555}
_PLACEHOLDER = (
    "#!/bin/sh\n# Stands for the file of this name in a FreeBSD release: nothing runs it.\n"
)
_PROGRAMS = (
    "bin/cat",
    "bin/echo",
    "bin/hostname",
    "bin/ps",
    "bin/pwd",
    "bin/sh",
    "bin/sleep",
    "libexec/ld-elf.so.1",
    "sbin/ifconfig",
    "sbin/ping",
    "sbin/route",
    "sbin/sysctl",
    "sbin/zfs",
    "usr/bin/cpuset",
    "usr/bin/env",
    "usr/bin/false",
    "usr/bin/id",
    "usr/bin/login",
    "usr/bin/true",
    "usr/bin/uname",
    "usr/sbin/cron",
    "usr/sbin/syslogd",
)
_MASTER_PASSWD = """\
root::0:0::0:0:Charlie &:/root:/bin/csh
toor:*:0:0::0:0:Bourne-again Superuser:/root:
daemon:*:1:1::0:0:Owner of many system processes:/root:/usr/sbin/nologin
www:*:80:80::0:0:World Wide Web Owner:/nonexistent:/usr/sbin/nologin
nobody:*:65534:65534::0:0:Unprivileged user:/nonexistent:/usr/sbin/nologin
"""


def _files(version: str) -> dict[str, tuple[str, int]]:
    files = dict.fromkeys(_PROGRAMS, (_PLACEHOLDER, 365))
    files["bin/freebsd-version"] = (
        f'#!/bin/sh\n\nset -e\n\nUSERLAND_VERSION="{version}"\n\necho "$USERLAND_VERSION"\n',
        0o555,
    )
    files["etc/rc"] = (_PLACEHOLDER, 0o644)
    files["etc/rc.shutdown"] = (_PLACEHOLDER, 0o644)
    files["etc/rc.subr"] = (_PLACEHOLDER, 0o644)
    files["etc/master.passwd"] = (_MASTER_PASSWD, 0o600)
    files["etc/passwd"] = (
        "".join(
            ":".join([*line.split(":")[:1], "*", *line.split(":")[2:4], *line.split(":")[7:]])
            + "\n"
            for line in _MASTER_PASSWD.splitlines()
        ),
        0o644,
    )
    files |= dict.fromkeys(("etc/pwd.db", "etc/spwd.db"), ("", 0o600))
    files["etc/motd.template"] = (f"FreeBSD {version}\n", 0o644)
    return files


def fill(top: Path, version: str) -> None:
    """Write the files of a release to a directory, over those that are there."""
    for name in _DIRECTORIES:
        (top / name).mkdir(parents=True, exist_ok=True)
        (top / name).chmod(_MODES.get(name, 0o755))
    for name, (text, mode) in _files(version).items():
        (top / name).unlink(missing_ok=True)
        (top / name).write_text(text)
        (top / name).chmod(mode)


def make_release(directory: str | Path, version: str = "13.2-RELEASE") -> Path:
    """Write base.txz and MANIFEST to a directory, with the same bytes each time."""
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    archive = place / "base.txz"
    entries: dict[str, tuple[str | None, int]] = {"": (None, 0o755)}
    entries |= {name: (None, _MODES.get(name, 0o755)) for name in _DIRECTORIES}
    entries |= _files(version)
    # A real one has such links, which an extraction must handle.
    links = {"sys": "usr/src/sys", "var/tmp/vi.recover": "../db"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", format=tarfile.USTAR_FORMAT, preset=1) as tar:
        for name in sorted({*entries, *links}):
            info = tarfile.TarInfo(f"./{name}")
            info.mtime = 1680845616
            info.uname, info.gname = "root", "wheel"
            if name in links:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, links[name], 0o755
                tar.addfile(info)
                continue
            text, info.mode = entries[name]
            if text is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                data = text.encode()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    archive.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    count = len({*entries, *links})
    (place / "MANIFEST").write_text(
        f'base.txz\t{digest}\t{count}\tbase\t"Base system (MANDATORY)"\ton\n'
    )
    return place
