"""ZFS: facts by zfs(8), or py-libzfs for listings by choice; changes are zfs(8) steps."""

from __future__ import annotations

from collections.abc import Callable

from bsdvirt.host.base import Host
from bsdvirt.zfs.base import Dataset, Pool, Zfs
from bsdvirt.zfs.cli import CliZfs


def open_zfs(host: Host) -> Zfs:
    """zfs(8): for everything that plans, changes, repairs, recovers or boots."""
    return CliZfs(host)


def open_listing(host: Host, warn: Callable[[str], None]) -> Zfs:
    """py-libzfs where it works, for what only shows; `warn` is told where it does not."""
    from bsdvirt.zfs.libzfs import DEVICE, LibZfs, binding

    module = binding(host.fs.path(DEVICE))
    if module is None:
        warn("py-libzfs is not here, or /dev/zfs does not open: zfs(8) is used")
        return CliZfs(host)
    return LibZfs(host, module, warn)


__all__ = ["Dataset", "Pool", "Zfs", "open_listing", "open_zfs"]
