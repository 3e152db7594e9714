"""Whether a jail that runs is one that bsdvirt has started: by the kernel and the jail.conf of its
start, without a listing of datasets."""

from __future__ import annotations

from bsdvirt.facts.jls import read_jail
from bsdvirt.layout import conf_file

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.host.base import Host
    from bsdvirt.host.fs import Fs

_BEGIN, _END = "  path = '", "';"
"""The line of the root directory, as jail/conf.py writes it. A quote within a value is escaped: no
part of another one looks like it."""


def started_root(host: Host, name: str) -> str | None:
    """Return the root of a guest's running jail; None if that is not certain. The directory of
    jail.conf files is root's alone: the jail's name does not suffice, its root must be that of the
    start."""
    jail = read_jail(host, name)
    root = _root_at_start(host.fs, name)
    if jail is None or root is None or jail.dying or jail.path != root:
        return None
    return root


def _root_at_start(fs: Fs, name: str) -> str | None:
    try:
        lines = fs.read_text(conf_file(name), follow=False).split("\n")
    except OSError:
        return None
    paths = [line for line in lines if line.startswith(_BEGIN) and line.endswith(_END)]
    path = paths[0][len(_BEGIN) : -len(_END)] if len(paths) == 1 else ""
    return path if path.startswith("/") and not set(path) & set("\\'") else None
