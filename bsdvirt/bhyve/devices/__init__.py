"""The registry of devices: one line each."""

from __future__ import annotations

from bsdvirt.bhyve.devices.audio import AudioDevice
from bsdvirt.bhyve.devices.base import Device
from bsdvirt.bhyve.devices.cdrom import Cdroms
from bsdvirt.bhyve.devices.console import Console
from bsdvirt.bhyve.devices.disk import Disks
from bsdvirt.bhyve.devices.firmware import FirmwareDevice
from bsdvirt.bhyve.devices.framebuffer import Framebuffer
from bsdvirt.bhyve.devices.hostbridge import HostBridge
from bsdvirt.bhyve.devices.nic import Nics
from bsdvirt.bhyve.devices.passthru import Passthru
from bsdvirt.bhyve.devices.rng import Rng
from bsdvirt.bhyve.devices.seed import Seed
from bsdvirt.bhyve.devices.slirp import UserNetwork
from bsdvirt.bhyve.devices.tpm import Tpm

DEVICES: tuple[Device, ...] = (
    Nics(),
    UserNetwork(),
    Disks(),
    Console(),
    Cdroms(),
    Seed(),
    HostBridge(),
    Rng(),
    Framebuffer(),
    AudioDevice(),
    Passthru(),
    Tpm(),
    FirmwareDevice(),
)
"""In the order in which a start checks and makes them."""
