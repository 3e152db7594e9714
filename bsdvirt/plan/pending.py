"""Which objects have a journal, by the names of the files. In a file of its own: what only shows
what is there imports none of what a journal contains."""

from __future__ import annotations

from typing import Literal, get_args

from bsdvirt.host.fs import Fs

SUFFIX = ".journal"

Kind = Literal["guest", "export", "network", "release", "image", "media", "pool", "root", "host"]
"""The kind of object that a plan changes, whose lock guards it. An `export` is named like its
guest, which others may change meanwhile. A pool is a `root` in journals of earlier versions."""


def subjects(fs: Fs, directory: str) -> list[tuple[Kind, str, str]]:
    """Return what has a journal: kind, name, and path. Reads the directory only."""
    found: list[tuple[Kind, str, str]] = []
    for name in fs.listdir(directory):
        kind, _, rest = name.partition(".")
        if name.endswith(SUFFIX) and kind in get_args(Kind):
            subject = rest.removesuffix(SUFFIX).rpartition(".")[0]
            known = "pool" if kind == "root" else kind
            found.append((known, subject, f"{directory}/{name}"))  # type: ignore[arg-type]
    return found
