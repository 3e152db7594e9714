"""The version of the userland in a root, by its freebsd-version(1), which is not run."""

from __future__ import annotations

import re

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs

FILE = "bin/freebsd-version"
LIMIT = 1 << 16
"""Bytes that are read of it: it is a script of 4 KB."""
_USERLAND = re.compile(r'^USERLAND_VERSION="?([A-Za-z0-9._-]{1,64})"?', re.MULTILINE)


def parse_version(script: str) -> str | None:
    """Return the version that freebsd-version(1) prints, such as 14.3-RELEASE-p2."""
    match = _USERLAND.search(script)
    return match[1] if match else None


def version_in(fs: Fs, root: str) -> str | None:
    """Return the version of the userland in a root, with its patch level. The root may be a
    guest's: no link in it is followed."""
    try:
        text = fs.read_beneath(root, FILE, LIMIT)
    except HostError:
        return None
    return parse_version(text) if text else None
