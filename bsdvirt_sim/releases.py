"""The releases of FreeBSD that are simulated, and how they differ.

A host is created as one of them and stays it: `Host.version` names it. Each difference is a field
here, named after what the tool does and not after the release, with the capture or source that
shows it; a tool reads `run.release`, never a number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "BSDVIRT_SIM_RELEASE"
"""The release of hosts created from now on; an existing host keeps its own."""


@dataclass(frozen=True)
class Release:
    """A release, with the values of its captures."""

    version: str
    kernel: str
    """What uname(1) and freebsd-version(1) print."""
    osreldate: int
    dist: str
    """The release of the base.txz in /usr/freebsd-dist."""
    cpu_words: int
    """The number of longs in a cpuset (kern.sched.topology_spec)."""
    netlink: bool
    """ifconfig(8) uses netlink(4): LOWER_UP, addresses in the order of their families, and the
    kernel's reason after an error (EXTERROR)."""
    bridge_sets_members: bool
    """bridge(4) sets its MTU on its members, whose own cannot be set (if.c, if_bridge.c)."""
    bridge_filters: bool
    """bridge(4) filters VLANs (vlanfilter, untagged and tagged in ifbridge.c)."""
    tools_reach_jails: bool
    """ifconfig(8) and route(8) have -j."""
    keeps_groups: bool
    """An interface that returns from a jail is in the group of its kind again."""
    names_by_jid: bool
    """jail(8) names the jail to ifconfig(8) by its number (command.c, IP_VNET_INTERFACE)."""
    zfs_defaults: Mapping[str, str]
    """Properties whose default is another than ZFS 2.1's."""
    zfs_set_failed: int
    """The status of a zfs set(8) that fails."""
    zfs_names_holders: bool
    """Whether zfs destroy(8) of a held snapshot says so."""
    zfs_holds_in_seconds: bool
    """Whether zfs holds(8) has -p."""
    zfs_receives_in_hundredths: bool
    """Whether zfs receive -v(8) shows hundredths of a second."""
    zfs_resumes_with_force: bool
    """Whether the rest of a full stream over a dataset needs zfs receive -F(8)."""
    one_row_of_indices: bool
    """Interfaces of all network stacks share one sequence of indices."""
    rc_order: tuple[str, ...]
    """What a jail's /etc/rc prints between its network and its daemons."""
    rc_repeats_routes: bool
    """Whether it also prints on standard error that a route exists already."""
    zfs_usage_tail: str
    """The end of zfs(8)'s usage text."""
    goes_home: bool
    """jexec(8) -l and jail(8) change to root's home where no user is named (jexec.c, command.c)."""
    largest_record: str
    """The largest recordsize and volblocksize (libzfs_dataset.c)."""
    sets_below: bool
    """jail(8) runs exec.start in a cpuset below the jail's (root_cpuset_id() in command.c)."""
    ps_widens: bool
    """ps(1)'s -a selects every process, in spite of other selections (ps.c: nselectors = 0)."""


_RC_13 = (
    "Creating and/or trimming log files.",
    "Updating motd:.",
    "Clearing /tmp (X related).",
    "Updating /var/run/os-release done.",
)
RELEASES: Mapping[str, Release] = {
    "13.2": Release(
        version="13.2",
        kernel="13.2-RELEASE",
        osreldate=1302001,
        dist="13.2-RELEASE",
        cpu_words=4,
        netlink=False,
        bridge_sets_members=False,
        bridge_filters=False,
        tools_reach_jails=False,
        keeps_groups=False,
        names_by_jid=False,
        zfs_defaults={},
        zfs_set_failed=1,
        zfs_names_holders=False,
        zfs_holds_in_seconds=False,
        zfs_receives_in_hundredths=False,
        zfs_resumes_with_force=False,
        one_row_of_indices=False,
        rc_order=_RC_13,
        rc_repeats_routes=False,
        zfs_usage_tail="",
        goes_home=True,
        largest_record="1M",
        sets_below=False,
        ps_widens=False,
    ),
    "15.1": Release(
        version="15.1",
        kernel="15.1-RELEASE-p1",
        osreldate=1501000,
        dist="15.1-RELEASE",
        cpu_words=16,
        netlink=True,
        bridge_sets_members=True,
        bridge_filters=True,
        tools_reach_jails=True,
        keeps_groups=True,
        names_by_jid=True,
        zfs_defaults={"compression": "on", "relatime": "on", "volblocksize": "16384"},
        zfs_set_failed=255,
        zfs_names_holders=True,
        zfs_holds_in_seconds=True,
        zfs_receives_in_hundredths=True,
        zfs_resumes_with_force=True,
        one_row_of_indices=True,
        rc_order=(_RC_13[3], _RC_13[2], _RC_13[1], _RC_13[0]),
        rc_repeats_routes=True,
        zfs_usage_tail="\n\nFor further help on a command or topic, run: zfs help [<topic>]",
        goes_home=False,
        largest_record="16M",
        sets_below=True,
        ps_widens=True,
    ),
}
NEWEST = "15.1"


def chosen(version: str | None = None) -> Release:
    """Return the release of a new host: as named, or from the environment, or the newest.

    Raises ValueError for one that is not simulated.
    """
    wanted = version or os.environ.get(VARIABLE) or NEWEST
    if wanted not in RELEASES:
        raise ValueError(f"{VARIABLE}={wanted}: the simulated host is one of {', '.join(RELEASES)}")
    return RELEASES[wanted]
