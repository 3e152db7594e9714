"""Who a guest is and what it claims of this host: the ZFS property bsdvirt:guest.

It is not configuration: it does not roll back, and never travels with a copy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import LINE, BadValueError, Live, Spec, prop, shown
from bsdvirt.spec.types import AbsolutePath, GuestName, TagName

PROPERTY = "bsdvirt:guest"
MAX_BYTES = 8191
"""The longest user property that ZFS takes: shorter than ZAP_MAXVALUELEN, which is 8192
(zfs_check_userprops in zfs_ioctl.c of 13.2; captures/03: "property value too long")."""
MAX_ID = 2047
"""The highest id of a guest: its interfaces' units end at the kernel's last (see layout.py)."""
MAX_NICS = 8
TCP = "tcp:"
"""Begins a boot.ready that is a port."""


class Claim(Spec, frozen=True, kw_only=True):
    """What one network interface holds: its MAC address and the addresses given to it."""

    network: str
    mac: str
    address: str | None = None
    address6: str | None = None
    slot: int | None = None
    """The PCI slot of a virtual machine's card."""
    aliases: list[str] = []

    def addresses(self) -> list[str]:
        """All its addresses, with prefix lengths."""
        return [text for text in (self.address, self.address6, *self.aliases) if text]


class Alias(Spec, frozen=True, kw_only=True):
    """An address of the host's stack that a jail has: with its prefix, and the interface
    that has it as an alias only while the jail runs."""

    address: str
    interface: str = ""


class DiskClaim(Spec, frozen=True, kw_only=True):
    """Where a virtual machine's disk or drive is seen, and by what number: given once, and
    kept whatever its bus is, so that what the guest wrote down of it stays true."""

    slot: int | None = None
    """The PCI slot, on virtio and NVMe. None for a CD drive."""
    port: int
    """The port of the AHCI controller."""
    serial: str = ""
    eui64: str = ""


class Boot(Spec, frozen=True, kw_only=True):
    """Whether, and when, the guest starts at boot."""

    auto: Annotated[bool, prop("Start at boot.", live=Live.NOW)] = False
    order: Annotated[int, prop("Lower numbers start earlier.", live=Live.NOW, ge=0, le=9999)] = 100
    after: Annotated[
        list[GuestName],
        prop("Guests that must be ready before it starts.", live=Live.NOW, max_length=64),
    ] = []
    delay: Annotated[
        int, prop("Pause before the start.", live=Live.NOW, unit="s", ge=0, le=600)
    ] = 0
    ready: Annotated[
        str,
        prop(
            "Readiness test: `tcp:PORT`, which must answer, or a command line for its "
            "/bin/sh, which must succeed.",
            live=Live.NOW,
            pattern=LINE,
            max_length=255,
        ),
    ] = ""
    ready_timeout: Annotated[
        int,
        prop("Time to wait until it is ready.", live=Live.NOW, unit="s", ge=1, le=3600),
    ] = 60
    ready_policy: Annotated[
        Literal["continue", "fail"],
        prop(
            "If it does not start, or is not ready in time: `continue` starts the "
            "guests that wait for it, `fail` does not.",
            live=Live.NOW,
        ),
    ] = "fail"

    @property
    def ready_port(self) -> int | None:
        """The port that is to answer, where `ready` names one."""
        return int(self.ready[len(TCP) :]) if self.ready.startswith(TCP) else None

    def __post_init__(self) -> None:
        port = self.ready.removeprefix(TCP) if self.ready.startswith(TCP) else "1"
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
            raise BadValueError(f"{shown(self.ready)} names no port 1..65535", at="ready")
        for number, name in enumerate(self.after):
            if name in self.after[:number]:
                raise BadValueError(f"{name} is named twice", at=f"after.{number}")


class Identity(Spec, frozen=True, kw_only=True):
    """The value of bsdvirt:guest."""

    id: int
    uuid: str
    kind: Literal["jail", "vm"]
    created: str = ""
    """When, as 2026-11-21T10:30:00Z."""
    release: str = ""
    nics: list[Claim] = []
    next: list[Claim] | None = None
    """What the interfaces claim from the next start on, where that was changed while the
    guest ran: both are taken until then."""
    shared: list[Alias] = []
    """Addresses of the host's stack that a jail has for itself, as of its last start."""
    next_shared: list[Alias] | None = None
    """As `next`, of these."""
    boot: Boot = Boot()
    disks: dict[str, DiskClaim] = {}
    """Of a virtual machine, by name; CD drives too."""
    root: AbsolutePath | None = None
    """The directory that is its root, where that is none of ours; never taken away."""
    root_dataset: str = ""
    """The dataset that is mounted there, where the guest was made on one."""
    tags: list[TagName] = []
    """Words that it is selected by."""
    host: str = ""
    """The id of the host that it is a guest of: on another, it is foreign."""
    v: int = 1

    def shares(self) -> list[str]:
        """The addresses of the host's stack that it has or will have, with prefix lengths."""
        return [alias.address for alias in (*self.shared, *(self.next_shared or ()))]

    def addresses(self) -> list[str]:
        """All its addresses, without prefix lengths."""
        shared = [alias.address for alias in self.shared]
        every = [*shared, *(text for claim in self.nics for text in claim.addresses())]
        return [text.split("/")[0] for text in every]
