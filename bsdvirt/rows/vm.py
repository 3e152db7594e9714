"""Rows of virtual machines."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from bsdvirt.rows.base import BYTES, SECONDS, Row, col
from bsdvirt.rows.guest import GuestInfo, Route, Usage


class DiskRow(Row, frozen=True, kw_only=True):
    """A disk, as `info` and `disk ls` print it."""

    name: Annotated[str, col("Name of the disk.")]
    bus: Annotated[str, col("Bus: virtio, nvme or ahci.")]
    slot: Annotated[int | None, col("PCI slot; that of the controller on ahci.")]
    port: Annotated[int | None, col("Port of the AHCI controller, on ahci.")]
    size: Annotated[int | None, col("Size of the zvol that its file asks for.", unit=BYTES)]
    used: Annotated[int | None, col("Disk space used by its zvol.", unit=BYTES)]
    path: Annotated[str, col("Device or file on the host.")]
    serial: Annotated[str | None, col("Serial number that the guest sees.")]
    eui64: Annotated[str | None, col("EUI-64 that the guest sees, on nvme.")]


class DriveRow(Row, frozen=True, kw_only=True):
    """A CD drive."""

    name: Annotated[str, col("Name of the drive.")]
    media: Annotated[str | None, col("Medium in it, as `media ls` names it.")]
    path: Annotated[str | None, col("File of the host in it.")]
    port: Annotated[int | None, col("Port of the AHCI controller.")]


class Vnc(Row, frozen=True, kw_only=True):
    """The VNC server of a virtual machine."""

    address: Annotated[str | None, col("Address that it listens on.")]
    port: Annotated[int | None, col("TCP port.")]
    socket: Annotated[str | None, col("Socket that it listens on instead.")] = None
    password: Annotated[str | None, col("Password of the present run.")]


class InstallerNic(Row, frozen=True, kw_only=True):
    """The settings of one interface, for an installer that asks for them."""

    mac: Annotated[str, col("MAC address.")]
    addresses: Annotated[list[str], col("Addresses with prefix lengths.")]
    gateways: Annotated[list[str], col("Gateways.")]
    routes: Annotated[list[Route], col("Static routes.")]


class Installer(Row, frozen=True, kw_only=True):
    """Network settings to enter into an installer: bsdvirt runs no DHCP server."""

    interfaces: Annotated[list[InstallerNic], col("Settings of each interface.")]
    dns: Annotated[list[str], col("Name servers.")]


class StopInfo(Row, frozen=True, kw_only=True):
    """How a virtual machine is stopped."""

    timeout: Annotated[int, col("How long its shutdown may take.", unit=SECONDS)]
    force: Annotated[bool, col("Whether it is powered off after that.")]


class VmInfo(GuestInfo, frozen=True, kw_only=True):
    """A virtual machine, as `info` prints it."""

    pid: Annotated[int | None, col("Process ID of bhyve.")]
    supervisor_pid: Annotated[int | None, col("Process ID of its supervisor.")]
    console_socket: Annotated[str, col("Socket of the console.")]
    console_device: Annotated[str, col("Device of the console, nmdm(4).")]
    runs: Annotated[int, col("How often bhyve was started since `start`.")]
    last_end: Annotated[str | None, col("How its last run ended.")]
    logs: Annotated[list[str], col("Paths of the logs of bhyve and of its supervisor.")]
    cpus: Annotated[int | UnsetType, col("Number of virtual CPUs.")] = UNSET
    memory: Annotated[int | UnsetType, col("Memory of the guest.", unit=BYTES)] = UNSET
    loader: Annotated[str | UnsetType, col("Boot loader.")] = UNSET
    vnc: Annotated[Vnc | None | UnsetType, col("VNC server; null if it is off.")] = UNSET
    installer: Annotated[Installer | UnsetType, col("Settings to enter in an installer.")] = UNSET
    disks: Annotated[list[DiskRow] | UnsetType, col("Disks.")] = UNSET
    cdroms: Annotated[list[DriveRow] | UnsetType, col("CD drives.")] = UNSET
    stop: Annotated[StopInfo | UnsetType, col("How the guest is stopped.")] = UNSET
    usage: Usage = UNSET
    resident_memory: Annotated[
        int | None | UnsetType,
        col("Host memory that the guest's memory takes. Running guests only.", unit=BYTES),
    ] = UNSET
