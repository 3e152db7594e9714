"""Network interfaces of virtual machines. How each is written to bhyve's file is in bhyve/devices:
nic.py, and slirp.py for user networking."""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import BadValueError, Names, prop
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.nic import Nic
from bsdvirt.spec.types import GuestName

NOT_OF_SLIRP = {
    "address": ("pool", "dhcp"),
    "address6": ("pool", "none"),
    "aliases": ("[]",),
    "gateway": ("auto",),
    "gateway6": ("auto", "none"),
    "mtu": ("None",),
    "private": ("None",),
    "routes": ("[]",),
    "subnet": ("None",),
    "subnet6": ("None",),
    "tagged": ("None",),
    "vlan": ("None",),
}
"""What an interface with user networking cannot have, each with the values that ask for nothing.
A given MTU would be smaller than frames of bhyve's helper, which then ends (slirp-helper.c)."""


class VmNic(Nic, frozen=True, kw_only=True):
    """A network interface: a tap(4) on the bridge of the network, or user networking."""

    network: Annotated[
        GuestName,
        prop(
            "Network that the interface is connected to; `slirp` is user networking, which needs "
            "no network of the host, but FreeBSD 15 and the package libslirp.",
            names=Names.NETWORK,
        ),
    ]
    model: Annotated[
        Literal["virtio", "e1000"],
        prop(
            "Model of the network card.",
            becomes=DeviceKey("device", values={"virtio": "virtio-net", "e1000": "e1000"}),
        ),
    ] = "virtio"
    open: (
        Annotated[
            bool,
            prop(
                "Let a guest with user networking connect to the outside, which is the default; "
                "it then also reaches services of the host, those on 127.0.0.1 at 10.0.2.2.",
                becomes=DeviceKey("open", by="bhyve.devices.slirp"),
            ),
        ]
        | None
    ) = None

    @property
    def is_open(self) -> bool:
        """Whether user networking lets the guest connect to the outside."""
        return self.open is not False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.has_user_networking:
            if self.open is not None:
                raise BadValueError(
                    "only user networking has it", at="open",
                    hint="leave it out, or set the network to slirp",
                )  # fmt: skip
            return
        for name, usual in NOT_OF_SLIRP.items():
            if str(getattr(self, name)) not in usual:
                raise BadValueError(
                    "user networking has no such setting: bhyve gives the guest 10.0.2.15 by DHCP",
                    at=name, hint="leave it out, or use a network of the host",
                )  # fmt: skip
