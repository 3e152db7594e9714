"""ZFS: facts by py-libzfs or zfs(8); changes are zfs(8) steps of a plan."""

from __future__ import annotations

from bsdvirt.host.base import Host
from bsdvirt.zfs.base import Dataset, Pool, Zfs
from bsdvirt.zfs.cli import CliZfs


def open_zfs(host: Host) -> Zfs:
    """The best backend that works on this host."""
    if not host.simulated:
        from bsdvirt.zfs.libzfs import LibZfs, binding

        if (module := binding()) is not None:
            return LibZfs(host, module)
    return CliZfs(host)


__all__ = ["Dataset", "Pool", "Zfs", "open_zfs"]
