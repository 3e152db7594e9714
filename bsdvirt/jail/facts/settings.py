"""What the host and a jail's root show of its name, its time zone and its release."""

from __future__ import annotations

from bsdvirt.errors import HostError
from bsdvirt.host import restore
from bsdvirt.host.fs import Fs
from bsdvirt.jail.settings import HOSTS, LOCALTIME, ZONES, OwnFacts
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.types import TimeZone

MOST_BYTES = 64 << 10
ZONE_NAME = "/var/db/zoneinfo"
"""Where tzsetup(8) writes the name of the host's zone."""
HEADER = "usr/include/sys/param.h"
VERSION = "bin/freebsd-version"


def read_own(fs: Fs, root: str, jail: Jail) -> OwnFacts:
    """Read them; no link is followed, and no file is read that is larger than MOST_BYTES."""
    version, header = (_text(fs, root, path) or "" for path in (VERSION, HEADER))
    missing, wrong = fs.look_beneath(root, "etc")
    if missing or wrong:
        return OwnFacts(version=version, header=header)
    zone = host_zone(fs)
    wanted = {zone, str(jail.timezone)} - {""}
    return OwnFacts(
        etc=True,
        hosts=_text(fs, root, HOSTS),
        hosts_there=_there(fs, root, HOSTS),
        hosts_was=_was(fs, root, HOSTS),
        localtime=_there(fs, root, LOCALTIME),
        localtime_was=_was(fs, root, LOCALTIME),
        zone=zone,
        zones=frozenset(name for name in wanted if fs.leads_to_file(root, f"{ZONES}/{name}")),
        version=version,
        header=header,
    )


def _text(fs: Fs, root: str, path: str) -> str | None:
    """Return a file's text; None for what is not a regular file, or too large."""
    try:
        return fs.read_beneath(root, path, MOST_BYTES)
    except HostError:
        return None


def _there(fs: Fs, root: str, path: str) -> bool:
    return fs.exists(f"{root.rstrip('/')}/{path}")


def _was(fs: Fs, root: str, path: str) -> restore.Was | None:
    try:
        return restore.look(fs, root, path)
    except OSError:
        return None


def host_zone(fs: Fs) -> str:
    """The name of the host's time zone: as tzsetup(8) noted it, or as its link says."""
    try:
        name = fs.read_or(ZONE_NAME).strip()
        if not name:
            to = str(fs.path(f"/{LOCALTIME}").readlink())
            name = to.partition(f"{ZONES}/")[2]
        return str(TimeZone.parse(name)) if name else ""
    except (OSError, ValueError, HostError):
        return ""
