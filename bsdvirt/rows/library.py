"""Rows of releases, images and media."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import BYTES, Row, col, old_name


class ReleaseRow(Row, frozen=True, kw_only=True):
    """A release, as `release ls` lists it."""

    name: Annotated[str, col("Name of the release.")]
    used: Annotated[int, col("Disk space used on all pools.", unit=BYTES)]
    guests: Annotated[list[str], col("Jails that were created from it.")]
    complete: Annotated[bool, col("Whether it was added completely.")]
    created: Annotated[str | None, col("Time it was added, UTC, as 2026-11-21T10:30:00Z.")]
    pools: Annotated[list[str], col("Datasets of the pools that have it.")]
    roots: Annotated[list[str], old_name("pools")]
    version: Annotated[str, col("Version of its newest snapshot, which new jails get.")] = ""
    snapshots: Annotated[
        list[str], col("Snapshots of its dataset that jails are clones of; the newest is last.")
    ] = []
    looked: Annotated[
        str | None, col("Time updates were last looked for, UTC, as 2026-11-21T10:30:00Z.")
    ] = None


class AvailableRow(Row, frozen=True, kw_only=True):
    """A release that can be fetched, as `release available` lists it."""

    name: Annotated[str, col("Name of the release.")]
    why: Annotated[str, col("How this host knows of it.")]
    present: Annotated[bool, col("Whether it was added already.")]


class OutdatedRow(Row, frozen=True, kw_only=True):
    """A release, jail or image that is outdated, as `outdated` lists it."""

    kind: Annotated[str, col("Kind of object: release, jail or image.")]
    name: Annotated[str, col("Name of the object.")]
    version: Annotated[str, col("Version that it has; of an image, the day it was fetched.")]
    newest: Annotated[str | None, col("Newest version that this host knows of.")]
    why: Annotated[str, col("Why it is outdated.")]
    command: Annotated[str, col("Command that brings it up to date.")]


class ImageRow(Row, frozen=True, kw_only=True):
    """A disk image, as `image ls` and `image info` print it."""

    name: Annotated[str, col("Name of the image.")]
    size: Annotated[int | None, col("Size of its disk.", unit=BYTES)]
    used: Annotated[int, col("Disk space used on all pools.", unit=BYTES)]
    guests: Annotated[list[str], col("Virtual machines with a disk that is a clone of it.")]
    loader: Annotated[str | None, col("Boot loader that it needs.")]
    system: Annotated[str, col("Operating system.")]
    user: Annotated[str | None, col("User that cloud-init sets up in it.")]
    cloud_init: Annotated[bool, col("Whether cloud-init runs in it.")]
    profile: Annotated[str | None, col("Profile that it was fetched by.")]
    source: Annotated[str, col("URL or path that it came from.")]
    checksum: Annotated[str, col("Checksum of the file that it came from.")]
    format: Annotated[str, col("Format of the file that it came from.")]
    created: Annotated[str, col("Time it was added, UTC, as 2026-11-21T10:30:00Z.")]
    dataset: Annotated[str, col("Dataset of its zvol.")]
    complete: Annotated[bool, col("Whether it was added completely.")]
    pools: Annotated[list[str], col("Datasets of the pools that have it.")]
    roots: Annotated[list[str], old_name("pools")]


class ProfileRow(Row, frozen=True, kw_only=True):
    """An image that can be fetched, as `image profiles` lists it."""

    name: Annotated[str, col("Name of the profile.")]
    description: Annotated[str, col("Description, or why the profile cannot be used.")]
    url: Annotated[str | None, col("URL of the image.")]
    arch: Annotated[str | None, col("Machine architecture.")]
    loader: Annotated[str | None, col("Boot loader that it needs.")]
    system: Annotated[str | None, col("Operating system.")]
    cloud_init: Annotated[bool | None, col("Whether cloud-init runs in it.")]
    own: Annotated[bool, col("Whether the profile is a file of this host's administrator.")]


class MediumRow(Row, frozen=True, kw_only=True):
    """An ISO file, as `media ls` lists it."""

    name: Annotated[str, col("Name of the medium.")]
    size: Annotated[int, col("Size of the file.", unit=BYTES)]
    guests: Annotated[list[str], col("Virtual machines with it in a drive.")]
    changed: Annotated[str, col("Time of its last change, UTC, as 2026-11-21T10:30:00Z.")]
    path: Annotated[str, col("Path of the file.")]
