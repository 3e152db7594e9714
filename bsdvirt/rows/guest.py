"""Rows of guests of either kind."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from bsdvirt.rows.base import BYTES, PERCENT, RATE, SECONDS, Row, col, old_name

USAGE_UNITS = {
    "coredumpsize": BYTES, "cputime": SECONDS, "datasize": BYTES, "memorylocked": BYTES,
    "memoryuse": BYTES, "msgqsize": BYTES, "pcpu": PERCENT, "readbps": RATE, "shmsize": BYTES,
    "stacksize": BYTES, "swapuse": BYTES, "vmemoryuse": BYTES, "wallclock": SECONDS,
    "writebps": RATE,
}  # fmt: skip
"""The units of rctl(8)'s resources; the others are counts."""

Usage = Annotated[
    dict[str, int] | UnsetType,
    col("Resources used now, by rctl(8)'s name. Running guests only.", units=USAGE_UNITS),
]


class Replica(Row, frozen=True, kw_only=True):
    """Another host that has a guest, too."""

    host: Annotated[str, col("The host, as ssh takes it, or of a source the name it has itself.")]
    name: Annotated[str, col("Name of the guest there.")]
    time: Annotated[str, col("When the last snapshot was taken that is there in full; or empty.")]
    every: Annotated[str, col("How often it is sent there; empty if not by itself.")]
    error: Annotated[str, col("Why the last run failed; empty if it did not.")]


