"""Rows of the host: networks, port forwards, pools, findings."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from bsdvirt.rows.base import BYTES, Row, col
from bsdvirt.rows.guest import Route


class NetworkPort(Row, frozen=True, kw_only=True):
    """An interface on a network: a guest's, also while it does not run, or another member of the
    bridge."""

    interface: Annotated[str, col("Name of the interface on the host.")]
    member: Annotated[bool, col("Whether it is a member of the bridge now.")]
    guest: Annotated[str | None, col("Guest whose interface it is.")]
    nic: Annotated[int | None, col("Number of the interface in the guest, from 0.")]
    addresses: Annotated[list[str], col("Addresses of the guest's interface.")]
    uplink: Annotated[bool, col("Whether it is the uplink, or the vlan(4) interface on it.")]
    vlan: Annotated[int | None, col("Untagged VLAN, on a bridge that filters VLANs.")] = None
    tagged: Annotated[str | None, col("Tagged VLANs, on a bridge that filters VLANs.")] = None


class AddressUse(Row, frozen=True, kw_only=True):
    """How much of a range of addresses is in use."""

    pool: Annotated[str, col("The range, as the network's file has it.")]
    size: Annotated[int, col("Addresses in it that guests may get.")]
    used: Annotated[int, col("Of these, addresses that guests have.")]
    free: Annotated[int, col("Of these, addresses that are free.")]


class NetworkRow(Row, frozen=True, kw_only=True):
    """A network, as `network ls` and `network info` print it. Of one with a broken file, or
    whose address is not confirmed, what is unknown is null."""

    name: Annotated[str, col("Name of the network.")]
    bridge: Annotated[str | None, col("Bridge interface.")] = None
    uplink: Annotated[str | None, col("Interface of the host on the bridge.")] = None
    vlan: Annotated[int | None, col("VLAN tag on the uplink.")] = None
    private: Annotated[bool | None, col("Whether its guests are isolated from each other.")] = None
    nat: Annotated[str | None, col("State of NAT: off, active or inactive.")] = None
    nat_why: Annotated[str | None, col("Why NAT is not active.")] = None
    state: Annotated[str, col("State: up, partial, down, broken or unconfirmed.")]
    addresses: Annotated[list[str] | None, col("Addresses of the host on the bridge.")] = None
    subnets: Annotated[
        list[str] | None, col("Subnets of its guests that the host has no address in.")
    ] = None
    pools: Annotated[list[str] | None, col("Ranges that guests' addresses come from.")] = None
    gateway: Annotated[str | None, col("IPv4 gateway of its guests.")] = None
    gateway6: Annotated[str | None, col("IPv6 gateway of its guests.")] = None
    routes: Annotated[list[Route] | None, col("Static routes of its guests.")] = None
    mtu: Annotated[int | None, col("MTU, in bytes.")] = None
    members: Annotated[list[str] | None, col("Members of the bridge.")] = None
    guests: Annotated[list[str] | None, col("Guests with an interface on it.")] = None
    description: Annotated[str | None, col("Description.")] = None
    config: Annotated[dict[str, Any] | None, col("Properties in its file.")] = None
    error: Annotated[str | None, col("What is wrong with its file.")] = None
    why: Annotated[str | None, col("Why it is not up, or only in part.")] = None
    ports: Annotated[
        list[NetworkPort] | None,
        col("Interfaces of its guests, and the other members of the bridge."),
    ] = None
    use: Annotated[list[AddressUse] | None, col("How much of each of its pools is in use.")] = None


class InterfaceRow(Row, frozen=True, kw_only=True):
    """A network interface of the host, as `network interfaces` lists it."""

    name: Annotated[str, col("Name of the interface.")]
    up: Annotated[bool, col("Whether it is up.")]
    bridge: Annotated[bool, col("Whether it is a bridge.")]
    addresses: Annotated[list[str], col("Addresses with prefix lengths.")]
    mtu: Annotated[int, col("MTU.", unit=BYTES)]
    networks: Annotated[list[str], col("Networks that it is the uplink or the bridge of.")]
    description: Annotated[str, col("Description.")]


class ExposeRow(Row, frozen=True, kw_only=True):
    """A port forward, as `expose` lists it."""

    guest: Annotated[str, col("Name of the guest.")]
    expose: Annotated[str, col("The forward, as the guest's file has it.")]
    protocol: Annotated[str, col("Either tcp or udp.")]
    ports: Annotated[list[int], col("First and last port on the host.")]
    guest_ports: Annotated[list[int], col("First and last port of the guest.")]
    on: Annotated[str | None, col("Address of the host that it is bound to.")]
    source: Annotated[str | None, col("Network or address that may connect.")] = msgspec.field(
        name="from"
    )
    interfaces: Annotated[list[str], col("Interfaces of the host that it listens on.")]
    to: Annotated[list[str], col("Addresses of the guest.")]
    by: Annotated[str, col("What forwards it: pf, or bhyve by user networking.")]
    state: Annotated[str, col("Either active or inactive.")]
    why: Annotated[str, col("Why it is inactive.")]


class PoolRow(Row, frozen=True, kw_only=True):
    """A pool that guests are created on, as `pool ls` lists it."""

    name: Annotated[str, col("Name of the pool.")]
    dataset: Annotated[str | None, col("Dataset that holds its guests.")]
    mountpoint: Annotated[str | None, col("Mount point of the dataset.")]
    state: Annotated[str, col("State: mounted, unmounted, locked, absent or broken.")]
    first: Annotated[bool, col("Whether it is the pool that the host file names.")]
    guests: Annotated[list[str], col("Guests on it.")]
    used: Annotated[int | None, col("Disk space used.", unit=BYTES)]
    available: Annotated[int | None, col("Disk space available.", unit=BYTES)]
    why: Annotated[str, col("Why it is absent or broken.")]


class Finding(Row, frozen=True, kw_only=False):
    """A finding of `doctor`."""

    subject: Annotated[str, col("What it is about: a guest, a network, a file.")]
    message: Annotated[str, col("What is wrong.")]
    remedy: Annotated[str, col("What to do about it.")]
    problem: Annotated[bool, col("Whether it is a problem, or only a notice.")] = True
    repair: Annotated[str, col("What --repair does about it; empty if it does nothing.")] = ""


class PlannedRow(Row, frozen=True, kw_only=True):
    """A repair that `doctor --repair -n` shows."""

    name: Annotated[str, col("Name of the guest, network or other object.")]
    plan: Annotated[str, col("The commands as shell, as it prints them without --json.")]
