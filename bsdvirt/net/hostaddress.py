"""The host's own addresses on a network. Pure."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.plan.step import Command, InterfaceExists, Step, Undo


def add_address_step(interface: str, cidr: str) -> Step:
    """Give an address of the host to an interface."""
    drop = Command(_drop(interface, cidr), ok=(0, 1))
    return Step(
        Command(_add(interface, cidr)),
        f"the host's address {cidr} on {interface}",
        undo=(Undo(drop, InterfaceExists(interface)),),
    )


def remove_address_step(interface: str, cidr: str) -> Step:
    """Remove an address of the host from an interface."""
    return Step(
        Command(_drop(interface, cidr)),
        f"remove the host's address {cidr}",
        undo=(address_back(interface, cidr),),
    )


def address_back(interface: str, cidr: str) -> Undo:
    """Give an address back to an interface."""
    return Undo(Command(_add(interface, cidr)), InterfaceExists(interface))


def _add(interface: str, cidr: str) -> tuple[str, ...]:
    if ":" in cidr:
        return (tools.IFCONFIG, interface, "inet6", cidr, "alias", "-ifdisabled")
    return (tools.IFCONFIG, interface, "inet", cidr, "alias")


def _drop(interface: str, cidr: str) -> tuple[str, ...]:
    return (tools.IFCONFIG, interface, "inet6" if ":" in cidr else "inet", cidr, "-alias")
