"""What disks, CD drives and the seed share: the AHCI controller, and keys of block devices."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.bhyve.devices.base import Pairs
from bsdvirt.spec.config_keys import AHCI_SLOT
from bsdvirt.spec.vm import MOST_CDROMS

DISK_PORTS = range(23)
SEED_PORT = 23
CDROM_PORTS = range(24, 24 + MOST_CDROMS)
PORTS = 32
"""Ports of bhyve's AHCI controller (MAX_PORTS in pci_ahci.c)."""
CONTROLLER = f"pci.0.{AHCI_SLOT}.0"


def port_node(port: int) -> str:
    """Return the node of a port in bhyve's configuration."""
    return f"{CONTROLLER}.port.{port}"


def on_controller(node: str) -> bool:
    """Return whether a node is a port of the controller."""
    return node.startswith(f"{CONTROLLER}.port.")


def controller(ports: Mapping[int, Pairs]) -> Pairs:
    """Return the keys of the controller with these ports."""
    below = [(f"port.{port}.{key}", value) for port in sorted(ports) for key, value in ports[port]]
    return [("device", "ahci"), *below]


def compact_disc(path: str, serial: str) -> Pairs:
    """Return the keys of a port with a CD in it."""
    return [("type", "cd"), ("path", path), ("ro", "true"), ("ser", serial)]
