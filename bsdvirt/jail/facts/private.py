"""What a jail's root holds that is of this one jail: keys, ids, leases."""

from __future__ import annotations

import fnmatch

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs
from bsdvirt.jail.copies.private import MOST_NAMES, RC_FILES, PrivateFacts, places_of
from bsdvirt.spec.jail import Jail

MOST_BYTES = 64 << 10


def read_private(fs: Fs, root: str, jail: Jail) -> PrivateFacts:
    """Look for it in the directory `root`; no link is followed."""
    found = tuple(
        f"{directory}/{name}"
        for directory, pattern in places_of(jail)
        for name in fs.names_beneath(root, directory, MOST_NAMES)
        if fnmatch.fnmatchcase(name, pattern) and fs.is_file_beneath(root, f"{directory}/{name}")
    )
    settings = {path: text for path in RC_FILES if (text := _text(fs, root, path)) is not None}
    return PrivateFacts(tuple(dict.fromkeys(found)), settings)


def _text(fs: Fs, root: str, path: str) -> str | None:
    try:
        return fs.read_beneath(root, path, MOST_BYTES)
    except HostError:
        return None
