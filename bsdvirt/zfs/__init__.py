"""ZFS: facts by zfs(8), or optionally by py-libzfs for listings; changes are steps that run
zfs(8)."""

from __future__ import annotations

from bsdvirt.zfs.base import Dataset, Pool, Zfs
from bsdvirt.zfs.cli import CliZfs

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable

    from bsdvirt.host.base import Host


def open_zfs(host: Host) -> Zfs:
    """Return the backend zfs(8): for everything that plans, changes, repairs, recovers or boots."""
    return CliZfs(host)


def open_listing(host: Host, warn: Callable[[str], None]) -> Zfs:
    """Return py-libzfs, if it works, for listings; `warn` is called if it does not."""
    from bsdvirt.zfs.libzfs import DEVICE, LibZfs, binding

    module = binding(host.fs.path(DEVICE))
    if module is None:
        warn("py-libzfs is not installed, or /dev/zfs cannot be opened: using zfs(8)")
        return CliZfs(host)
    return LibZfs(host, module, warn)


__all__ = ["Dataset", "Pool", "Zfs", "open_listing", "open_zfs"]
