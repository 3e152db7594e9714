"""Rows of jails."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from bsdvirt.rows.base import BYTES, Row, col
from bsdvirt.rows.guest import GuestInfo, Usage


class Storage(Row, frozen=True, kw_only=True):
    """The ZFS properties of a dataset that are in effect, set or inherited; null if none."""

    reservation: Annotated[int | None, col("Space reserved.", unit=BYTES)]
    quota: Annotated[int | None, col("Limit of space, snapshots included.", unit=BYTES)]
    refquota: Annotated[int | None, col("Limit of space, snapshots excluded.", unit=BYTES)]
    compression: Annotated[str | None, col("Compression algorithm.")]
    recordsize: Annotated[int | None, col("Largest record of files.", unit=BYTES)]
    atime: Annotated[str | None, col("Whether access times are updated: on or off.")]


class JailDataset(Storage, frozen=True, kw_only=True):
    """A dataset delegated to a jail."""

    name: Annotated[str, col("Name of the entry in the jail's file.")]
    dataset: Annotated[str, col("Name of the dataset.")]
    mountpoint: Annotated[str | None, col("Mount point, as the jail sees it.")]
    mounted: Annotated[bool, col("Whether it is mounted.")]
    used: Annotated[int, col("Disk space used.", unit=BYTES)]


class MainCommand(Row, frozen=True, kw_only=True):
    """The main command of a jail."""

    state: Annotated[str | None, col("State of the command, such as running or ended.")]
    pid: Annotated[int | None, col("Process ID.")]
    runs: Annotated[int | None, col("How often it was started.")]
    watched: Annotated[bool, col("Whether its supervisor is running.")]
    last: Annotated[str | None, col("How its last run ended.")]
    status: Annotated[int | None, col("Exit status of its last run.")]
    why: Annotated[str | None, col("Why it is not running.")]


class JailInfo(GuestInfo, frozen=True, kw_only=True):
    """A jail, as `info` prints it."""

    root: Annotated[str, col("Root directory of the jail.")]
    version: Annotated[
        str | None, col("Version of the userland in its root; null if it is unknown.")
    ] = None
    differs: Annotated[
        str | UnsetType,
        col("Whether its userland is older or newer than the kernel, and what that means."),
    ] = UNSET
    old_root: Annotated[
        str | None, col("Dataset of the root from before its last upgrade, if it is kept.")
    ] = None
    storage: Annotated[Storage, col("ZFS properties of the root's dataset.")]
    datasets: Annotated[list[JailDataset], col("Datasets delegated to the jail.")]
    main: Annotated[MainCommand | UnsetType, col("Main command, if the jail runs one.")] = UNSET
    cpus: Annotated[str | UnsetType, col("CPUs that it may run on. Running jails only.")] = UNSET
    limits: Annotated[
        dict[str, int] | UnsetType,
        col("Limits in effect, by rctl(8) resource and action. Running jails only."),
    ] = UNSET
    usage: Usage = UNSET


class MountRow(Row, frozen=True, kw_only=True):
    """A mount in a jail's root, as `mount` lists it."""

    name: Annotated[str, col("Name of the mount; empty if the jail's file does not have it.")]
    type: Annotated[str, col("File system type.")]
    source: Annotated[str, col("Directory or file on the host, or the file system's source.")]
    target: Annotated[str, col("Path in the jail.")]
    readonly: Annotated[bool | None, col("Whether it is read-only.")]
    mounted: Annotated[bool, col("Whether it is mounted now.")]


class ProcessRow(Row, frozen=True, kw_only=True):
    """A process of a jail, as `ps` lists it."""

    pid: Annotated[int, col("Process ID.")]
    ppid: Annotated[int, col("Process ID of the parent.")]
    user: Annotated[str, col("User, as the host names it.")]
    command: Annotated[str, col("Command line.")]