class Guest(Row, frozen=True, kw_only=True):
    """What `ls` and `info` both print of a guest."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str | None, col("Either jail or vm; null if a foreign guest's is unknown.")]
    state: Annotated[
        str, col("State, such as running, stopped, failed, paused, template or foreign.")
    ]
    id: Annotated[int | None, col("Number of the guest on this host, from 1 up.")]
    jid: Annotated[int | None, col("Jail ID of a running jail.")]
    addresses: Annotated[
        list[str], col("IP addresses, without prefix lengths; those from DHCP included.")
    ]
    autostart: Annotated[bool, col("Whether it starts at boot.")]
    tags: Annotated[list[str], col("Tags.")]
    release: Annotated[str, col("Release that a jail was created from.")]
    used: Annotated[int, col("Disk space used, snapshots included.", unit=BYTES)]
    pool: Annotated[str, col("Dataset of the pool that the guest is on.")]
    role: Annotated[
        str | UnsetType,
        col(
            "Role of a guest that is on several hosts: source, standby, copy, moved or superseded;"
            " unreadable if its property bsdvirt:replica is."
        ),
    ] = UNSET
    replicas: Annotated[
        list[Replica] | UnsetType,
        col("Where it is sent to, or where a standby or copy comes from."),
    ] = UNSET


class GuestRow(Guest, frozen=True, kw_only=True):
    """A guest, as `ls` lists it."""

    networks: Annotated[list[str], col("Networks that it is connected to.")]
    boot_order: Annotated[
        int | None, col("Position of its start at boot; null if it does not start then.")
    ]
    root: Annotated[str, old_name("pool")]


class Nic(Row, frozen=True, kw_only=True):
    """A network interface of a guest."""

    network: Annotated[str, col("Network that it is connected to.")]
    mac: Annotated[str, col("MAC address.")]
    address: Annotated[str | None, col("IPv4 address with prefix length.")]
    address6: Annotated[str | None, col("IPv6 address with prefix length.")]
    aliases: Annotated[list[str], col("Further addresses with prefix lengths.")]
    interface: Annotated[
        str | None, col("Interface on the host while it exists: a tap, or one end of an epair.")
    ]
    tap: Annotated[str | UnsetType, col("Name of a virtual machine's tap interface.")] = UNSET
    slot: Annotated[int | None | UnsetType, col("PCI slot of a virtual machine's card.")] = UNSET


class NicRow(Nic, frozen=True, kw_only=True):
    """A network interface, as `nic ls` lists it."""

    number: Annotated[int, col("Number of the interface, from 0.")]
    model: Annotated[str | None, col("Model of a virtual machine's card.")]
    mtu: Annotated[int | None, col("MTU in bytes, if the guest's file sets one.")]


class Boot(Row, frozen=True, kw_only=True):
    """How a guest starts at boot; what has its default is left out."""

    auto: Annotated[bool, col("Whether it starts at boot.")]
    order: Annotated[int, col("Position: lower numbers start earlier.")]
    after: Annotated[list[str] | UnsetType, col("Guests that must be up before it.")] = UNSET
    delay: Annotated[int | UnsetType, col("Pause before its start.", unit=SECONDS)] = UNSET
    ready: Annotated[str | UnsetType, col("Readiness test: tcp:PORT, or a command.")] = UNSET
    ready_timeout: Annotated[
        int | UnsetType, col("How long to wait for readiness.", unit=SECONDS)
    ] = UNSET
    ready_policy: Annotated[
        str | UnsetType, col("Whether guests after it start if it fails: continue or fail.")
    ] = UNSET


class Reached(Row, frozen=True, kw_only=True):
    """A limit of rctl(8) that a guest has reached within the last day."""

    resource: Annotated[str, col("Resource, as rctl(8) names it.")]
    per: Annotated[str | None, col("What it is accounted for, if that is not the guest.")]
    limit: Annotated[int, col("The limit, in the unit of the resource.")]
    times: Annotated[int, col("How often the kernel has reported it, at least.")]
    last: Annotated[str, col("Time of the last report, UTC, as 2026-11-21T10:30:00Z.")]


class GuestInfo(Guest, frozen=True, kw_only=True):
    """What `info` prints of a guest of either kind."""

    uuid: Annotated[str, col("UUID of the guest.")]
    created: Annotated[str, col("Time of creation, UTC, as 2026-11-21T10:30:00Z.")]
    dataset: Annotated[str, col("Dataset of the guest.")]
    home: Annotated[str, old_name("pool")]
    root_dataset: Annotated[str | None, col("Existing dataset that serves as a jail's root.")]
    origin: Annotated[str | None, col("Snapshot that its root or first disk is a clone of.")]
    nics: Annotated[list[Nic], col("Network interfaces.")]
    boot: Annotated[Boot, col("How it starts at boot.")]
    log: Annotated[str, col("Path of the console log.")]
    config: Annotated[dict[str, Any], col("Properties in its file; `error` if it is unreadable.")]
    claimed_cpus: Annotated[
        str | UnsetType, col("CPUs of the host that placement has chosen for it.")
    ] = UNSET
    exclusive: Annotated[bool | UnsetType, col("Whether no other guest may run on these CPUs.")] = (
        UNSET
    )
    failure: Annotated[str | UnsetType, col("Why its last start failed.")] = UNSET
    reached: Annotated[list[Reached], col("Limits that it has reached within the last day.")] = []


class ForeignInfo(Guest, frozen=True, kw_only=True):
    """A guest that belongs to another host, as `info` prints it."""

    dataset: Annotated[str, col("Dataset of the guest.")]
    home: Annotated[str, old_name("pool")]
    root: Annotated[str, old_name("pool")]
    why: Annotated[str, col("Why it is foreign.")]
    adopt: Annotated[str, col("Command that adopts it.")]
    asks: Annotated[dict[str, Any], col("Properties in its file that use something of the host.")]
    config: Annotated[dict[str, Any], col("Properties in its file; `error` if it is unreadable.")]
    datasets: Annotated[
        dict[str, dict[str, str]],
        col("Mount points and the like that its datasets set themselves, by dataset."),
    ]
    was: Annotated[dict[str, Any] | UnsetType, col("Its identity on the other host.")] = UNSET


class UsageRow(Row, frozen=True, kw_only=True):
    """What a running guest uses, as `stats` lists it: rates since a moment before."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("Kind: jail or vm.")]
    jid: Annotated[int | None, col("Jail ID of a jail.")]
    pid: Annotated[int | None, col("Process ID of a virtual machine's bhyve.")]
    cpu: Annotated[int | None, col("CPU time, in percent of one CPU.", unit=PERCENT)]
    cpu_of_set: Annotated[
        float | None, col("CPU time, in percent of the CPUs that it may use.", unit=PERCENT)
    ]
    cpu_of_host: Annotated[
        float | None, col("CPU time, in percent of the host's CPUs.", unit=PERCENT)
    ]
    cpus: Annotated[int | None, col("Number of CPUs that it may use.")]
    memory: Annotated[int | None, col("Resident memory.", unit=BYTES)]
    memory_limit: Annotated[int | None, col("Most memory that it may use.", unit=BYTES)]
    virtual: Annotated[int | None, col("Address space.", unit=BYTES)]
    swap: Annotated[int | None, col("Swap space reserved or used.", unit=BYTES)]
    processes: Annotated[int | None, col("Number of processes.")]
    threads: Annotated[int | None, col("Number of threads.")]
    files: Annotated[int | None, col("Number of open files.")]
    read: Annotated[int | None, col("Bytes read from its datasets.", unit=RATE)]
    write: Annotated[int | None, col("Bytes written to its datasets.", unit=RATE)]
    reads: Annotated[int | None, col("Read operations a second.")]
    writes: Annotated[int | None, col("Write operations a second.")]
    net_in: Annotated[int | None, col("Bytes received.", unit=RATE)]
    net_out: Annotated[int | None, col("Bytes sent.", unit=RATE)]
    packets_in: Annotated[int | None, col("Packets received a second.")]
    packets_out: Annotated[int | None, col("Packets sent a second.")]
    used: Annotated[int | None, col("Disk space used.", unit=BYTES)]
    cputime: Annotated[int | None, col("CPU time since it started.", unit=SECONDS)]
    uptime: Annotated[int | None, col("Time since it started.", unit=SECONDS)]


