"""The host file, bsdvirt.yaml: the pool, mirrors and defaults; and the files of other pools."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bsdvirt.spec.base import Live, Names, Spec, prop
from bsdvirt.spec.types import AbsolutePath, CpuList, DatasetName, GuestName, HttpsUrl


class Defaults(Spec, frozen=True, kw_only=True):
    """Defaults of a new guest."""

    network: Annotated[
        GuestName,
        prop("Network of a new guest's first interface.", live=Live.NOW, names=Names.NETWORK),
    ] = GuestName("private")
    autostart: Annotated[bool, prop("Whether new guests start at boot.", live=Live.NOW)] = False


class HostBoot(Spec, frozen=True, kw_only=True):
    """Boot and shutdown of the host."""

    budget: Annotated[
        int,
        prop(
            "Time to stop all guests at shutdown; less than `rcshutdown_timeout` in "
            "rc.conf(5), which starts earlier.",
            live=Live.NOW,
            unit="s",
            ge=3,
            le=3600,
        ),
    ] = 70


def reserve(budget: float) -> float:
    """Return the part of a budget that is reserved for forced stops."""
    return min(10.0, max(1.0, budget * 0.2))


class Fetch(Spec, frozen=True, kw_only=True):
    """Mirrors, and how to fetch from them."""

    mirrors: Annotated[
        list[HttpsUrl],
        prop(
            "Mirrors with a directory `releases`, in the order to try them.",
            live=Live.NOW,
            max_length=16,
        ),
    ] = msgspec.field(default_factory=lambda: [HttpsUrl("https://download.freebsd.org")])
    archives: Annotated[
        list[HttpsUrl],
        prop(
            "Archives of unsupported releases, with a directory `old-releases`.",
            live=Live.NOW,
            max_length=16,
        ),
    ] = msgspec.field(default_factory=lambda: [HttpsUrl("https://archive.freebsd.org")])
    timeout: Annotated[
        int,
        prop("Time to wait for data from a mirror.", live=Live.NOW, unit="seconds", ge=1, le=600),
    ] = 30
    retries: Annotated[
        int,
        prop(
            "Number of retries, after increasing delays.",
            live=Live.NOW,
            ge=0,
            le=100,
        ),
    ] = 5


class ZfsChoice(Spec, frozen=True, kw_only=True):
    """How datasets are listed."""

    backend: Annotated[
        Literal["zfs", "libzfs"],
        prop(
            "How `ls`, `info` and `stats` list datasets: `zfs` by zfs(8), `libzfs` by "
            "py-libzfs, checked against zfs(8). Everything else uses zfs(8).",
            live=Live.NOW,
        ),
    ] = "zfs"


class Exposing(Spec, frozen=True, kw_only=True):
    """How exposed ports are filtered."""

    filtered: Annotated[
        bool,
        prop(
            "Apply the host's filter rules to exposed ports: they are redirected by "
            "`rdr` and passed by rules in the filter anchors `bsdvirt/*`, instead of "
            "bypassing all filter rules with `rdr pass`.",
            live=Live.NOW,
        ),
    ] = False


class HostStats(Spec, frozen=True, kw_only=True):
    """What `stats record` records."""

    interval: Annotated[
        int,
        prop(
            "Time between two samples of what the host and its guests use, where rc.conf(5) has "
            "`bsdvirt_stats_enable=YES`. The last 720 are kept: those of two hours at 10 s; then "
            "means and highest values of 5 minutes for two days, and of an hour for 60 days.",
            live=Live.NOW,
            unit="s",
            ge=1,
            le=60,
        ),
    ] = 10


class HostFile(Spec, frozen=True, kw_only=True):
    """The host file."""

    dataset: Annotated[DatasetName, prop("The dataset of the first pool.", live=Live.NEVER)]
    mountpoint: Annotated[AbsolutePath, prop("Mount point of the dataset.", live=Live.NEVER)] = (
        AbsolutePath("/bsdvirt")
    )
    parallel: (
        Annotated[
            int,
            prop(
                "Number of guests to work on at once; by default the number of CPUs.",
                live=Live.NOW,
                ge=1,
                le=64,
            ),
        ]
        | None
    ) = None
    reserved_cpus: Annotated[
        CpuList | None,
        prop(
            "CPUs that no guest is given, such as 0 or 0-1: guests without `cpuset` do not run on"
            " them either.",
            live=Live.NOW,
        ),
    ] = None
    placement_policy: Annotated[
        Literal["spread", "pack"],
        prop(
            "Where `placement` puts a guest: `spread` where its caches have the most room, `pack`"
            " where they have the least that is enough.",
            live=Live.NOW,
        ),
    ] = "spread"
    defaults: Annotated[Defaults, prop("Defaults of new guests.", live=Live.NOW)] = Defaults()
    boot: Annotated[HostBoot, prop("Boot and shutdown of the host.", live=Live.NOW)] = HostBoot()
    fetch: Annotated[Fetch, prop("Mirrors for releases and images.", live=Live.NOW)] = Fetch()
    expose: Annotated[Exposing, prop("Filtering of exposed ports.", live=Live.NOW)] = Exposing()
    zfs: Annotated[ZfsChoice, prop("Access to ZFS.", live=Live.NOW)] = ZfsChoice()
    stats: Annotated[HostStats, prop("History of resource usage.", live=Live.NOW)] = HostStats()


class PoolFile(Spec, frozen=True, kw_only=True):
    """Another pool that guests are created on."""

    dataset: Annotated[DatasetName, prop("The dataset that holds its guests.", live=Live.NEVER)]
    mountpoint: Annotated[AbsolutePath, prop("Mount point of the dataset.", live=Live.NEVER)]
