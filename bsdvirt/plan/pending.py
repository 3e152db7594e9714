"""Which objects have a journal, by the names of the files. In a file of its own: what only shows
what is there imports none of what a journal contains."""

from __future__ import annotations

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.host.fs import Fs
    from bsdvirt.plan.step import Kind

SUFFIX = ".journal"
KINDS = ("guest", "export", "network", "release", "image", "media", "pool", "root", "host")
"""Those of step.py."""


def subjects(fs: Fs, directory: str) -> list[tuple[Kind, str, str]]:
    """Return what has a journal: kind, name, and path. Reads the directory only."""
    found: list[tuple[Kind, str, str]] = []
    for name in fs.listdir(directory):
        kind, _, rest = name.partition(".")
        if name.endswith(SUFFIX) and kind in KINDS:
            subject = rest.removesuffix(SUFFIX).rpartition(".")[0]
            known = "pool" if kind == "root" else kind
            found.append((known, subject, f"{directory}/{name}"))  # type: ignore[arg-type]
    return found