class BootRow(Row, frozen=True, kw_only=True):
    """A guest, as `boot status` lists it."""

    name: Annotated[str, col("Name of the guest.")]
    starts: Annotated[bool, col("Whether it starts at boot, itself or for another guest.")]
    auto: Annotated[bool, col("Value of boot.auto.")]
    order: Annotated[int, col("Value of boot.order.")]
    after: Annotated[list[str], col("Value of boot.after.")]
    ready: Annotated[str, col("Value of boot.ready.")]
    state: Annotated[str, col("State of the guest.")]


class PlannedStart(Row, frozen=True, kw_only=True):
    """A guest in the order of `boot plan`."""

    name: Annotated[str, col("Name of the guest.")]
    order: Annotated[int, col("Value of boot.order.")]
    after: Annotated[list[str], col("Existing guests that it waits for.")]
    delay: Annotated[int, col("Pause before its start.", unit=SECONDS)]
    ready: Annotated[str, col("Readiness test: tcp:PORT, or a command.")]
    ready_timeout: Annotated[int, col("How long to wait for readiness.", unit=SECONDS)]
    ready_policy: Annotated[str, col("Whether guests after it start if it fails.")]
    why: Annotated[str, col("Why it starts: boot.auto, named, or the guest that waits for it.")]
    depth: Annotated[int, col("Length of the longest chain of guests before it.")]


class MissingGuest(Row, frozen=True, kw_only=True):
    """A boot.after that names no guest of this host."""

    guest: Annotated[str, col("Name of the guest.")]
    after: Annotated[str, col("The name that its boot.after has.")]


class BootPlan(Row, frozen=True, kw_only=True):
    """The order of starts at boot, as `boot plan` prints it."""

    networks: Annotated[list[str], col("Networks that the guests are connected to.")]
    guests: Annotated[list[PlannedStart], col("Guests in the order of their start.")]
    circles: Annotated[list[list[str]], col("Circles of guests that wait for one another.")]
    stuck: Annotated[list[str], col("Guests that cannot start because of a circle.")]
    missing: Annotated[list[MissingGuest], col("Guests that boot.after names and do not exist.")]


class Route(Row, frozen=True, kw_only=True):
    """A static route."""

    to: Annotated[str, col("Destination network.")]
    via: Annotated[str, col("Gateway.")]


class OutcomeRow(Row, frozen=True, kw_only=True):
    """The result of a change to one object."""

    name: Annotated[str, col("Name of the guest, network or other object.")]
    ok: Annotated[bool, col("Whether it succeeded.")]
    message: Annotated[str, col("What was done, or the error.")]
    hint: Annotated[str, col("What to do about an error.")]
    notes: Annotated[list[str], col("Further remarks.")]
    plan: Annotated[
        str | None, col("With -n, the commands as shell, as it prints them without --json.")
    ] = None


def boot_of(values: dict[str, Any]) -> Boot:
    """Return the row of a guest's boot properties."""
    return msgspec.convert(values, Boot)
